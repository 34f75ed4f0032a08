// Before the page is drawn: the theme that the visitor chose, and how pages reach what the
// browser keeps for them.
"use strict";

/** What the browser keeps; one that keeps nothing is no reason to fail. */
const kept = {
  read(key, store = "localStorage") {
    try {
      return window[store].getItem(key);
    } catch {
      return null;
    }
  },
  write(key, value, store = "localStorage") {
    try {
      window[store].setItem(key, value);
    } catch {
      // the setting holds for this page
    }
  },
  forget(key, store = "localStorage") {
    try {
      window[store].removeItem(key);
    } catch {
      // there is nothing to forget
    }
  },
};

const applyTheme = () => {
  const theme = kept.read("pix2clip.theme");
  if (theme === "dark" || theme === "light") document.documentElement.dataset.theme = theme;
  else delete document.documentElement.dataset.theme;
};
applyTheme();
addEventListener("storage", applyTheme); // chosen in another tab
