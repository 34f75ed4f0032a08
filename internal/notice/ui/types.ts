// What the scripts of one page share. Names that end in "_" or "$" are shortened by the
// bundler in the same way in every chunk only if they are listed in no mangle cache:
// therefore what crosses from one chunk to another has its short name written out here.

/** What the server says about the page, on the script "base". */
export interface PageData {
  /** name of the consent cookie */
  c: string;
  /** prefix of all addresses: "/.temoin" */
  p: string;
  /** language of the notice */
  l: string;
  /** answers that the page was made for, those that hold: "analytics=1&support=0&!hotjar=0" */
  a: string;
  /** version of the chunk "centre" */
  v: string;
  /** id of the choice that the page was made with, as it stands in the cookie; "" for none */
  i: string;
  /** scopes that count on this page: ["analytics.q83v", …]; none of a category that a signal refuses */
  y: string[];
  /** category of each service that is asked about; "" for a service or category that needs no consent: {"hotjar": "analytics", "stripe": ""} */
  k: Record<string, string>;
}

/**
 * What the server says about what is held, on the script "guard": an expression for
 * "host/path" with a group for each declaration of a host, the most exact first, and at
 * the number of each group its services, with a blank between.
 *
 *     {"h": "^(?:(www\\.googletagmanager\\.com\\.?/gtag/)|([^/]*\\.hotjar\\.com\\.?/))", "s": ["", "analytics ads", "hotjar"]}
 */
export interface Hold {
  h: string;
  s: string[];
}

export type { Temoin } from "./temoin";

/** What window.temoin holds besides its public names: ours are short. */
declare module "./temoin" {
  interface Temoin {
    /** page data */
    d: PageData;
    /** answers of now, from the cookie */
    n(): string;
    /** the choice has changed: release what it allows, tell listeners and other tabs */
    s(): void;
    /** release what is held and allowed now, and this service in any case; there where a guard is */
    r?(service?: string): void;
    /**
     * Open the preference centre; set by the chunk "centre", which does not open it by
     * itself. Rejects where it cannot be loaded: follow the link then.
     */
    o?(): Promise<void>;
    /**
     * After a choice: delete what it does not allow, load the page again where it must
     * be; set by the chunk "centre".
     */
    w?(): Promise<void>;
    /** put the notice of now into a shadow root, after a 409; set by the chunk "centre" */
    x?(root: ShadowRoot, now: { notice?: string; shown?: string }): void | Promise<void>;
    /** services that ran on this page after they were released, some more than once; there where a guard is */
    ran?: string[];
    /** release what the guard held and what the server did; set by the chunk "release" */
    z?(waiting: Set<Element>): void;
  }
}
