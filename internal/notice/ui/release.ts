// Releasing: what is held gets back what was taken from it, in the order in which it would have
// come. Attributes are all that changes: a framework may own the elements.
import { kept, mark } from "./mark";
import { trust } from "./trust";

const temoin = window.temoin;

/** Everything marked under a root, in document order, in templates and open shadow roots too. */
function* marked(root: ParentNode): Generator<Element> {
  for (const el of root.querySelectorAll("*")) {
    if (el.hasAttribute(mark)) yield el;
    const inner = el.shadowRoot ?? (el as HTMLTemplateElement).content;
    if (inner instanceof DocumentFragment) yield* marked(inner);
  }
}

/**
 * Gives an element back what was taken from it. A script is the one that it was: it has not
 * run, since it had no type that runs, and runs when it is given its address.
 */
const free = (el: Element) => {
  const script = el.localName == "script";
  // A frame that is sent elsewhere leaves an entry in the history of the tab, one that is
  // inserted does not.
  const parent = /^i?frame/.test(el.localName) && el.parentNode;
  const next = el.nextSibling;
  if (parent) el.remove();
  el.removeAttribute(mark);
  if (el.getAttribute("type") == "text/plain") el.removeAttribute("type");
  // From the end of the alphabet: the type before the address, which starts a script.
  for (const name of el.getAttributeNames().sort().reverse()) {
    if (name.startsWith(kept)) {
      const value = el.getAttribute(name)!;
      el.removeAttribute(name);
      const own = name.slice(kept.length);
      if (value) el.setAttribute(own, (script && trust?.createScriptURL(value)) || value);
      else el.removeAttribute(own);
    }
  }
  if (parent) parent.insertBefore(el, next);
  // A script without an address runs when something is put into it.
  if (script && !el.hasAttribute("src") && el.isConnected) el.append("");
};

const address = (el: Element) => el.getAttribute(kept + "src") ?? "";

/** The service that frees an element, if one does. */
const freeBy = (el: Element) => el.getAttribute(mark)?.split(" ").find(temoin.allows);

/** Resolves when a script has run or failed, or has said nothing for too long. */
const end = (el: Element) =>
  new Promise((resolve) => {
    el.addEventListener("load", resolve);
    el.addEventListener("error", resolve);
    setTimeout(resolve, 9000);
  });

/**
 * Frees what may be freed: the server's markup in document order, then what scripts had
 * inserted, and last the scripts that would have waited for the end of the page. A script
 * with an address ends before the next thing begins, unless it is async.
 */
const release = async (waiting: Set<Element>) => {
  const markup = [...marked(document)].filter((el) => !waiting.has(el));
  const inserted = new Set(waiting);
  const list = [...markup, ...waiting];
  const addresses = new Set(markup.filter((el) => el.localName == "script").map(address));
  const isLate = (el: Element) =>
    el.localName == "script" &&
    (el.getAttribute(kept + "type") == "module" || (el.hasAttribute("defer") && el.hasAttribute(kept + "src")));
  for (const el of [...list.filter((el) => !isLate(el)), ...list.filter(isLate)]) {
    const id = freeBy(el);
    if (!id || /^(pre|dns)/.test((el as HTMLLinkElement).rel)) continue; // it comes too late to be of use
    if (
      // React inserts an async script again that it does not find, since the server held it.
      (waiting.delete(el) && addresses.has(address(el)) && (el as HTMLScriptElement).async) ||
      // It may have inserted it already, if it came into the page after the choice.
      (el.hasAttribute("async") && [...document.scripts].some((s) => !s.hasAttribute(mark) && s.src == address(el)))
    ) {
      el.removeAttribute(mark);
      continue;
    }
    temoin.ran?.push(id);
    // Of a type that only another script runs, nobody hears when it has.
    const runs =
      el.localName == "script" &&
      el.hasAttribute(kept + "src") &&
      el.isConnected &&
      !(el as HTMLScriptElement).noModule &&
      !/party|lazy/.test(el.getAttribute(kept + "type")!);
    // What a script makes is async unless it says otherwise, what a parser makes is not.
    const async = inserted.has(el) ? (el as HTMLScriptElement).async : el.hasAttribute("async");
    const ended = runs && !async && end(el);
    free(el);
    await ended;
  }
  dispatchEvent(new Event("ptupdate")); // Partytown looks for its scripts then
};

let last: Promise<void> | undefined;
let watching = false;

/** Releases after what is being released already. */
export const queue = (waiting: Set<Element>) => {
  const before = last;
  last = (async () => {
    await before;
    await release(waiting);
  })();
  if (watching) return;
  watching = true;
  // What was held before the choice can come into the page after it.
  const late = (node: Node) =>
    node instanceof Element && [node, ...node.querySelectorAll(`[${mark}]`)].some((el) => freeBy(el));
  new MutationObserver((records) => {
    if (records.some((r) => [...r.addedNodes].some(late))) queue(waiting);
  }).observe(document, { childList: true, subtree: true });
  // Nobody tells of what the parser puts into a shadow root.
  addEventListener("load", () => queue(waiting));
};
