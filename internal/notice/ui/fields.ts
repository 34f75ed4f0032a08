/**
 * What a form says, as it would send it itself, with an id: the same choice keeps it when it
 * is sent again. It is a UUID of version 7; one that is none, where the browser or its clock is
 * out of date, is refused by the server, which then makes one.
 */
export const fields = (form: HTMLFormElement, action: string) => {
  const f: any = new FormData(form);
  f.set("action", action);
  f.set("id", ("0" + Date.now().toString(16)).replace(/.{8}/, "$&-") + crypto.randomUUID?.().slice(13).replace(4 as any, 7 as any));
  return new URLSearchParams(f);
};
