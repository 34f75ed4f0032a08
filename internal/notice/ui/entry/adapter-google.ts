// Google Consent Mode v2, for Google's tags and those of Google Tag Manager. It stands behind base
// (and guard) and before any tag: the tags find a default that is the choice of now, and are
// told of changes before they are released. Basic mode: no tag is contacted before consent, which
// is the work of markup and guard. Advertising identifiers are never sent while they are denied.
//
// The lifetime that the manifest declares is set for all tags together, since a page does not
// know their ids; a tag that sets its own in its config keeps it.
//
//   consent default, update, ads_data_redaction   https://developers.google.com/tag-platform/security/guides/consent
//   what the signals mean                         https://support.google.com/tagmanager/answer/13802165
//   cookie_expires, cookie_update                 https://developers.google.com/tag-platform/security/guides/customize-cookies
//   set comes before config and is weaker         https://developers.google.com/tag-platform/gtagjs/reference
//
// Services and data: adapters.go.
import { own, word } from "../consent";

/** Its data: what each signal depends on, and fields of cookies, none where Google's own hold. */
interface Data {
  s: Record<string, string[]>;
  f?: { cookie_expires?: number; cookie_update?: false };
}

const { s, f } = own<Data>("google");
const layer = ((window as any).dataLayer ||= []);
const gtag: (...command: unknown[]) => void = function () {
  layer.push(arguments); // the tags take nothing else for a command
};
const state = () => {
  const signals: Record<string, string> = { security_storage: "granted" };
  for (const name in s) signals[name] = word(s[name]);
  return signals;
};

gtag("consent", "default", state());
gtag("set", "ads_data_redaction", true);
if (f) gtag("set", f);
temoin.on("change", () => gtag("consent", "update", state()));
