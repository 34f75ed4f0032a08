// Ways to have a page fresh that is of a choice which does not hold any more. First a reload,
// which makes the HTTP cache ask the server; if what that brings is no better (a service worker
// answers with what it kept), an address that nobody has kept; if that is no better either, the
// page stays, and what a guard holds stays held. The kind of navigation and the time in the
// address tell how far it has come: nothing is stored, there is no loop. A page of the history is
// not reloaded: it may be the answer to a form, which a reload would send once more.
import "./types";

const mark = "temoin=";

/** Whether the page was gone to under an address that nobody had kept, just now. */
export const isLast = () => Date.now() - Number(location.search.split(mark)[1]) < 1e5;

const goPast = () => {
  const rest = location.search.slice(1).split("&").filter((p) => p && !p.startsWith(mark));
  location.replace(location.href.split(/[?#]/)[0] + "?" + [...rest, mark + Date.now()].join("&") + location.hash);
};

/** For a page that was stopped. */
export const refresh = () => {
  if (performance.navigation.type) goPast();
  else location.reload();
};

/** Loads a page again that is in use. */
export const renew = () => {
  if (location.search.includes(mark)) goPast();
  else location.reload();
};
