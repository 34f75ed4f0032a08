/**
 * What Témoin offers to the scripts of a page. With the tag or behind the gate,
 * `window.temoin` is there before any script of the page itself runs.
 *
 * ```ts
 * if (temoin.allows("analytics")) start();
 * temoin.on("change", () => temoin.allows("analytics") && start());
 * ```
 */
export interface Temoin {
  /**
   * Whether a category ("analytics") or a service ("hotjar") is allowed now: there is a
   * choice, and it says yes to it, or it needs nobody's consent.
   */
  allows(id: string): boolean;

  /**
   * What holds now of all that visitors are asked about, categories and services:
   * "analytics=1&google-analytics=1&hotjar=0&support=0"; "" where there is no choice.
   */
  readonly choice: string;

  /**
   * Opens the preference centre. An element with the attribute `data-temoin-open`, and
   * a link to `/.temoin/`, do the same when they are clicked.
   */
  open(): void;

  /**
   * Calls the listener after each change of the choice, on this page or in another tab.
   * What is newly allowed begins to run after it, and nothing that was withdrawn starts.
   */
  on(event: "change", listener: (choice: string) => void): void;

  /**
   * Says that the visitor asks for a service that is loaded on use, by an act of
   * their own such as a click on "Pay": what is held of it is released on this page.
   */
  use(service: string): void;
}

/**
 * What goes over `document` after each change of the choice.
 *
 * ```ts
 * document.addEventListener("temoin:change", () => console.log(temoin.choice));
 * ```
 */
export type ChangeEvent = Event;

declare global {
  interface Window {
    /** Témoin, on every page that it takes care of. */
    temoin: Temoin;
  }
  /** Témoin, on every page that it takes care of. */
  const temoin: Temoin;
  interface DocumentEventMap {
    "temoin:change": ChangeEvent;
  }
}
