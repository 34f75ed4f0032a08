// Hotjar, the script of a site: it says which site this is and loads the rest.

const [, site] = /hotjar-(\d+)\.js/.exec(document.currentScript.src);
if (window.hjSiteSettings) return;
window.hjSiteSettings = { site_id: +site };
const rest = document.createElement("script");
rest.async = true;
rest.src = "https://script.hotjar.com/modules.5f1d7c3e9a.js";
document.head.appendChild(rest);
