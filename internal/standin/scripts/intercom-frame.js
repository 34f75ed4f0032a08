// Intercom, what every site gets: the chat. window.Intercom is a queue until now.

const { app: ownApp } = document.currentScript.dataset;
const api = "https://api-iam.intercom.io/messenger/web/";
const flags = "SameSite=Lax";
let chat; // while it is booted: {app, launcher, frame}

function make(tag, parent, style) {
  const element = parent.ownerDocument.createElement(tag);
  Object.assign(element.style, style);
  parent.appendChild(element);
  return element;
}

// remember writes who this is, once the service has answered: the visitor and the
// device for 271 days, the conversations for a week from now on.
function remember(app) {
  const visitor = "intercom-id-" + app;
  if (!read(visitor)) keep(visitor, crypto.randomUUID(), 271 * secondsOf.day, flags);
  const session = "intercom-session-" + app;
  keep(session, read(session) || crypto.randomUUID(), 7 * secondsOf.day, flags);
  const device = "intercom-device-id-" + app;
  keep(device, read(device) || crypto.randomUUID(), 271 * secondsOf.day, flags);
}

function post(what, fields) {
  return fetch(api + what, { method: "POST", body: new URLSearchParams(fields), credentials: "include" });
}

// open shows the chat, in a frame without an address of its own.
function open() {
  if (chat.frame) return;
  const frame = (chat.frame = make("iframe", document.body, {
    position: "fixed", insetBlockEnd: "5rem", insetInlineEnd: "1rem", width: "18rem", height: "14rem", border: "1px solid #888", background: "#fff", zIndex: "2147483000",
  }));
  frame.name = "intercom-messenger-frame";
  frame.title = "Intercom live chat";
  const body = frame.contentDocument.body;
  make("p", body).textContent = "How can we help?";
  const form = make("form", body);
  const label = make("label", form);
  label.textContent = "Message ";
  const input = make("input", label);
  make("button", form).textContent = "Send";
  const said = make("div", body);
  said.setAttribute("role", "log");
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    make("p", said).textContent = input.value;
    post("conversations", { app_id: chat.app, body: input.value });
    input.value = "";
  });
}

function close() {
  if (chat.frame) chat.frame.remove();
  chat.frame = undefined;
}

function showLauncher() {
  const launcher = (chat.launcher = make("button", document.body, {
    position: "fixed", insetBlockEnd: "1rem", insetInlineEnd: "1rem", width: "3rem", height: "3rem", borderRadius: "50%", zIndex: "2147483000",
  }));
  launcher.className = "intercom-launcher";
  launcher.type = "button";
  launcher.textContent = "?";
  launcher.setAttribute("aria-label", "Open Intercom Messenger");
  launcher.addEventListener("click", () => (chat.frame ? close() : open()));
}

const commands = {
  async boot(settings = {}) {
    if (chat) return;
    const booted = (chat = { app: settings.app_id || ownApp });
    await post("ping", { app_id: booted.app, page: location.href, visitor: read("intercom-id-" + booted.app) || "" });
    if (chat !== booted) return; // shut down meanwhile
    remember(booted.app);
    if (!settings.hide_default_launcher) showLauncher();
  },
  update() {
    if (chat) post("ping", { app_id: chat.app, page: location.href, visitor: read("intercom-id-" + chat.app) || "" });
  },
  show() {
    if (chat) open();
  },
  hide() {
    if (chat) close();
  },
  shutdown() {
    if (!chat) return;
    close();
    if (chat.launcher) chat.launcher.remove();
    // The domain that it stands on is not known: all are tried.
    const labels = location.hostname.split(".");
    for (let n = 0; n <= labels.length; n++) write("intercom-session-" + chat.app, "", labels.slice(labels.length - n).join("."), "; path=/; max-age=0");
    chat = undefined;
  },
};

function run([command, ...rest]) {
  if (Object.hasOwn(commands, command)) commands[command](...rest);
}

const queue = (window.Intercom && window.Intercom.q) || [];
window.Intercom = (...command) => run(command);
queue.forEach((command) => run(Array.from(command)));
if (!chat && window.intercomSettings) run(["boot", window.intercomSettings]);
