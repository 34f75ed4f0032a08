// The editor: the text that is being written, the settings, and the preview.
"use strict";

const form = document.querySelector("[data-editor]");
const text = form.elements.text;
const film = document.querySelector("[data-film]");
const panels = [...form.querySelectorAll("[data-panel]")];

// The project viewed last, where the visitor asked for that and names no other one.
const last = form.querySelector("[data-last]");
const project = kept.read("pix2clip.last-project");
last.checked = project !== null;
if (project && !document.querySelector("[data-viewed]") && project !== form.elements.project.value) {
  location.replace("/editor?project=" + encodeURIComponent(project));
}
last.addEventListener("change", () => {
  if (last.checked) kept.write("pix2clip.last-project", form.elements.project.value);
  else kept.forget("pix2clip.last-project");
});

// The text that is not saved yet: this tab alone keeps it, until it is among the clips.
const draft = kept.read("pix2clip.draft", "sessionStorage");
if (draft !== null) {
  const saved = [...document.querySelectorAll("[data-saved]")].some((e) => e.textContent === draft.trim());
  if (saved) kept.forget("pix2clip.draft", "sessionStorage");
  else text.value = draft;
}
text.addEventListener("input", () => {
  if (text.value) kept.write("pix2clip.draft", text.value, "sessionStorage");
  else kept.forget("pix2clip.draft", "sessionStorage");
});

// The settings, as the visitor left them.
const settings = () => ({
  format: form.elements.format.value,
  length: Number(form.elements.seconds.value),
  panels: panels.filter((p) => p.open).map((p) => p.dataset.panel),
});
const shape = () => {
  film.dataset.format = form.elements.format.value;
};
try {
  const was = JSON.parse(kept.read("pix2clip.editor"));
  if (was) {
    form.elements.format.value = was.format;
    form.elements.seconds.value = was.length;
    for (const p of panels) p.open = was.panels.includes(p.dataset.panel);
  }
} catch {
  // it is not what was written here: the usual settings stay
}
shape();
const keep = () => kept.write("pix2clip.editor", JSON.stringify(settings()));
for (const e of [...form.elements.format, ...form.elements.seconds]) {
  e.addEventListener("change", () => {
    keep();
    shape();
  });
}
for (const p of panels) {
  // Not "toggle", which a browser also sends for what no visitor did.
  p.querySelector("summary").addEventListener("click", () => setTimeout(keep));
}

// The preview: the pictures follow each other, and the text comes word by word.
form.querySelector("[data-generate]").addEventListener("click", () => {
  if (!text.reportValidity()) return;
  const still = matchMedia("(prefers-reduced-motion: reduce)").matches;
  const { length } = settings();
  const caption = film.querySelector("[data-caption]");
  film.style.setProperty("--length", length + "s");
  caption.replaceChildren();
  text.value.trim().split(/\s+/).forEach((word, i, all) => {
    const e = document.createElement("span");
    e.textContent = word + " ";
    e.style.setProperty("--at", (i * length * 0.8) / all.length + "s");
    caption.append(e);
  });
  film.classList.remove("playing");
  void film.offsetWidth; // so that it begins anew
  film.classList.add("playing");
  const status = document.querySelector("[data-status]");
  status.textContent = still ? status.dataset.still : status.dataset.playing;
});
