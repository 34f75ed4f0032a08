// Google Analytics 4. Works off window.dataLayer, into which gtag() pushes its
// arguments: what is there already first, and then what comes.

if (window.google_tag_manager) return; // one is enough for every property
window.google_tag_manager = {};

const consent = {}; // what is not denied is granted
const common = {}; // gtag("set", …)
const properties = {}; // gtag("config", id, …), by id
const oneOff = number() + "." + now(); // of this page alone, while cookies are denied
let ready = Promise.resolve(); // until when hits wait for consent to be updated
let go;

function number() {
  return crypto.getRandomValues(new Uint32Array(1))[0];
}

function now() {
  return Math.floor(Date.now() / 1000);
}

function granted(storage) {
  return consent[storage] !== "denied";
}

function put(property, name, value) {
  const { cookie_expires = 730 * secondsOf.day, cookie_flags, cookie_domain } = property;
  keep(name, value, cookie_expires, cookie_flags, cookie_domain);
}

// client is the number of the browser. A cookie that is there is written anew once
// a page, so that it lasts longer, unless cookie_update forbids it.
function client(property) {
  const name = (property.cookie_prefix || "") + "_ga";
  const kept = /^GA1\.\d+\.(\d+\.\d+)$/.exec(read(name) || "");
  const id = kept ? kept[1] : number() + "." + now();
  if (!kept || (property.cookie_update !== false && !property.renewed)) {
    put(property, name, "GA1.1." + id);
    property.renewed = true;
  }
  return id;
}

// session is the start of the visit and how many there were. It ends after half an
// hour in which nothing happened.
function session(property) {
  const name = (property.cookie_prefix || "") + "_ga_" + property.id.slice(2);
  const kept = /^GS1\.1\.(\d+)\.(\d+)\.\d\.(\d+)\./.exec(read(name) || "");
  let [start, count] = kept ? [+kept[1], +kept[2]] : [now(), 1];
  if (kept && now() - kept[3] > 30 * secondsOf.minute) [start, count] = [now(), count + 1];
  if (!kept || property.cookie_update !== false) {
    put(property, name, ["GS1.1", start, count, 1, now(), 0, 0, 0].join("."));
  }
  return [start, count];
}

// hit reports something. With cookies denied it goes out without any, and under a
// number that the next page does not have.
function hit(property, name, more = {}) {
  if (window["ga-disable-" + property.id]) return;
  const about = new URLSearchParams({
    v: 2, tid: property.id, cid: oneOff,
    gcs: "G1" + (granted("ad_storage") ? 1 : 0) + (granted("analytics_storage") ? 1 : 0),
    en: name, dl: location.href, dr: document.referrer, dt: document.title,
  });
  if (granted("analytics_storage")) {
    about.set("cid", client(property));
    const [sid, sct] = session(property);
    about.set("sid", sid);
    about.set("sct", sct);
  }
  for (const key in more) {
    if (typeof more[key] !== "object" && key !== "send_to") about.set("ep." + key, more[key]);
  }
  tell("https://region1.google-analytics.com/g/collect?" + about);
  if (property.allow_google_signals !== false && granted("ad_storage") && granted("analytics_storage")) {
    tell("https://stats.g.doubleclick.net/g/collect?v=2&tid=" + property.id + "&cid=" + about.get("cid") + "&gcs=" + about.get("gcs"));
  }
}

const commands = {
  js() {},
  set(fields) {
    Object.assign(common, fields);
  },
  consent(how, what) {
    Object.assign(consent, what);
    if (how === "default" && what.wait_for_update > 0) {
      ready = new Promise((done) => {
        go = done;
        setTimeout(done, what.wait_for_update);
      });
    }
    if (how !== "update") return;
    if (go) go();
    if (!granted("analytics_storage")) return; // what is written stays: deleting it is the site's affair
    for (const property of Object.values(properties)) {
      if (window["ga-disable-" + property.id]) continue;
      client(property);
      session(property);
    }
  },
  config(id, fields) {
    if (!/^G-\w+$/.test(id)) return;
    const property = (properties[id] = { ...common, ...fields, id });
    if (property.send_page_view !== false) ready.then(() => hit(property, "page_view"));
  },
  event(name, fields = {}) {
    const to = fields.send_to && [].concat(fields.send_to);
    for (const property of Object.values(properties)) {
      if (!to || to.includes(property.id)) ready.then(() => hit(property, name, fields));
    }
  },
};

function run(entry) {
  const [command, ...rest] = Array.from(entry && entry.length ? entry : []);
  if (Object.hasOwn(commands, command)) commands[command](...rest);
}

const layer = (window.dataLayer = window.dataLayer || []);
layer.forEach(run);
const push = layer.push;
layer.push = function (...entries) {
  const length = push.apply(layer, entries);
  entries.forEach(run);
  return length;
};
