// Consent of Piano Analytics. It stands before Piano's own lines: consent is required, nothing is
// sent while it is refused ("opt-out" would send what it calls anonymous), and the mode of now is
// the first thing in its queue.
//
//   pdl.requireConsent, consent.setMode           https://developers.atinternet-solutions.com/piano-analytics/data-collection/how-to-send-events/consent
//   _pac, _paq, sendEventWhenOptout               https://github.com/at-internet/piano-analytics-js (src/core, src/config.js)
//
// Services and data: adapters.go.
import { all, own } from "../consent";

/** Its data: the services that are Piano. */
const { i } = own<{ i: string[] }>("piano");
const w = window as any;
const pdl = (w.pdl ||= {});
const pac = (w._pac ||= { privacy: [] });
const queue = () => (w[pac.queueVarName || "_paq"] ||= []);
const mode = () => (all(i) ? "opt-in" : "opt-out");

pdl.requireConsent ||= "v2";
((pdl.consent ||= {}).defaultPreset ||= {}).PA = "opt-out";
pac.sendEventWhenOptout = false;
const first = ["consent.setMode", mode()];
queue().push(first);
temoin.on("change", () => {
  if (Array.isArray(queue())) first[1] = mode();
  else queue().push(["consent.setMode", mode()]);
});
