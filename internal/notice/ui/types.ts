// What the scripts of one page share. What crosses from one script to another has its short
// name written out here: the bundler shortens no name of an object.

/** What holds now, as the server says it to a page and in its answer to a choice. */
export interface Now {
  /** "analytics=1&hotjar=0", see Temoin.choice */
  choice: string;
  /** what stands in "; " + document.cookie while the choice is of now, or while there is one */
  i: string;
  /** whether that must stand there, 1, or must not, 0 */
  c: string | number;
}

/** A choice that was not kept: the failure, what was sent, and where the notice is. */
export type Unkept = [failure: unknown, body: URLSearchParams, root: ShadowRoot];

/** The functions of the chunk "centre". Without it, those before "p" lead to the page of the preference centre. */
export interface Late {
  /** After a change: deletes what is not allowed, loads the page again where it must be. */
  a(): Promise<void>;
  /** Has a page fresh that was stopped. */
  h(): void;
  /** Opens the preference centre. Rejects where it cannot be loaded. */
  o(): Promise<void>;
  /** Asks the server what holds now, and takes it. */
  q(): Promise<void>;
  /** Goes on with a choice: what holds then, or why it is not kept, in words. */
  x(unkept: Unkept): Promise<Now | string | undefined>;
}

export type { Temoin } from "./temoin";

/**
 * What window.temoin holds besides its public names: ours are short. Those of Now and the next
 * ones are what the server says, as data-* of the script "base".
 */
declare module "./temoin" {
  interface Temoin extends Partial<Late>, Omit<Now, "choice"> {
    /** the choice that the page was made for, where it is another one by now */
    m?: string;
    /** what all addresses begin with: "/.temoin/" */
    p: string;
    /** language of the notice */
    l: string;
    /** what opens the preference centre when it is clicked: a selector */
    w: string;
    /** address of the chunk "centre" */
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
    /** there, has addresses in our markup lead to the hub */
    b?(root: ParentNode): void;

    /** release what is held and allowed now, and this service in any case; there where a guard is */
    r?(service?: string): void;
    /** services that ran on this page after they were released, some more than once; there where a guard is */
    ran?: string[];
    /** release what the guard held and what the server did; set by the chunk "release" */
    z?(waiting: Set<Element>): void;
  }
}
