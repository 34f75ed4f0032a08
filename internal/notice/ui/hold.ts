// Holding: what the scripts of a page insert, or ask for, at the hosts of services that are
// not allowed. It begins when this module is loaded, with the data of its script element, and
// has what it needs of the browser before a script of the page can put something else in its
// place.
import type { Hold } from "./types";

export const temoin = window.temoin;
const rules: Hold = JSON.parse(document.currentScript!.dataset.temoin!);

/** Scripts and links that are held, in the order in which they were given an address. */
export const waiting = new Set<Element>();

const { construct, apply } = Reflect as any;
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

// Those that say how an element loads come before those that say what.
const attributes = words("rel type poster data href src srcset");

/** Puts something before a method, a property or a constructor: what it returns is the result, if it is anything. */
const wrap = (owner: any, name: string, before: (self: any, args: any[]) => unknown) => {
  const d = Reflect.getOwnPropertyDescriptor(owner, name) as any;
  for (const k in d) {
    if (d[k]?.call) {
      d[k] = new Proxy(d[k], {
        apply: (native, self, args) => before(self, args) || apply(native, self, args),
        construct: (native, args, target) => before(native, args) || construct(native, args, target),
      });
      Reflect.defineProperty(owner, name, d);
    }
  }
};

const ran: string[] = (temoin.ran = []);
const link = document.createElement("a");

/** The services that hold an address, nothing where it is free: one that is allowed frees it. */
const holders = (address: any) => {
  link.href = address;
  const found = (link.hostname + link.pathname).match(rules.h);
  if (!found) return;
  const ids = rules.s[found.lastIndexOf(found[0])]!;
  const free = words(ids).find(temoin.allows);
  if (!free) return ids;
  ran.push(free);
};

/**
 * Reads or writes an attribute, as methods and properties do. What was kept is read. What
 * would load something that is held is kept, and 1 returned; otherwise nothing is done.
 */
const access = (el: any, name: string, [value]: any[]) => {
  if (value === undefined) return get(el, kept + name);
  const tag = el.localName;
  const how = { script: "type", link: "rel" }[tag as "link"]; // without it they load nothing
  let ids: any;
  if (name == how) {
    ids = get(el, mark);
  } else if (attributes.includes(name) && (how || /^[psd]/.test(name))) {
    remove(el, kept + name);
    for (const part of name == "srcset" ? (value + "").split(/[ ,]+/) : [value]) ids ||= holders(part);
  }
  if (!ids) return;
  if (how && name != how) {
    waiting.add(el);
    set(el, kept + how, el[how]);
    set(el, how, "text/plain");
  }
  set(el, mark, ids);
  set(el, kept + name, value);
  if (tag == "iframe") set(el, name, `${temoin.p}placeholder/${ids}?lang=${temoin.l}&src=${encodeURIComponent(link.href)}`);
  else if (name != how) remove(el, name);
  return 1;
};

for (const kind of words("Video Script Source IFrame Embed Link Media Object Image")) {
  for (const name of attributes) {
    wrap((window as any)[`HTML${kind}Element`].prototype, name, (el, args) => access(el, name, args));
  }
}
for (const verb of ["get", "set"]) wrap(natives, verb + "Attribute", (el, [name, ...args]) => access(el, name, args));

// What is parsed into the page loads at once: it is parsed where nothing loads, and moved
// only if something in it was held.
const inert = document.implementation.createHTMLDocument();
wrap(natives, "innerHTML", (el, args) => {
  if (!/\/\//.test(args[0])) return;
  const box = inert.importNode(el);
  let held = 0;
  parse(box, "beforeend", args[0]);
  for (const x of box.querySelectorAll(":not(script)")) {
    for (const name of attributes) {
      const value = get(x, name);
      if (value && access(x, name, [value])) held = 1;
    }
  }
  return held && !(el.content ?? el).replaceChildren(...box.childNodes);
});

// An address at which nothing can be: no host has the name, and browsers connect to no such port.
const dead = (i: number) => (_: any, args: any[]) => {
  if (holders(args[i]?.url ?? args[i])) args[i] = "wss://temoin.test:1";
};
for (const name of words("EventSource fetch SharedWorker Worker WebSocket")) wrap(window, name, dead(0));
wrap(XMLHttpRequest.prototype, "open", dead(1));
wrap(Navigator.prototype, "sendBeacon", (_, args) => !!holders(args[0]));
