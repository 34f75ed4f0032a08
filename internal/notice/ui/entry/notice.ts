// The first layer: its buttons send without leaving the page. What is seldom needed, as when a
// choice is not kept at once, is with the preference centre.

import "../types";

const doc = document;
const host = doc.currentScript!.parentElement!;
// What is not looked at before it is needed costs a page no memory.
const find = (selector: string): any => host.shadowRoot!.querySelector(selector);
const at = (e: Event, selector: string): any => (e.composedPath()[0] as Element).closest(selector);

/** How often the host may be put back now. */
let left = 9;

/** Where the focus was in the page before it came to the host. */
let before: any;

/** Hides the notice. A focus that was in it goes back to where it was, else to the first heading of <main>. */
const hide = () => {
  find("dialog")?.close();
  if (doc.activeElement == host) {
    before?.isConnected || ((before = doc.querySelector("main h1,main h2")) && (before.tabIndex = -1));
    before?.focus({ preventScroll: 1 as any });
  }
  host.dataset.done = 1 as any;
};

const choose = (form: HTMLFormElement, action: string) => {
  if (host.dataset.done) return;
  // What "fields" does, here without a function of its own: this stands in every page.
  const body = new URLSearchParams([
    ...(new FormData(form) as any),
    ["action", action],
    ["id", ("0" + Date.now().toString(16)).replace(/.{8}/, "$&-") + URL.createObjectURL(new Blob()).slice(-23).replace(4 as any, 7 as any)],
  ]);
  const status = find("[part=status]");
  status.textContent = "";
  hide();
  fetch(temoin.p + "choice", { method: "POST", body, keepalive: 1 as any })
    .then((r) => (r.ok ? r.json() : Promise.reject(r)))
    .catch((failure) => temoin.k("x", [failure, body]))
    .then((now) => {
      status.role = now.i ? "status" : "alert";
      if (now.i) {
        status.textContent = find("[part=saved]").firstChild.data;
        temoin.s(now);
      } else {
        delete host.dataset.done;
        status.textContent = now || find("section").dataset.failed;
      }
    });
};

host.onclick = (e) => {
  const button = at(e, "button:not([formmethod=dialog])"); // that one closes it by itself
  if (!button) return;
  if (button.value) choose(button.form, button.value);
  else find("dialog").showModal(); // where there is none this ends here, and the browser goes to the page
  e.preventDefault();
};

host.onkeydown = (e) => {
  if (e.key == "Escape" && at(e, "section")) choose(find("form"), "close");
  // In a box it would save: the key with which the dialog was opened, if it is held down.
  if (e.key == "Enter" && at(e, "input")) e.preventDefault();
};

temoin.on("change", hide); // in another tab, or in the preference centre

host.onfocus = (e) => (before = e.relatedTarget || before);

// A framework may remove the host, or make another body. It is put back, not more than nine
// times in five seconds: somebody may remove it each time.
new MutationObserver(() => {
  if (host.isConnected || !left) return;
  left--;
  setTimeout(() => left++, 5e3);
  doc.querySelector("temoin-notice")?.remove(); // came with the new body, and is no more than its HTML
  doc.body?.prepend(host);
}).observe(doc, { childList: 1, subtree: 1 } as any);
