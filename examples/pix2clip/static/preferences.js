// Preferences that the visitor sets. Each is written by an act of theirs, and by nothing else.
"use strict";

for (const e of document.querySelectorAll("[data-scripted]")) e.hidden = false;

// A project is remembered for those who asked for it: they have the key already.
const viewed = document.querySelector("[data-viewed]");
if (viewed && kept.read("pix2clip.last-project") !== null) {
  kept.write("pix2clip.last-project", viewed.dataset.viewed);
}

// What was being written is not for whoever signs in next.
document.querySelector('[action="/logout"]')?.addEventListener("submit", () => kept.forget("pix2clip.draft", "sessionStorage"));

const show = () => {
  const theme = document.documentElement.dataset.theme;
  for (const b of document.querySelectorAll("[data-theme-to]")) {
    b.setAttribute("aria-pressed", b.dataset.themeTo === theme);
  }
  for (const e of document.querySelectorAll("[data-kept]")) {
    e.textContent = kept.read(e.dataset.kept) ?? e.dataset.none;
  }
};
show();
addEventListener("storage", show);

for (const b of document.querySelectorAll("[data-theme-to]")) {
  b.addEventListener("click", () => {
    kept.write("pix2clip.theme", b.dataset.themeTo);
    document.documentElement.dataset.theme = b.dataset.themeTo;
    show();
  });
}

document.querySelector("[data-clear]")?.addEventListener("click", (event) => {
  for (const key of ["pix2clip.theme", "pix2clip.editor", "pix2clip.last-project"]) kept.forget(key);
  applyTheme();
  show();
  document.querySelector("[data-cleared]").textContent = event.currentTarget.dataset.done;
});
