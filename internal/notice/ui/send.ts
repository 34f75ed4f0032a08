import type { Now } from "./types";

/** Why a choice was not kept: the name of the text that says so; with "changed", what is asked now. */
export interface Failure {
  reason: "failed" | "offline" | "changed";
  notice?: string;
  shown?: string;
}

const post = (body: URLSearchParams) =>
  (temoin.g ?? fetch)(temoin.p + "choice", { method: "POST", body, keepalive: true, signal: AbortSignal.timeout?.(9e3) ?? null }).catch(() => null);

/**
 * Sends a choice and returns what holds when it is kept, or why it is not. Tried twice: a
 * server that is busy says when; one that finds the id not of now (the clock here is wrong) is
 * let to make one. The first try may be over: its answer, null for none, is given.
 */
export const send = async (body: URLSearchParams, first?: Response | null): Promise<Now | Failure> => {
  let r = first === undefined ? await post(body) : first;
  const wait = +(r?.headers.get("Retry-After") ?? 0);
  if (r?.status == 400) {
    body.delete("id");
    r = await post(body);
  } else if (wait) {
    await new Promise((f) => setTimeout(f, Math.min(wait, 9) * 1e3));
    r = await post(body);
  }
  const said = await r?.json().catch(() => null);
  if (r?.ok && said) return said;
  return { ...(r?.status == 409 && said), reason: said?.shown ? "changed" : navigator.onLine ? "failed" : "offline" };
};
