import "./types";

/** The ids that a list of answers, "a=1&b=0", says yes to. */
const allowed = (choice: string) => choice.split("&").flatMap((p) => (p.endsWith("=1") ? [p.slice(0, -2)] : []));
/** What the page was made with a yes to. */
const made = () => allowed(temoin.m ?? "");

/** What has run, or may have, and is not allowed any more: services, and their categories. */
export const withdrawn = () => [...made(), ...(temoin.ran ?? [])].filter((id) => !temoin.allows(id));

/** Whether something is allowed that was not when the page was made. */
export const granted = () => allowed(temoin.choice).some((id) => !made().includes(id));
