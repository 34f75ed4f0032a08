// What the scripts of one page share. What crosses from one script to another has its short
// name written out here: the bundler shortens no name of an object.

/** What holds now, as the server says it to a page and in its answer to a choice. */
export interface Now {
  /** "analytics=1&hotjar=0", see Temoin.choice */
  choice: string;
  /** an expression for what stands in document.cookie while the choice is of now, or while there is one */
  i: string;
  /** whether that must stand there, 1, or must not, 0 */
  c: string | number;
}

/** A choice that was not kept: the failure, and what was sent. */
export type Unkept = [failure: unknown, body: URLSearchParams];

/** The functions of the chunk "centre". They never reject. Without it, those before "p" lead to the page of the preference centre. */
export interface Late {
  /** After a change: deletes what is not allowed, loads the page again where it must be. */
  a(): Promise<void>;
  /** Has a page fresh that was stopped. */
  h(): void;
  /** Opens the preference centre, at the part that a link names; goes to its page where it cannot be loaded. */
  o(opener?: Element): Promise<void>;
  /** Asks the server what holds now, and takes it. */
  q(): Promise<void>;
  /** Has a page in which nothing can be released loaded again, once. */
  re(): Promise<void>;
  /** Goes on with a choice: what holds then, or why it is not kept, in words. */
  x(unkept: Unkept): Promise<Now | string>;
}

export type { Temoin } from "./temoin";

/**
 * What window.temoin holds besides its public names: ours are short. Those of Now and the next
 * ones are what the server says, as data-* of the script "base".
 */
declare module "./temoin" {
  interface Temoin extends Partial<Late>, Omit<Now, "choice"> {
    /** the choice that the page was made for, where it says yes to something */
    m?: string;
    /** what all addresses begin with, in full, since a page can have a <base>: "https://www.example.com/.temoin/" */
    p: string;
    /** language of the notice */
    l: string;
    /** what opens the preference centre when it is clicked: a selector */
    w: string;
    /** address of the chunk "centre", behind that */
    v: string;
    /** what is allowed without a choice, and what is used on this page alone: "&stripe=1&" */
    f: string;
    /**
     * There where a guard is: an expression for "host/path", with a group for each declaration of
     * a host, the most exact first:
     *
     *     ^(?:(www\.googletagmanager\.com\.?/gtag/)|([^/]*\.hotjar\.com\.?/))
     */
    e?: string;
    /** the services of each group; the first of these belongs to no group: ",analytics ads,hotjar" */
    n?: string;
    /** what the chunk "guard-storage" looks for, as JSON, where the site has it */
    u?: string;
    /** what adapters depend on, as JSON: {"matomo": {"i": ["stats"]}} */
    d?: string;
    /**
     * There where a change of the choice asks for more than releasing: "1" where the page was
     * made with a yes, 1 where it has been told of a choice since; "2" where its policy (CSP)
     * lets nothing run that was not allowed when it was made.
     */
    y?: string | number;

    /** Takes what holds now: tells listeners, releases what it allows, tells other tabs unless they told. */
    s(now: Now, told?: unknown): void;
    /** Loads the chunk "centre" and calls a function of it; yields nothing where that fails. */
    k(name: keyof Late, argument?: unknown): Promise<any>;

    /** where the page comes from elsewhere (tag): asks the hub, and keeps the cookie that it answers with */
    g?: typeof fetch;
    /** there, says which choice the page has */
    t?(): string;

    /** where a guard is, releases what is held and allowed now, and this service in any case */
    use(service?: string): void;
    /** services that ran on this page after they were released, some more than once; there where a guard is */
    ran?: string[];
    /** release what the guard held and what the server did; set by the chunk "release" */
    z?(waiting: Set<Element>): void;
  }
}
