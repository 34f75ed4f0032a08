// The first layer: its buttons send without leaving the page. What is seldom needed, as when a
// choice is not kept at once, is with the preference centre.

import "../types";
import { fields } from "../fields";

const doc = document;
const host = doc.currentScript!.parentElement!;
const root = host.shadowRoot!;
const find = (selector: string): any => root.querySelector(selector);
const dialog: HTMLDialogElement | null = find("dialog");
const status = find("[part=status]");

/** How often the host may be put back now. */
let left = 9;

/** Where the focus was in the page before it came to the host. */
let before: any;

/** Hides the notice. A focus that was in it goes back to where it was, else to the first heading of <main>. */
const hide = () => {
  dialog?.close();
  if (doc.activeElement == host) {
    before?.isConnected || ((before = doc.querySelector("main h1,main h2")) && (before.tabIndex = -1));
    before?.focus({ preventScroll: true });
  }
  host.dataset.done = "1";
};

const choose = (form: HTMLFormElement, action: string) => {
  if (host.dataset.done) return;
  const body = fields(form, action);
  status.textContent = "";
  hide();
  fetch(temoin.p + "choice", { method: "POST", body, keepalive: true })
    .then((r) => (r.ok ? r.json() : Promise.reject(r)))
    .catch((failure) => temoin.k("x", [failure, body, root]))
    .then((now) => {
      status.role = now?.i ? "status" : "alert";
      if (now?.i) {
        status.textContent = find("[part=saved]").firstChild.data;
        temoin.s(now);
      } else {
        delete host.dataset.done;
        status.textContent = now || find("section").dataset.failed;
      }
    });
};

root.addEventListener("submit", (e) => {
  const button = (e as SubmitEvent).submitter as HTMLButtonElement;
  if (button.formMethod == "dialog") return;
  e.preventDefault();
  if (button.formMethod == "get") dialog!.showModal();
  else choose(e.target as HTMLFormElement, button.value);
});

find("section").onkeydown = (e: KeyboardEvent) => {
  if (e.key == "Escape") choose(find("form"), "close");
};

temoin.on("change", hide); // in another tab, or in the preference centre

host.onfocus = (e) => (before = e.relatedTarget || before);

// A framework may remove the host, or make another body. It is put back, not more than nine
// times in five seconds: somebody may remove it each time.
new MutationObserver(() => {
  if (!host.isConnected && left) {
    left--;
    setTimeout(() => left++, 5e3);
    doc.querySelector("temoin-notice")?.remove(); // came with the new body, and is no more than its HTML
    doc.body?.prepend(host);
  }
}).observe(doc, { childList: true, subtree: true });
