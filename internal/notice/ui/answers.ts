// Reads the choice from the consent cookie, as consent.Codec writes it:
//
//   1&20261121T101500Z&AZyuPb6Yc…&analytics=1.q83v&functional=0.3q2-&!hotjar=0&m.Lw0t5rXw8Qk
//
// Of several cookies of the name the first one counts, as it does for the server, which
// is sent them in the same order. The MAC cannot be checked here: what has not the form
// of a whole value is no choice.

import type { PageData } from "./types";

/**
 * The answers of now, "analytics=1&!hotjar=0", "" for none. While the choice is the one that
 * the page was made with, those of the server hold: it knows the end, the account and the
 * signals. Of a later choice an answer counts if the page knows its scope.
 */
export const read = (cookies: string, { c, i, a, y }: PageData): string => {
  const [, id = "", pieces = ""] = /^1&[^;&]+&([^;&]+)&([^;]*?)&?m\.[\w-]{11}(;|$)/.exec(("; " + cookies).split(`; ${c}=`)[1]!) || [];
  return id == i
    ? a
    : pieces
        .split("&")
        .filter((p) => p[0] == "!" || y.includes(p.replace(/=./, "")))
        .map((p) => p.split(".")[0])
        .join("&");
};

/**
 * Whether answers allow a category, or a service of it: there must be one about the
 * category, and that about the service itself, which stands behind it, comes before it.
 */
export const allows = (answers: string, id: string, category: string | undefined): boolean =>
  category == "" || RegExp(`(^|&)${category || id}=(1(?!.*!${id}=0)|.*!${id}=1)`).test(answers);

/** Whether a list of answers, "a=1&!b=0", has a piece, "a=1&". */
export const has = (answers: string, piece: string): boolean => `&${answers}&`.includes(`&${piece}`);
