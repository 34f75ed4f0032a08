// base stands first in the head of every page. It is small because it is everywhere: what is
// seldom needed is in the chunk "centre".
//
// A page can be older than the choice that the browser has now: it comes out of a cache, was
// rendered ahead, or slept while another tab changed the choice or the cookie ended. What it
// says yes to and the visitor no longer does must not run. The cookie is the server's to read:
// here is only seen whether it is the one that the page was made for.
//
// A page that is not of now, and says yes to something, is stopped while it is parsed; "h" has
// the ways to have it fresh. One that says yes to nothing, is in use, or has "temoin=" in its
// address since there is no further way, asks what holds now ("q"). A page that is in use is then
// told, and left to "a", which deletes what was stored, loads the page again where it must be, and
// loses nothing that was typed.
//
// visibilitychange is all that is listened to: a page that comes out of the back/forward cache
// or was rendered ahead becomes visible.
import type { Temoin } from "../types";

const doc = document;

const take: Temoin["s"] = (now, told) => {
  Object.assign(temoin, now);
  doc.dispatchEvent(new Event("temoin:change")); // adapters first: what is released finds its consent
  temoin.use();
  temoin.y ? call("a") : (temoin.y = 1);
  told || channel?.postMessage(now);
};

const call: Temoin["k"] = (name, argument) =>
  import(temoin.p + temoin.v).then(
    () => (temoin as any)[name](argument),
    () => name < "p" && ((location as any) = temoin.p),
  );

const temoin: Temoin = (window.temoin = {
  ...(doc.currentScript!.dataset as any),
  k: call,
  allows: (id) => (temoin.f + temoin.choice).includes("&" + id + "=1"),
  use() {},
  s: take,
  open() {
    call("o");
  },
  on: (_, listener) => doc.addEventListener("temoin:change", () => listener(temoin.choice)),
} as Temoin);

/** Compares the page with the cookie of now; without an event while it is parsed. */
const look = (event?: unknown) =>
  (!doc.cookie.match(temoin.i) as any) == temoin.c &&
  call(event || !temoin.y || /temoin=/.test(location as any) ? "q" : (stop() as never) || "h");

// Before anything of the page, which may stop a click; in shadow roots too.
addEventListener(
  "click",
  (e: any) =>
    e.shiftKey | e.metaKey | e.altKey | e.ctrlKey ||
    e.composedPath().some((at: any) => at.matches?.(temoin.w) && (call("o", at), e.preventDefault())),
  1 as any,
);
addEventListener("visibilitychange", look);
temoin.p = location.origin + temoin.p; // the page can have a <base>
try {
  look();
  var channel = new BroadcastChannel("temoin");
  channel.onmessage = (e) => take(e.data, 1);
} catch {
  // a frame in a sandbox has no cookies, and an old browser no channel
}
