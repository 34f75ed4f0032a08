export type Kind = "cookie" | "localStorage" | "sessionStorage" | "indexedDB" | "cacheStorage";

/**
 * What goes when none of its owners is allowed any more. The name may hold one "*".
 * An owner is "category", or "category!service" for what belongs to a service. What
 * is exempt is listed only where a pattern fits it, and stays. The path is that of a
 * cookie, where it is declared.
 *
 *     ["cookie", "_ga*", ["analytics!google-analytics"]]
 */
export type Wipe = [kind: Kind, name: string, owners: string[], path?: string];

/** A name or a pattern, as an expression. */
const pattern = (name: string) => new RegExp("^" + name.replace(/[.+?^${}()|[\]\\]/g, "\\$&").replace("*", ".*") + "$");

/** What stays though a pattern fits it, since it is another's: "cookie _core". */
let stays = new Set<string>();

/** The name itself, or what is there of its pattern. */
const matching = (kind: Kind, name: string, there: string[]) =>
  name.includes("*") ? there.filter((n) => pattern(name).test(n) && !stays.has(`${kind} ${n}`)) : [name];

/** "a.b.c" → "", "a.b.c", "b.c", "c": a cookie without a Domain is another one. */
const domains = () => ["", ...location.hostname.split(".").map((_, i, all) => ";Domain=" + all.slice(i).join("."))];

/** "/a/b" → "/", "/a", "/a/", "/a/b": all that a cookie of this page can have. */
const paths = (declared = "/") => {
  const all = new Set(["/", declared]);
  for (let p = location.pathname; p.length > 1; p = p.replace(/\/?[^/]*$/, "")) all.add(p).add(p.replace(/\/?$/, "/"));
  return all;
};

const wipeCookie = (name: string, path?: string) => {
  for (const n of matching("cookie", name, document.cookie.split(/; */).map((c) => c.split("=")[0]!))) {
    for (const d of domains()) {
      for (const p of paths(path)) {
        // What is partitioned is another cookie; on http nothing Secure can be written.
        for (const form of ["", ";Secure", ";Secure;SameSite=None;Partitioned"]) {
          document.cookie = `${n}=;Max-Age=0;Path=${p}${d}${form}`;
        }
      }
    }
  }
};

const wipeStorage = (kind: "localStorage" | "sessionStorage", name: string) => {
  const storage = window[kind];
  for (const n of matching(kind, name, Object.keys(storage))) storage.removeItem(n);
};

const wipeDatabases = async (name: string) => {
  const there = (await indexedDB.databases?.()) ?? [];
  await Promise.all(
    matching("indexedDB", name, there.map((d) => d.name!)).map(
      (n) =>
        new Promise((done) => {
          const r = indexedDB.deleteDatabase(n);
          r.onsuccess = r.onerror = r.onblocked = done; // blocked: it goes when the page does
        }),
    ),
  );
};

const wipeCaches = async (name: string) => {
  await Promise.all(matching("cacheStorage", name, await caches.keys()).map((n) => caches.delete(n)));
};

const wipeOne = ([kind, name, , path]: Wipe): unknown => {
  switch (kind) {
    case "cookie":
      return wipeCookie(name, path);
    case "indexedDB":
      return wipeDatabases(name);
    case "cacheStorage":
      return wipeCaches(name);
    default:
      return wipeStorage(kind, name);
  }
};

/**
 * Deletes what nobody allows any more. Cookies and storage are gone at once; databases
 * and caches when the promise resolves, which it does within two seconds. A storage
 * that the browser denies holds nothing.
 */
export const wipe = (list: Wipe[], allows: (id: string) => boolean): Promise<unknown> => {
  const kept = (w: Wipe) => w[2].some((owner) => allows(owner.replace(/.*!/, "")));
  stays = new Set(list.filter(kept).map(([kind, name]) => `${kind} ${name}`));
  const late = list.filter((w) => !kept(w)).map((w) => {
    try {
      return Promise.resolve(wipeOne(w)).catch(() => {});
    } catch {
      return;
    }
  });
  return Promise.race([Promise.all(late), new Promise((done) => setTimeout(done, 2e3))]);
};
