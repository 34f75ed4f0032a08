// The vendor's snippet, in a file of its own: the site's policy lets nothing run that is
// written into a page.
window.dataLayer = window.dataLayer || [];
function gtag() {
  dataLayer.push(arguments);
}
gtag("js", new Date());
gtag("config", "G-PIX2CLIP01", { cookie_expires: 33955200, cookie_update: false });
