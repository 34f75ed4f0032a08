/**
 * The policy by which a page that asks for Trusted Types lets our strings pass: addresses that
 * its server or its author wrote, and markup that stands in the tag. Nothing where the browser
 * has none, or the page names policies and not this one.
 */
export const trust: { createHTML(s: string): string; createScriptURL(s: string): string } | undefined = (() => {
  try {
    const same = (s: string) => s;
    return (window as any).trustedTypes.createPolicy("temoin", { createHTML: same, createScriptURL: same });
  } catch {
    return;
  }
})();
