// Where services load on use, on some paths only, a page that is made for one side is not to
// become one of the other side without being loaded: a framework that goes from page to page by
// itself is made to load it.
export {};
declare const PATHS: string[]; // expressions, put in for each site

const zone = (path: string) => "" + PATHS.map((p) => RegExp(p).test(path));
const side = zone(location.pathname);
const look = () => zone(location.pathname) == side || location.reload();
const { navigation } = window as any;
if (navigation) navigation.addEventListener("currententrychange", look);
else {
  // No framework sees a click that leads across.
  addEventListener("popstate", look);
  addEventListener("click", (e: any) => e.composedPath().some((a: any) => a.href && zone(new URL(a.href).pathname) != side) && e.stopImmediatePropagation(), true);
}
