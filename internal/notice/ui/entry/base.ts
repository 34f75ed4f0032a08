// base stands first in the head of every page.
//
// A page can be older than the choice that the browser has now: it comes out of a cache,
// was rendered ahead, or slept while another tab changed the choice or the cookie ended.
// What it says yes to and the visitor no longer does must not run.
//
// While it is parsed, such a page is stopped and loaded again. First by a reload, which
// makes the HTTP cache ask the server; if what that brings is no better (a service worker
// answers with what it kept), under an address that nobody has kept; if that is no better
// either, the page stays, and what a guard holds stays held. The kind of navigation and
// the time in the address tell how far it has come: nothing is stored, there is no loop.
// A page of the history is not reloaded: it may be the answer to a form, which a reload
// would send once more.
// A page that is in use is told, and then left to the chunk "centre", which deletes what
// was stored, loads it again where it must be, and loses nothing that was typed.
//
// A page that said yes to nothing only loses its notice, and gains what is allowed.
import { allows, read } from "../answers";
import type { PageData, Temoin } from "../types";

const doc = document;
const data: PageData = JSON.parse(doc.currentScript!.dataset.temoin!);
const channel = new BroadcastChannel("temoin");
const answers = () => read(doc.cookie, data);

/** The answers that the page was made for, or has been told since. */
let told = data.a;

const tell = () => {
  told = answers();
  doc.dispatchEvent(new CustomEvent("temoin:change", { detail: told })); // adapters first: what is released finds its consent
  temoin.r?.();
};

/** Calls what the chunk "centre" brings; without it, goes where a link would. */
const call = (name: "o" | "w", href: string | Location = data.p + "/") => {
  import(`${data.p}/centre.js?v=${data.v}`)
    .then(() => (temoin[name] as (host: Element | null) => unknown)(doc.querySelector("temoin-notice")))
    .catch(() => ((location as any) = href));
};

/** Compares the page with the choice of now; without an event while it is parsed. */
const look = (event?: unknown) => {
  const yes = /=1/.test(told);
  if (told == answers()) return;
  if (event) {
    tell();
    if (yes) call("w", location);
  } else if (yes) {
    told = answers(); // the page is as good as gone, or keeps to what it has
    if (Date.now() - (location.search.split("temoin=").pop() as any) < 1e5) return;
    stop();
    if (performance.navigation.type) location.replace(`?${location.search.slice(1)}&temoin=${Date.now()}`);
    else location.reload();
  }
};

const temoin: Temoin = (window.temoin = {
  d: data,
  n: answers,
  s() {
    tell();
    channel.postMessage(0);
  },
  allows: (id) => allows(answers(), id, data.k[id]),
  get choice() {
    return answers();
  },
  open: () => call("o"),
  on(event, listener) {
    doc.addEventListener(`temoin:${event}`, (e) => listener((e as CustomEvent<string>).detail));
  },
  use() {},
});

look();
channel.onmessage = look;
for (const event of ["pageshow", "visibilitychange", "prerenderingchange"]) addEventListener(event, look, true);

addEventListener("click", (e) => {
  const to = e.composedPath().find((x) => (x as Element).matches?.(`[data-temoin-open],[href="${data.p}/"],[href^="${data.p}/?"]`)) as HTMLAnchorElement;
  if (to && !(e.metaKey || e.ctrlKey || e.shiftKey || e.altKey)) {
    e.preventDefault();
    call("o", to.href);
  }
});
