/**
 * What a form says, as it would send it itself, with an id: the same choice keeps it when it
 * is sent again. It is a UUID of version 7; one that is none, where the clock is wrong, is refused
 * by the server, which then makes one. What is random in it comes out of an address of a blob:
 * crypto.randomUUID is there on https only. The script "notice" says the same.
 */
export const fields = (form: HTMLFormElement, action: string) =>
  new URLSearchParams([
    ...(new FormData(form) as any),
    ["action", action],
    ["id", ("0" + Date.now().toString(16)).replace(/.{8}/, "$&-") + URL.createObjectURL(new Blob()).slice(-23).replace(4 as any, 7 as any)],
  ]);
