/**
 * Puts the host back first into the body when a framework has removed it or made
 * another body. Not more than ten times in five seconds: somebody may remove it each
 * time.
 */
export const stay = (host: HTMLElement) => {
  let left = 10;
  const watch = new MutationObserver(() => keep());
  const keep = () => {
    const body = document.body;
    if (!body) return;
    watch.observe(document.documentElement, { childList: true });
    watch.observe(body, { childList: true });
    if (host.isConnected || !left) return;
    left--;
    setTimeout(() => left++, 5e3);
    const other = body.querySelector(host.localName); // came with the new body, and is no more than its HTML
    if (other) other.replaceWith(host);
    else body.prepend(host);
  };
  keep();
};
