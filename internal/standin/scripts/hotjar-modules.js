// Hotjar, what every site gets: it begins a visit, sends the page, and keeps a line
// open for what the visitor does. window.hj is a queue until now.

const site = window.hjSiteSettings.site_id;
const flags = "Secure; SameSite=None";
const names = { user: "_hjSessionUser_" + site, visit: "_hjSession_" + site };

function encoded(value) {
  return btoa(JSON.stringify(value));
}

// visit keeps the visit for half an hour from now on.
function visit() {
  const kept = read(names.visit);
  keep(names.visit, kept || encoded({ id: crypto.randomUUID(), c: Date.now() }), 30 * secondsOf.minute, flags);
}

const commands = {
  // identify keeps what the site says of the visitor.
  identify(user, attributes) {
    const all = encoded({ user, attributes });
    localStorage.setItem("_hjUserAttributes", all);
    keep("_hjUserAttributesHash", String(all.length), 2 * secondsOf.minute, flags);
    keep("_hjHasCachedUserAttributes", "true", 0, flags);
  },
};

function run([command, ...rest]) {
  if (Object.hasOwn(commands, command)) commands[command](...rest);
}

const queue = (window.hj && window.hj.q) || [];
window.hj = (...command) => run(command);
queue.forEach((command) => run(Array.from(command)));

if (!read(names.user)) keep(names.user, encoded({ id: crypto.randomUUID(), created: Date.now() }), 365 * secondsOf.day, flags);
visit();
tell("https://content.hotjar.io/?site_id=" + site, JSON.stringify({ page: location.href, title: document.title }));

const line = new WebSocket("wss://ws.hotjar.com/api/v2/client/ws?v=7&site_id=" + site);
for (const deed of ["click", "keydown", "scroll"]) {
  addEventListener(deed, (event) => {
    visit();
    if (line.readyState === WebSocket.OPEN) line.send(JSON.stringify({ deed, at: Math.round(event.timeStamp) }));
  }, { passive: true, capture: true });
}
