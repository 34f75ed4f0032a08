// Intercom, the script of a site: it says which site this is and loads the rest.

const [, app] = /\/widget\/(\w+)/.exec(document.currentScript.src);
const rest = document.createElement("script");
rest.async = true;
rest.dataset.app = app;
rest.src = "https://js.intercomcdn.com/frame.4b8d21f6.js";
document.head.appendChild(rest);
