/** What the server writes into the tag (tag.go), in front of this script and in one block with it. */
export interface TagData {
  /** an expression for the consent cookie in document.cookie, up to its value; it has one group */
  i: string;
  /** language and direction of the notice */
  l: string;
  d: string;
  /** version of the chunk "centre" */
  v: string;
  /** what is asked about: category, 1 for advertising, scopes that count, services chosen with it */
  q: [category: string, advertising: number, scopes: string[], services: string[]][];
  /** what is allowed without a choice: "&necessary=1&" */
  f: string;
  /** services that load on use: their category, and the paths on which they do */
  u: [service: string, category: string, paths: string][];
  /** seconds after which a choice has ended in any case */
  e: number;
  /** the first layer shows where there is no choice, whatever is asked */
  m: boolean;
  /** what the guard and the adapters are told: see e, n, d and u of window.temoin */
  h: string;
  n: string;
  a?: string;
  k?: string;
  /** where a sealed page may load from, and what each service adds to that */
  z?: string;
  w?: Record<string, string>;
  /** style of the element, style of the page around it, and the element's content */
  s: string;
  r: string;
  b: string;
}

declare global {
  const T: TagData;
  /** The chunk "notice", which uses the fetch that it is given. */
  const F: (fetch: unknown) => void;
  /** Runs the adapters, and what else the site has. */
  const A: () => void;
}
