// What the scripts "notice" and "centre" expect of the HTML, all of it found by part,
// by name or by data-*, so that the structure around it is free:
//
//   host       <temoin-notice>; script gives it data-done while the notice is hidden
//   notice     <section>, with data-failed: what is said when a choice was not kept
//   dialog     <dialog>, the one of the first layer
//   forms      hidden inputs notice, lang, asked*; checkboxes allow; buttons name=action;
//              a button with formmethod=get opens the dialog, one with formmethod=dialog closes it
//   saved      [part~=saved] its first words are what the status says after a choice
//   status     [part~=status] role=status; script writes text into it: it is seen
//
// The fragment ?part=centre:
//
//   <template data-css>                its text becomes a constructed style sheet: a <style>
//                                      would be stopped by the page's CSP
//   <script type="application/json" data-wipe>   Wipe[], see wipe.ts
//   the rest becomes the content of <dialog part="dialog centre">, named by its first h1 or h2
//
// Its form holds the hash of the variant "centre" in its input "notice", and the texts:
// data-failed, -offline, -changed, -typed, -reload, and -close for the button that script
// adds where nothing has formmethod=dialog. A category and the switches of its services
// stand in one [part~=category], the category's first.

/** The first element of a part. */
export const part = <E extends HTMLElement = HTMLElement>(root: ParentNode, name: string) =>
  root.querySelector<E>(`[part~=${name}]`);
