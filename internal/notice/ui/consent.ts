// What adapters share: the words of consent that vendors use.
import "./types";

/** The data of the script that runs. */
export const own = <D>(): D => JSON.parse(document.currentScript!.dataset.temoin!);

/** Whether there is something that a signal stands for, and the visitor allows all of it. */
export const all = (ids: string[] | undefined) => ids?.length && ids.every(temoin.allows);

/** The same as vendors say it. */
export const word = (ids: string[] | undefined) => (all(ids) ? "granted" : "denied");
