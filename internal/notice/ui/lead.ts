import "./types";

/**
 * Has addresses in our markup, "/.temoin/policy", lead there from a page that has a <base> or
 * comes from elsewhere.
 */
export const lead = (root: ParentNode) => {
  const { pathname } = new URL(temoin.p);
  for (const name of ["href", "action", "formaction"]) {
    for (const el of root.querySelectorAll(`[${name}^="${pathname}"]`)) el.setAttribute(name, temoin.p + el.getAttribute(name)!.slice(pathname.length));
  }
};
