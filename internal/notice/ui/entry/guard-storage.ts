// Storage that scripts of the site itself write: keys that are declared, and whose category or
// service is not allowed, are told of, and not written where the site says so. What a server
// sets, other keys, and a property set as localStorage.name are not seen.
import type { Wipe } from "../wipe";

/** keys, and whether writing is stopped */
interface Guarded {
  k: Wipe[];
  s: "report" | "block";
}

const { apply } = Reflect;
const temoin = window.temoin;
const { k, s }: Guarded = JSON.parse(temoin.u!);

const fits = (pattern: string, name: string) => {
  const [begin, end] = pattern.split("*");
  return end == null ? name == pattern : name.length >= pattern.length - 1 && name.startsWith(begin!) && name.endsWith(end);
};

/** Says whether a key may be written; tells of one that may not. */
const may = (kind: string, name: string) => {
  const rules = k.filter(([of, pattern]) => of == kind && fits(pattern, name));
  const rule = rules.find((r) => r[1] == name) ?? rules[0]; // no two patterns fit one name
  if (!rule || rule[2].some((owner) => temoin.allows(owner.split("!").pop()!))) return true;
  console.warn(`temoin: ${kind} ${name} needs consent`);
  document.dispatchEvent(new CustomEvent("temoin:held", { detail: { kind, name, blocked: s == "block" } }));
  return s != "block";
};

const wrap = (owner: object, name: string, kindOf: (self: unknown) => string, key: (args: any[]) => string | undefined) => {
  const d = Reflect.getOwnPropertyDescriptor(owner, name)!;
  const of = d.set ? "set" : "value";
  d[of] = new Proxy(d[of], {
    apply(native, self, args) {
      let pass = true;
      try {
        const name = key(args);
        pass = name === undefined || may(kindOf(self), name);
      } catch {
        // the page gets the error that it would get
      }
      if (pass) return apply(native, self, args);
    },
  });
  Reflect.defineProperty(owner, name, d);
};

wrap(Storage.prototype, "setItem", (self) => (self === localStorage ? "localStorage" : "sessionStorage"), ([name]) => `${name}`);
wrap(Document.prototype, "cookie", () => "cookie", ([text]) =>
  // What removes a cookie may always be written.
  /;\s*max-age\s*=\s*(0|-)|;\s*expires\s*=[^;]*\b(19\d\d|200\d)\b/i.test(text) ? undefined : `${text}`.split(/[=;]/)[0]!.trim());
