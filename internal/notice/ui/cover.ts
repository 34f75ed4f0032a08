/**
 * Keeps the page's scrolling clear of the notice, and what has the focus in the page
 * out from behind it. Returns what is to be called when another section takes the
 * place of the one that was there.
 */
export const keepClear = (host: HTMLElement, section: () => HTMLElement) => {
  const sheet = new CSSStyleSheet();
  document.adoptedStyleSheets = [...document.adoptedStyleSheets, sheet];
  const pad = (room: boolean) => {
    const r = section().getBoundingClientRect();
    const below = innerHeight - r.top;
    const edge = below > r.bottom ? `padding-block-start:${r.bottom}px;` : `padding-block-end:${below}px;`;
    sheet.replaceSync(r.height ? `:root:root{scroll-${edge}${room ? edge : ""}}` : "");
  };
  const size = new ResizeObserver(() => pad(false));
  document.addEventListener("focusin", (e) => {
    const target = e.target as Element;
    const a = target.getBoundingClientRect();
    const b = section().getBoundingClientRect();
    if (target != host && a.bottom > b.top && a.top < b.bottom && a.height < innerHeight - b.height) {
      pad(true); // the end of the page could not be scrolled up further
      target.scrollIntoView({ block: "center" });
    }
  });
  return () => size.observe(section());
};
