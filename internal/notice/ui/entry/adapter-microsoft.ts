// Consent of Microsoft Advertising's tag (UET) and of Clarity. It stands before both: their queues
// begin with the choice of now, and they are told of changes. A Clarity that has not started
// finds the last state only: each state but the first makes it start again.
//
//   UET, consent default and update, ad_storage   https://docs.cookiehub.com/advanced/microsoft-consent-mode
//   Clarity, consentv2, ad_Storage …              https://learn.microsoft.com/en-us/clarity/setup-and-installation/clarity-consent-api-v2
//   Clarity's queue                               https://github.com/microsoft/clarity (packages/clarity-js/src/global.ts)
//
// Services and data: adapters.go.
import { own, word } from "../consent";

/** Its data: what UET, Clarity, and what Clarity has to do with advertising depend on. */
interface Data {
  u?: string[];
  c?: string[];
  a?: string[];
}

const { u, c, a } = own<Data>("microsoft");
const w = window as any;

if (u) {
  const push = (command: string) => (w.uetq ||= []).push("consent", command, { ad_storage: word(u) });
  push("default");
  temoin.on("change", () => push("update"));
}

if (c) {
  const state = () => ({ ad_Storage: word(a), analytics_Storage: word(c) });
  const first: unknown[] = ["consentv2", state()];
  w.clarity ||= function () {
    (w.clarity.q ||= []).push(arguments);
  };
  (w.clarity.q ||= []).push(first);
  temoin.on("change", () => {
    if (w.clarity.q?.includes(first)) first[1] = state();
    else w.clarity("consentv2", state());
  });
}
