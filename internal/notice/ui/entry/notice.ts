// The first layer: its buttons send without leaving the page.

import { keepClear } from "../cover";
import { focusText, noteFocus, returnFocus } from "../focus";
import { part } from "../parts";
import { read, send } from "../send";
import { stay } from "../stay";

const host = document.currentScript!.parentElement!;
const root = host.shadowRoot!;
const section = () => part(root, "notice")!;
const dialog = () => part<HTMLDialogElement>(root, "dialog");
const status = part(root, "status")!;
const reason = document.createElement("strong");
let sending = false;

/** What is seldom needed is with the preference centre. */
const centre = () => import(temoin.d.p + "/centre.js?v=" + temoin.d.v);

/** Hides the notice; whether the focus was in it. */
const hide = () => {
  dialog()?.close();
  const had = document.activeElement == host;
  section().hidden = true;
  return had;
};

const choose = async (form: HTMLFormElement, action: string) => {
  if (sending) return;
  sending = true;
  const choice = read(form, action);
  status.textContent = "";
  if (hide()) returnFocus();
  const failure = await send(choice);
  sending = false;
  if (failure) {
    if (failure.shown) await centre().then(() => temoin.x!(root, failure)).catch(() => {});
    clear();
    section().hidden = false;
    status.textContent = reason.textContent = section().dataset[failure.reason]!;
    part(section(), "text")!.prepend(reason);
    return;
  }
  status.textContent = part(root, "saved")!.firstChild!.textContent;
  // The notice is painted away before anything that was allowed begins to run.
  requestAnimationFrame(() => setTimeout(() => {
    temoin.s();
    if (temoin.d.a || "sealed" in host.dataset) centre().then(() => temoin.w!());
  }));
};

root.addEventListener("submit", (e) => {
  const button = (e as SubmitEvent).submitter as HTMLButtonElement;
  if (button.formMethod == "dialog") return;
  e.preventDefault();
  if (button.formMethod != "get") return void choose(e.target as HTMLFormElement, button.value);
  dialog()!.showModal();
  focusText(part(dialog()!, "title"));
});

root.addEventListener("keydown", (e) => {
  if ((e as KeyboardEvent).key == "Escape" && section().contains(e.target as Node)) choose(section().querySelector("form")!, "close");
});

temoin.on("change", hide); // in another tab, or in the preference centre

noteFocus(host);
stay(host);
const clear = keepClear(host, section);
clear();
