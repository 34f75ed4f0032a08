import { allows } from "./answers";

const { d } = temoin;

/** Whether the page was made with a yes to a service or a category. */
const did = (id: string) => allows(d.a, id, d.k[id]);

/** The services that the page knows of, and their categories. */
const ids = Object.entries(d.k).flat();

/** Whether something has run, or may have, that is not allowed any more. */
export const withdrawn = () =>
  ids.some((id) => did(id) && !temoin.allows(id)) || temoin.ran?.some((id) => !temoin.allows(id));

/** Whether something is allowed that was not when the page was made. */
export const granted = () => ids.some((id) => !did(id) && temoin.allows(id));
