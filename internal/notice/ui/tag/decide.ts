// Decides in the browser what consent.Decide decides on the server, from the consent cookie as
// consent.Codec writes it:
//
//   1&20261121T101500Z&AZyuPb6Yc…&analytics=1.q83v&functional=0.3q2-&!hotjar=0&m.Lw0t5rXw8Qk
//
// The MAC cannot be checked here. Whoever forges a cookie in a browser has the choice of that
// browser forged, and no record of it. A value that has not the whole form is no choice.
import "./data";

/** All cookies; a frame in a sandbox has none. */
export const cookies = () => {
  try {
    return document.cookie;
  } catch {
    return "";
  }
};

/** The value of the first cookie of the name, as the server takes it. */
export const value = () => cookies().match(T.i + "([^;]*)")?.[2] ?? "";

export interface Decided {
  /** what holds, see Temoin.choice */
  choice: string;
  /** the categories that no answer covers */
  asks: string[];
  /** whether a choice is in force */
  made: boolean;
  /** the end of the value, "" where it has not the form of one */
  mark: string;
}

export const decide = (): Decided => {
  const [, at = "", pieces = "", mark = ""] = /^1&(\d{8}T\d{6}Z)[^&]*&[\w-]{22}(&(?:.*&)?)(m\.[\w-]{11})$/.exec(value()) || [];
  const made = Date.parse(at.replace(/(....)(..)(..T..)(..)/, "$1-$2-$3:$4:")) + T.e * 1e3 > Date.now();
  const choice: string[] = [];
  const asks: string[] = [];
  for (const [category, advertising, scopes, services] of T.q) {
    const said = advertising && (navigator as any).globalPrivacyControl ? [, "0"] : made && RegExp(`&${category}=(.)\\.(${scopes.join("|")})&`).exec(pieces);
    if (said) {
      choice.push(category + "=" + said[1]);
      // Where a no alone holds, a yes to a service was given to something else.
      for (const s of services) choice.push(s + "=" + ((scopes.includes(said[2]!) && RegExp(`&!${s}=(.)`).exec(pieces)?.[1]) || said[1]));
    } else asks.push(category);
  }
  return { choice: choice.join("&"), asks, made, mark };
};
