import { renew } from "./fresh";
import { part } from "./parts";

/** Whether something was typed into the page, which would be lost. */
const typed = () => {
  for (const e of document.querySelectorAll<HTMLInputElement>("input,textarea")) {
    if (/^(check|radio)/.test(e.type) ? e.checked != e.defaultChecked : !/^(range|color)/.test(e.type) && e.value != e.defaultValue) return true;
  }
  // What stood there from the beginning is not known: to offer loses nothing.
  for (const e of document.querySelectorAll("[contenteditable]:not([contenteditable=false])")) if (e.textContent!.trim()) return true;
  try {
    return document.querySelector(":user-valid,:user-invalid"); // frameworks move the default along
  } catch {
    return false;
  }
};

/** Loads the page again, or offers to where something was typed. */
export const reload = (root: ShadowRoot, words: DOMStringMap) => {
  if (!typed()) return renew();
  const note = document.createElement("p");
  const button = document.createElement("button");
  note.setAttribute("part", "note");
  note.setAttribute("role", "status");
  button.setAttribute("part", "button reload");
  button.textContent = words.reload ?? "↻";
  button.onclick = (e) => {
    e.stopPropagation(); // the first layer takes clicks on buttons for its own
    renew();
  };
  const open = part(root, "open");
  if (open) open.style.display = "none"; // its place is taken
  (open?.parentNode ?? root).append(note);
  note.append(words.typed ?? "", " ", button);
};
