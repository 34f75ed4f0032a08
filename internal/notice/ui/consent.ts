// What adapters share: the words of consent that vendors use.
import "./types";

/** The data of an adapter. */
export const own = <D>(name: string): D => JSON.parse(temoin.d!)[name];

/** Whether there is something that a signal stands for, and the visitor allows all of it. */
export const all = (ids: string[] | undefined) => ids?.length && ids.every(temoin.allows);

/** The same as vendors say it. */
export const word = (ids: string[] | undefined) => (all(ids) ? "granted" : "denied");
