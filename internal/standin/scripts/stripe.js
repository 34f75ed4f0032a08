// Stripe.js: window.Stripe, and what it does on every page that it stands on to
// recognise fraud.

if (window.Stripe) return;

const home = "https://js.stripe.com";
const signals = new URL(document.currentScript.src).searchParams.get("advancedFraudSignals") !== "false";

function id() {
  return crypto.randomUUID() + Math.floor(Math.random() * 0xffffff).toString(16).padStart(6, "0");
}

function frame(address, title, visible) {
  const f = document.createElement("iframe");
  f.src = address;
  f.title = title;
  f.style.border = "0";
  f.style.width = visible ? "100%" : "1px";
  f.style.height = visible ? "9rem" : "1px";
  if (!visible) {
    f.setAttribute("aria-hidden", "true");
    f.tabIndex = -1;
    f.style.position = "fixed";
    f.style.visibility = "hidden";
  }
  return f;
}

// The numbers of the browser and of the visit, and a frame that sends what it finds
// out about the browser. A site can do without (advancedFraudSignals).
function recognise() {
  const flags = "Secure; SameSite=Strict";
  const domain = "." + location.hostname;
  if (!read("__stripe_mid")) keep("__stripe_mid", id(), 365 * secondsOf.day, flags, domain);
  if (!read("__stripe_sid")) keep("__stripe_sid", id(), 30 * secondsOf.minute, flags, domain);
  document.body.appendChild(frame(home + "/v3/m-outer-3437aaddcdf6922d623e172c2d6f9278.html", "Stripe", false));
}
if (signals) {
  if (document.body) recognise();
  else addEventListener("DOMContentLoaded", recognise);
}

// An Element is a form in a frame: the page never sees the card.
class Element {
  constructor(kind) {
    this.kind = kind;
    this.listeners = {};
  }
  mount(place) {
    const at = typeof place === "string" ? document.querySelector(place) : place;
    this.frame = frame(home + "/v3/elements-inner-" + this.kind + "-0a1b2c3d.html", "Secure " + this.kind + " input frame", true);
    this.loaded = new Promise((done) => this.frame.addEventListener("load", done, { once: true }));
    this.loaded.then(() => this.listeners.ready && this.listeners.ready({ elementType: this.kind }));
    at.appendChild(this.frame);
  }
  on(event, listener) {
    this.listeners[event] = listener;
    return this;
  }
  unmount() {
    this.frame.remove();
  }
  destroy() {
    this.unmount();
  }
  // send has the frame send its card to the interface, and returns the answer.
  async send(path, fields) {
    await this.loaded;
    const { port1, port2 } = new MessageChannel();
    const answer = new Promise((done) => (port1.onmessage = (event) => done(event.data)));
    this.frame.contentWindow.postMessage({ path, fields }, home, [port2]);
    return answer;
  }
}

// send sends fields to the interface, from the frame with the card where there is one.
function send(element, path, fields) {
  if (element instanceof Element) return element.send(path, fields);
  return fetch("https://api.stripe.com" + path, { method: "POST", body: new URLSearchParams(fields) })
    .then((r) => r.json())
    .catch(() => ({ error: { type: "api_connection_error", message: "Stripe cannot be reached." } }));
}

class Elements {
  constructor(options) {
    this.options = options || {};
    this.all = {};
  }
  create(kind) {
    return (this.all[kind] = new Element(kind));
  }
  getElement(kind) {
    return this.all[kind] || null;
  }
}

class StripeObject {
  constructor(key) {
    if (!key) throw new Error("Stripe() needs a publishable key.");
    this.key = key;
  }
  elements(options) {
    return new Elements(options);
  }
  async createPaymentMethod(what) {
    const element = what.card || (what.elements && Object.values(what.elements.all)[0]);
    const answer = await send(element, "/v1/payment_methods", { key: this.key, type: what.type || "card" });
    return answer.error ? { error: answer.error } : { paymentMethod: answer };
  }
  confirmCardPayment(secret, what = {}) {
    const card = what.payment_method && what.payment_method.card;
    return this.confirm(secret, card, what.return_url || "", false);
  }
  confirmPayment({ elements, clientSecret, confirmParams = {}, redirect }) {
    const element = elements && Object.values(elements.all)[0];
    return this.confirm(clientSecret || elements.options.clientSecret, element, confirmParams.return_url || "", redirect !== "if_required");
  }
  // confirm pays. Where the bank asks its customer, or where the site wants it
  // ("always"), the page goes away and comes back at an address of the site.
  async confirm(secret, element, back, always) {
    const intent = secret.split("_secret_")[0];
    const answer = await send(element, "/v1/payment_intents/" + intent + "/confirm", { key: this.key, client_secret: secret, return_url: back });
    if (answer.error) return { error: answer.error };
    if (back && answer.next_action) {
      location.assign(answer.next_action.redirect_to_url.url);
    } else if (back && always) {
      const to = new URL(back);
      to.searchParams.set("payment_intent", intent);
      to.searchParams.set("redirect_status", answer.status);
      location.assign(to);
    }
    return { paymentIntent: answer };
  }
}

window.Stripe = (key) => new StripeObject(key);
window.Stripe.version = 3;
