import "./types";

/** A choice as the server takes it, of the same names as the form. */
export interface Choice {
  id?: string | undefined;
  action: string;
  allow: FormDataEntryValue[];
  asked: FormDataEntryValue[];
  notice?: string;
  lang?: string;
}

/** Why a choice was not kept: the name of the text that says so; with "changed", what is asked now. */
export interface Failure {
  reason: "failed" | "offline" | "changed";
  notice?: string;
  shown?: string;
}

/**
 * A UUID of version 7: the same choice keeps its id when it is sent again. Two of its
 * random bits are always the same.
 */
const uuid = () =>
  (Date.now().toString(16).padStart(12, "0") + crypto.getRandomValues(new Uint8Array(10)).reduce((hex, b) => hex + (b + 256).toString(16).slice(1), "")).replace(
    /(.{8})(.{4}).(.{3}).(.{3})/,
    "$1-$2-7$3-a$4-",
  );

/** What a form says. Only saving allows one by one; the server takes no other yes. */
export const read = (form: HTMLFormElement, action: string): Choice => {
  const f = new FormData(form);
  return {
    ...Object.fromEntries(f), // notice, lang
    id: uuid(),
    action,
    allow: action == "save" ? f.getAll("allow") : [],
    asked: f.getAll("asked"),
  };
};

/**
 * Sends a choice and returns when it is kept, or why it is not. Tried twice: a server
 * that is busy says when; one that finds the id not of now (the clock here is wrong)
 * is let to make one.
 */
export const send = async (choice: Choice): Promise<Failure | undefined> => {
  for (let tries = 2; ; ) {
    const r = await fetch(location.origin + temoin.d.p + "/choice", {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify(choice),
      keepalive: true,
      signal: AbortSignal.timeout?.(9e3) ?? null,
    }).catch(() => null);
    if (r?.ok) return;
    const wait = +(r?.headers.get("Retry-After") ?? 0);
    if (--tries && r?.status == 400) choice.id = undefined;
    else if (tries && wait) await new Promise((f) => setTimeout(f, Math.min(wait, 9) * 1e3));
    else {
      const now: Failure = r?.status == 409 ? await r.json().catch(() => ({})) : {};
      now.reason = now.shown ? "changed" : navigator.onLine ? "failed" : "offline";
      return now;
    }
  }
};
