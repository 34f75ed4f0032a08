// Holding: what the scripts of a page insert, or ask for, at the hosts of services that are
// not allowed. It begins when this module is loaded, with what the server has said to base, and
// has what it needs of the browser before a script of the page can put something else in its
// place.
import "./types";

export const temoin = window.temoin;
// Here it ends, and leaves the page alone, where what the server said did not come through.
const names = temoin.n!.split(",");

/** Scripts and links that are held, in the order in which they were given an address. */
export const waiting = new Set<Element>();

const reflect = Reflect as any;
const { construct, apply } = reflect;
const natives = Element.prototype as any;

/** A method as a function that takes "this" as its first argument. */
const unbound = (method: any): any => apply.call.bind(method);
const get = unbound(natives.getAttribute);
const set = unbound(natives.setAttribute);
const remove = unbound(natives.removeAttribute);
const parse = unbound(natives.insertAdjacentHTML);

const words = (text: string) => text.split(" ");
const mark = "data-temoin";
const kept = mark + "-";

// The first two say how an element loads, the next one what a link does, and the rest what all others do.
const attributes = words("rel type href src srcset");

/** Puts something before a method, a property or a constructor: what it returns is the result, if it is anything. */
const wrap = (owner: any, name: string, before: (self: any, args: any[]) => unknown): any => {
  const d = reflect.getOwnPropertyDescriptor(owner, name);
  for (const k in d) {
    if (d[k]?.call) {
      d[k] = new Proxy(d[k], {
        apply: (native, self, args) => before(self, args) || apply(native, self, args),
        construct: (native, args, target) => before(native, args) || construct(native, args, target),
      });
      reflect.defineProperty(owner, name, d);
    }
  }
};

temoin.ran = [];
const link = document.createElement("a");

/** The services that hold an address, nothing where it is free: one that is allowed frees it. */
const holders = (address: any) => {
  link.href = address;
  const found = (link.hostname + link.pathname).match(temoin.e!);
  const ids = found && names[found.lastIndexOf(found[0])]!;
  const free = ids && words(ids).find(temoin.allows);
  return free ? !temoin.ran!.push(free) : ids;
};

/**
 * Reads or writes an attribute, as methods and properties do. What was kept is read. What
 * would load something that is held is kept, and 1 returned; otherwise nothing is done.
 */
const access = (el: any, name: string, value: any) => {
  if (value == null) return get(el, kept + name);
  const tag = el.localName;
  const how = { script: "type", link: "rel" }[tag as "link"]; // without it they load nothing
  let ids = name == how && get(el, mark);
  if (attributes.indexOf(name) + ((tag == "link") as any) > 2) {
    remove(el, kept + name);
    for (const part of name == "srcset" ? (value + "").split(/[ ,]+/) : [value]) ids ||= holders(part);
  }
  if (!ids) return;
  if (how && name != how) {
    waiting.add(el);
    if (!get(el, mark)) {
      set(el, kept + how, el[how]);
      set(el, how, "text/plain");
    }
    // React shows nothing before a style sheet is loaded, and Next.js starts nothing before its first scripts are.
    if (tag == "link" || ((window as any).__next_s + "").includes(value)) setTimeout(() => el.dispatchEvent(new Event("load")));
  }
  set(el, mark, ids);
  set(el, kept + name, value);
  if (tag == "iframe") set(el, name, `${temoin.p}placeholder/${ids}?lang=${temoin.l}&src=${encodeURIComponent(link.href)}`);
  else if (name != how) remove(el, name);
  return 1;
};

// Each kind costs the page memory, whether it has such elements or not: posters and objects are
// left to the server.
for (const kind of words("IFrame Source Link Script Image Media")) {
  for (const name of attributes) {
    wrap((window as any)[`HTML${kind}Element`].prototype, name, (el, [value]) => access(el, name, value));
  }
}
for (const verb of words("get set")) wrap(natives, verb + "Attribute", (el, [name, value]) => access(el, name, value));

// What is parsed into the page loads at once: it is parsed in a document that is not shown,
// where nothing loads, and moved only if something in it was held.
const inert = document.cloneNode() as Document;
wrap(natives, "innerHTML", (el, [html]) => {
  if (/\/\//.test(html)) {
    const box = inert.importNode(el);
    const into = box.content ? el.content : el; // a form has its fields as properties, but no field yet
    let held: any;
    parse(box, "beforeend", html);
    for (const x of box.querySelectorAll(":not(script)")) {
      for (const name of attributes) held |= access(x, name, get(x, name));
    }
    return held && !into.replaceChildren(...box.childNodes);
  }
});

let navigates: any;

// An address at which nothing can be: browsers connect to no such port.
// XMLHttpRequest is told it after the method. A navigator is told nothing, and what it has is
// seen to when the page first asks for any of these: it costs as much as all the rest.
const dead = (_: any, args: any[]) => {
  navigates ??= !wrap(Navigator.prototype, "sendBeacon", (_, args) => !!holders(args[0]));
  for (const i in args) if (holders(args[i]?.url ?? args[i])) args[i] = "wss://temoin:1";
};
for (const name of words("EventSource clientInformation WebSocket Worker navigator fetch")) wrap(window, name, dead);
wrap(XMLHttpRequest.prototype, "open", dead);
