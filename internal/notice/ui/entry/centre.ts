// The preference centre as a dialog, and what else is seldom needed: it is loaded when
// it is.

import { granted, withdrawn } from "../changes";
import { fields } from "../fields";
import { isLast, refresh } from "../fresh";
import { lead } from "../lead";
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
let categories = new Set<string | undefined>();
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
  categories = new Set([...doc.querySelectorAll("[part~=category]")].map((c) => c.querySelector<HTMLInputElement>("[name=allow]")?.value));
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
  lead(dialog);
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

/** Shows the part of the dialog that a link names, "#services"; the heading comes first. */
const show = (opener?: Element) => {
  const id = (opener as HTMLAnchorElement | undefined)?.hash?.slice(1);
  const at = (id && dialog.querySelector<HTMLElement>(`[id="${CSS.escape(id)}"]`)) || dialog;
  const title = at == dialog ? heading() : at.querySelector<HTMLElement>("h2,h3,h4") ?? at;
  if (!title) return;
  for (let d = at.closest("details"); d; d = d.parentElement!.closest("details")) d.open = true;
  title.tabIndex = -1;
  title.focus({ preventScroll: at != dialog }); // and scrolls to it: showModal has scrolled to what can be operated first
  if (at != dialog) at.scrollIntoView();
};

const open = async (opener?: Element) => {
  if (dialog.open) return show(opener);
  const doc = await fresh();
  if (dialog.open) return show(opener);
  settle();
  fill(doc);
  part<HTMLDialogElement>(root, "dialog")?.close(); // that of the first layer
  dialog.showModal();
  show(opener);
};

/** Loads the page again, with the words for what that may need. */
const again = async (unasked?: boolean) => {
  settle();
  reload(root, await said(), unasked);
};

/** Which choice a page of the last resort was told of: it cannot be had fresh for that. */
let learned: string | undefined;

const after = async () => {
  settle();
  await said(); // that the page runs no more of what was withdrawn counts most
  const gone = withdrawn();
  const sealed = temoin.y == 2 && granted();
  await wipe(wipes, temoin.allows);
  // What still runs may write once more when it ends.
  if (gone.length) addEventListener("pagehide", () => void wipe(wipes, temoin.allows));
  // Of a category nothing runs but its services; what the site's own scripts do they ask about.
  const needed = sealed || gone.some((id) => !categories.has(id));
  if (needed && temoin.i != learned) await again();
};

let asking = false;

/** Asks the server what holds, when there is a page to tell. */
const ask = async () => {
  if (asking) return;
  asking = true;
  try {
    if (document.readyState == "loading") await new Promise((ok) => document.addEventListener("DOMContentLoaded", ok));
    const { choice, i, c } = await (await (temoin.g ?? fetch)(temoin.p + "state")).json();
    if (isLast()) learned = i;
    temoin.s({ choice, i, c });
  } catch {
    // there is no network: it is asked again when the page becomes visible
  } finally {
    asking = false;
  }
};

/** Puts the notice of now in the place of one that is out of date. */
const exchange = async (now: Failure) => {
  settle();
  let content: DocumentFragment;
  try {
    content = new DOMParser().parseFromString(now.shown!, "text/html").querySelector("template")!.content;
  } catch {
    return again(); // Trusted Types: this page lets nobody parse HTML from strings
  }
  for (const name of ["section", "dialog"]) {
    const is = content.querySelector(name);
    const was = root.querySelector(name + ":not([part~=centre])");
    if (!is != !was) return again();
    was?.replaceChildren(...is!.childNodes); // they keep their listeners
  }
  for (const e of root.querySelectorAll<HTMLInputElement>("[name=notice]")) e.value = now.notice!;
  lead(root);
};

const late: Late = {
  a: after,
  h: refresh,
  o: (opener) => open(opener).catch(() => void ((location as any) = temoin.p)),
  q: ask,
  // Once: in a page that was loaded again already it is only offered.
  re: () => again(!performance.navigation.type && !isLast()),
  async x([failure, body]) {
    const now = await send(body, failure instanceof Response ? failure : null);
    if (!("reason" in now)) return now;
    if (now.shown) await exchange(now);
    return (await said())[now.reason] ?? "";
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

// In a box, the key would save what nobody has looked at yet, if it is held down.
dialog.addEventListener("keydown", (e) => {
  if (e.key == "Enter" && (e.target as Element).localName == "input") e.preventDefault();
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
