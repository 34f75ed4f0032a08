// The tag: all of it for a site that is made of files. Its pages are the same for everybody, and
// come from somewhere else than what keeps the choices, the hub.
import { decided, hub } from "../tag/page";
import "./base";
import { waiting } from "../hold";
import { lead } from "../lead";
import { queue } from "../release";
import { adopt } from "../tag/markup";
import { value } from "../tag/decide";
import { trust } from "../trust";

const doc = document;
const temoin = window.temoin;
let free = T.f;
temoin.p = hub;

Object.defineProperties(temoin, {
  // A path changes without a new page, where a script shows them.
  f: {
    get: () =>
      T.u.reduce((all, [id, category, paths]) => (RegExp(paths).test(location.pathname) && (free + temoin.choice).includes(`&${category}=1`) ? `${all}${id}=1&` : all), free),
  },
  // Placeholders lead back to the page.
  l: { get: () => `${T.l}&page=${encodeURIComponent(location.href.split("#")[0]!)}` },
});

temoin.use = (service?: string) => {
  free += service + "=1&";
  adopt();
  // What the page's policy would stop waits for the page to be loaded again.
  temoin.y == 2 || queue(waiting);
};

temoin.t = value;

temoin.g = async (address, init) => {
  const answer = await fetch(address, { ...init, credentials: "include", headers: { "Temoin-Choice": value() } });
  const { cookie } = await answer.clone().json().catch(() => ({}));
  if (cookie) doc.cookie = cookie;
  return answer;
};

try {
  A();
} catch {
  // an adapter reads cookies, of which a frame in a sandbox has none
}

new MutationObserver(() => adopt()).observe(doc, { childList: true, subtree: true });
temoin.use();

// What is released here is not released before this is over.
if (T.z) {
  temoin.y = 2;
  const seal = doc.createElement("meta");
  seal.httpEquiv = "Content-Security-Policy";
  seal.content = [T.z, new URL(hub).host, ...Object.keys(T.w!).filter(temoin.allows).map((id) => T.w![id])].join(" ");
  doc.head.prepend(seal);
}

const { asks, made } = decided;
const shows = asks[0] || (T.m && !made);

/** The content that came along. */
const own = () => new DOMParser().parseFromString(trust?.createHTML(T.b) ?? T.b, "text/html");

/** The content about what is asked here. A browser's own parsing of an answer needs no permission. */
const asked = () =>
  new Promise<Document>((done, failed) => {
    const x = new XMLHttpRequest();
    x.open("GET", `${hub}?part=notice&lang=${T.l}${made ? "&again" : ""}&asks=${asks.join("&asks=")}`);
    x.responseType = "document";
    x.onload = () => (x.status == 200 && x.response ? done(x.response) : failed());
    x.onerror = failed;
    x.send();
  });

const sheet = (css: string) => {
  const s = new CSSStyleSheet();
  s.replaceSync(css);
  return s;
};

const body = new Promise<void>((ok) => {
  const look = () => doc.body && ok();
  look();
  new MutationObserver(look).observe(doc.documentElement, { childList: true });
});

(async () => {
  const content = await (asks[0] && asks.length < T.q.length + (made as any) ? asked().catch(own) : new Promise<Document>((ok) => ok(own())).catch(asked));
  await body;
  const host = doc.createElement("temoin-notice");
  const root = host.attachShadow({ mode: "open" });
  host.id = "temoin";
  host.lang = T.l;
  host.dir = T.d;
  host.dataset.nosnippet = "";
  root.adoptedStyleSheets = [sheet(T.s)];
  root.append(...content.body.childNodes);
  lead(root);
  doc.body.prepend(host);
  if (!shows) {
    host.dataset.done = "";
    return;
  }
  doc.adoptedStyleSheets = [...doc.adoptedStyleSheets, sheet(T.r)];
  // The chunk "notice" stands in its host where the server writes it.
  Object.defineProperty(doc, "currentScript", { value: { parentElement: host }, configurable: true });
  F(temoin.g);
  delete (doc as any).currentScript;
})();
