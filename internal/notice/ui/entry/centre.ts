// The preference centre as a dialog, and what else is seldom needed: it is loaded when
// it is.

import { granted, withdrawn } from "../changes";
import { fields } from "../fields";
import { isLast, refresh } from "../fresh";
import { part } from "../parts";
import { reload } from "../reload";
import { type Failure, send } from "../send";
import type { Late } from "../types";
import { wipe, type Wipe } from "../wipe";

const sheet = new CSSStyleSheet();
const dialog = document.createElement("dialog");
const reason = document.createElement("p");
dialog.setAttribute("part", "dialog centre");
reason.setAttribute("part", "reason");
reason.setAttribute("role", "alert");

let host: HTMLElement;
let root: ShadowRoot;
let wipes: Wipe[] = [];
let words: DOMStringMap | undefined; // texts of the fragment; none before it was loaded
let busy = false;

/** Finds the shadow root that the dialog goes into, or makes one. */
const settle = () => {
  if (dialog.isConnected) return;
  host = document.querySelector("temoin-notice") ?? document.createElement("temoin-notice");
  root = host.shadowRoot!;
  if (!root) {
    root = host.attachShadow({ mode: "open" });
    const inert = host.querySelector("template"); // the browser made no root of it
    if (inert) root.append(inert.content);
    if (!host.isConnected) document.body.prepend(host);
  }
  if (!root.adoptedStyleSheets.includes(sheet)) root.adoptedStyleSheets = [...root.adoptedStyleSheets, sheet];
  root.append(dialog);
};

/**
 * Fetches the preference centre of now. A browser's own parsing of an answer needs no
 * permission for HTML from strings (Trusted Types).
 */
const load = () =>
  new Promise<Document>((done, failed) => {
    const x = new XMLHttpRequest();
    x.open("GET", `${temoin.p}?part=centre&lang=${temoin.l}`);
    x.responseType = "document";
    x.timeout = 9e3;
    if (temoin.t) x.setRequestHeader("Temoin-Choice", temoin.t());
    x.onload = () => (x.status == 200 && x.response ? done(x.response) : failed());
    x.onerror = x.ontimeout = failed;
    x.send();
  });

/** Takes out of a fragment what is no content. */
const take = (doc: Document) => {
  wipes = JSON.parse(doc.querySelector("[data-wipe]")?.textContent || "[]");
  words = doc.querySelector<HTMLElement>("[data-reload]")?.dataset ?? {};
  sheet.replaceSync(doc.querySelector<HTMLTemplateElement>("template[data-css]")?.content.textContent ?? "");
  for (const e of doc.querySelectorAll("script,style,template,link,meta,title")) e.remove();
  return doc;
};

const heading = () => part(dialog, "title") ?? dialog.querySelector<HTMLElement>("h1,h2");

/** A button that closes the dialog. */
const leave = () => {
  const form = document.createElement("form"); // a button closes as one of a form
  const button = document.createElement("button");
  button.formMethod = "dialog";
  button.setAttribute("part", "close");
  button.textContent = words?.close ?? "×";
  form.append(button);
  return form;
};

/** Puts a fragment into the dialog. */
const fill = (doc: Document) => {
  reason.textContent = "";
  dialog.replaceChildren(...doc.body.childNodes);
  temoin.b?.(dialog);
  if (!dialog.querySelector("[formmethod=dialog],[method=dialog]")) dialog.append(leave());
  const title = heading();
  if (title) {
    dialog.setAttribute("aria-labelledby", (title.id = "temoin-centre"));
    title.after(reason);
  } else dialog.prepend(reason);
};

/** Loads the fragment; two clicks load it once. */
let loading: Promise<Document> | undefined;
const fresh = () => (loading ??= load().then(take).finally(() => (loading = undefined)));

/** The words of the fragment, none where it cannot be had. */
const said = async () => {
  if (!words) await fresh().catch(() => {});
  return words ?? {};
};

const open = async () => {
  if (dialog.open) return;
  const doc = await fresh();
  if (dialog.open) return;
  settle();
  fill(doc);
  part<HTMLDialogElement>(root, "dialog")?.close(); // that of the first layer
  dialog.showModal();
  const title = heading();
  if (title) {
    title.tabIndex = -1;
    title.focus(); // and scrolls to it: showModal has scrolled to what can be operated first
  }
};

/** Loads the page again, with the words for what that may need. */
const again = async () => {
  settle();
  reload(root, await said());
};

const after = async () => {
  settle();
  const needed = withdrawn() || (temoin.y == 2 && granted());
  await said(); // that the page runs no more of what was withdrawn counts most
  await wipe(wipes, temoin.allows);
  if (!needed || isLast()) return;
  // What still runs may write once more when it ends.
  addEventListener("pagehide", () => void wipe(wipes, temoin.allows));
  await again();
};

let asking = false;

/** Asks the server what holds, when there is a page to tell. */
const ask = async () => {
  if (asking) return;
  asking = true;
  try {
    if (document.readyState == "loading") await new Promise((ok) => document.addEventListener("DOMContentLoaded", ok));
    const { choice, i, c } = await (await (temoin.g ?? fetch)(temoin.p + "state")).json();
    temoin.s({ choice, i, c });
  } finally {
    asking = false;
  }
};

/** Puts the notice of now in the place of one that is out of date. */
const exchange = async (shadow: ShadowRoot, now: Failure) => {
  let content: DocumentFragment;
  try {
    content = new DOMParser().parseFromString(now.shown!, "text/html").querySelector("template")!.content;
  } catch {
    return again(); // Trusted Types: this page lets nobody parse HTML from strings
  }
  for (const name of ["section", "dialog"]) {
    const is = content.querySelector(name);
    const was = shadow.querySelector(name);
    if (!is != !was) return again();
    was?.replaceChildren(...is!.childNodes); // they keep their listeners
  }
  for (const e of shadow.querySelectorAll<HTMLInputElement>("[name=notice]")) e.value = now.notice!;
  temoin.b?.(shadow);
};

const late: Late = {
  a: after,
  h: refresh,
  o: open,
  q: ask,
  async x([failure, body, shadow]) {
    const now = await send(body, failure instanceof Response ? failure : null);
    if (!("reason" in now)) return now;
    if (now.shown) await exchange(shadow, now);
    return (await said())[now.reason];
  },
};
Object.assign(temoin, late);

const choose = async (form: HTMLFormElement, action: string) => {
  if (busy) return;
  busy = true;
  reason.textContent = "";
  const now = await send(fields(form, action));
  busy = false;
  if ("reason" in now) {
    if (now.shown) await fresh().then(fill, () => {});
    reason.textContent = words?.[now.reason] ?? "";
    return;
  }
  dialog.close();
  const status = part(root, "status");
  if (status) {
    status.role = "status";
    status.textContent = part(root, "saved")?.firstChild?.textContent ?? "";
  }
  // The dialog is painted away before anything that was allowed begins to run.
  requestAnimationFrame(() => setTimeout(() => {
    const told = temoin.y;
    temoin.s(now);
    if (!told) temoin.a!();
  }));
};

dialog.addEventListener("click", (e) => {
  if ((e.target as Element).closest("button")) e.stopPropagation(); // the script of the first layer listens too
});

dialog.addEventListener("submit", (e) => {
  const button = e.submitter as HTMLButtonElement;
  if (button.formMethod == "dialog") return;
  e.preventDefault();
  choose(e.target as HTMLFormElement, button.value);
});

// A category and its services go together. The server takes a yes to a category, of
// which no service is named, for one to all of them: so there is none such where
// every service was switched off.
dialog.addEventListener("change", (e) => {
  const changed = e.target as HTMLInputElement;
  const [category, ...services] = changed.closest("[part~=category]")?.querySelectorAll<HTMLInputElement>("[name=allow]") ?? [];
  if (changed == category) for (const s of services) s.checked = category.checked;
  else if (category && !services.some((s) => s.checked)) category.checked = false;
});
