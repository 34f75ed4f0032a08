// Comes before base and guard, which find on the script's element what the server says there in
// gate mode. Here it is decided in the browser, and the element is the tag's own.
import { decide, value } from "./decide";

const script = document.currentScript as HTMLScriptElement;

/** Where the tag came from, and everything else comes from: "https://consent.example.com/.temoin/". */
export const hub = new URL(".", script.src).href;

export const decided = decide();
const { choice, mark } = decided;

const attributes = Object.assign(script.dataset, {
  choice,
  f: T.f,
  l: T.l,
  p: hub,
  w: `[data-temoin-open],[href="${hub}"],[href^="${hub}?"]`,
  v: `${hub}centre.js?v=${T.v}`,
  i: mark || `; ${T.c}=`,
  c: value() ? "1" : "0",
  e: T.h,
  n: T.n,
  d: T.a,
  u: T.k,
});
if (T.z) attributes.y = "2";
else if (/=1/.test(choice)) attributes.y = "1";
