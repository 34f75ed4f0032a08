// Consent of Matomo, which may run on the site's own server where no guard sees it. It stands before
// Matomo's own lines: nothing is sent and no cookie set without consent.
//
// Consent is never remembered by Matomo itself, and a refusal neither: forgetConsentGiven would
// keep a cookie of thirty years. Only where an old consent of its own is about is that called, for
// an hour, since nothing else makes Matomo forget it. Matomo applies some words of its queue before
// others, whatever their order; therefore the queue holds one word of now, changed in place.
//
//   requireConsent, setConsentGiven               https://developer.matomo.org/guides/tracking-consent
//   the order of the queue                        https://github.com/matomo-org/matomo (js/piwik.js, applyFirst)
//
// Services and data: adapters.go.
import { all, own } from "../consent";

/** Its data: the services that are Matomo. */
const { i } = own<{ i: string[] }>("matomo");
const w = window as any;
const state = (): unknown[] =>
  all(i) ? ["setConsentGiven"] : /mtm_consent=/.test(document.cookie) ? ["forgetConsentGiven", 1] : ["forgetCookieConsentGiven"];

const first = state();
(w._paq ||= []).push(["requireConsent"], first);
temoin.on("change", () => {
  const next = state();
  if (Array.isArray(w._paq)) first.splice(0, 2, ...next);
  else if (all(i)) w._paq.push(next);
  else w._paq.push(next, ["requireConsent"]);
});
