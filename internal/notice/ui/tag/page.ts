// Comes before base and guard, which find on the script's element what the server says there in
// gate mode. Here it is decided in the browser, and the element is the tag's own.
import { cookies, decide } from "./decide";

const script = document.currentScript as HTMLScriptElement;

/** Where the tag came from, and everything else comes from: "https://consent.example.com/.temoin/". */
export const hub = new URL(".", script.src).href;

export const decided = decide();
const { choice, mark } = decided;

const i = mark || T.i;
const attributes = Object.assign(script.dataset, {
  choice,
  m: choice,
  f: T.f,
  l: T.l,
  p: "",
  w: `[data-temoin-open],[href="${hub}"],[href^="${hub}?"]`,
  v: "centre.js?v=" + T.v,
  i,
  c: +!!cookies().match(i) as any,
  e: T.h,
  n: T.n,
  d: T.a,
  u: T.k,
});
if (/=1/.test(choice)) attributes.y = "1";