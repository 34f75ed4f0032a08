/** Where the focus was in the page before it came to the host. */
let before: HTMLElement | null;

/** Notes from where the focus comes to the host. */
export const noteFocus = (host: HTMLElement) =>
  host.addEventListener("focusin", (e) => {
    before = (e.relatedTarget as HTMLElement | null) ?? before;
  });

/** Focuses what takes no focus by itself, without scrolling to it. */
export const focusText = (e: HTMLElement | null) => {
  if (!e) return;
  e.tabIndex = -1;
  e.focus({ preventScroll: true });
};

/** Gives the focus back to the page: where it was, else to the first heading of <main>. */
export const returnFocus = () => {
  if (before?.isConnected) before.focus({ preventScroll: true });
  else focusText(document.querySelector("main :is(h1,h2,h3,h4,h5,h6)"));
};
