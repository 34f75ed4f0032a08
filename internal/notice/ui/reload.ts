import { renew } from "./fresh";
import { part } from "./parts";

/** What has the focus, in shadow roots too. */
const focused = () => {
  let at = document.activeElement;
  while (at?.shadowRoot?.activeElement) at = at.shadowRoot.activeElement;
  return at as HTMLInputElement | null;
};

/** A document, and the shadow roots in it but for ours. */
const roots = (root: ParentNode): ParentNode[] =>
  [root, ...[...root.querySelectorAll(":not(temoin-notice)")].flatMap((e) => (e.shadowRoot ? roots(e.shadowRoot) : []))];

/** Whether the value of a field is not the one that it came with. */
const differs = (e: HTMLInputElement) =>
  /^(check|radio)/.test(e.type) ? e.checked != e.defaultChecked : !/^(range|color)/.test(e.type) && e.value != e.defaultValue;

/**
 * Whether the visitor typed something into the page, which would be lost. What the page's own
 * scripts have filled in does not count, where the browser tells them apart; one that is being
 * typed into does not count for it yet.
 */
const typed = () => {
  const tells = CSS.supports("selector(:user-valid)");
  const at = focused();
  if (at && /^(input|textarea)$/.test(at.localName) && differs(at)) return true;
  return roots(document).some(
    (r) =>
      // Of an editor it is not known what stood there from the beginning: to offer loses nothing.
      [...r.querySelectorAll("[contenteditable]:not([contenteditable=false])")].some((e) => e.textContent!.trim()) ||
      (tells ? r.querySelector(":user-valid,:user-invalid") : [...r.querySelectorAll<HTMLInputElement>("input,textarea")].some(differs)),
  );
};

/** Offers to load the page again. */
const offer = (root: ShadowRoot, words: DOMStringMap) => {
  const note = document.createElement("p");
  const button = document.createElement("button");
  note.setAttribute("part", "note");
  note.setAttribute("role", "status");
  button.setAttribute("part", "button reload");
  button.textContent = words.reload ?? "↻";
  button.onclick = (e) => {
    e.stopPropagation(); // the first layer takes clicks on buttons for its own
    renew();
  };
  part(root, "note")?.remove(); // one that was made before
  const open = part(root, "open");
  if (open) open.style.display = "none"; // its place is taken
  (open?.parentNode ?? root).append(note);
  note.append(words.typed ?? "", " ", button);
};

/** Loads the page again, or offers to: where something was typed, or where it is not to be done unasked. */
export const reload = (root: ShadowRoot, words: DOMStringMap, unasked = true) => {
  if (unasked && !typed()) renew();
  else offer(root, words);
};
