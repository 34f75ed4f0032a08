// What the author of a page has put aside becomes what "release" gives back:
//
//   <script type="text/plain" data-temoin="hotjar" src="…">    also with data-type="module"
//   <iframe data-temoin="youtube" data-src="…">                img, video, … too, and data-srcset, -poster, -data
//   <link data-temoin="fonts" rel="stylesheet" data-href="…">
//   <template data-temoin="intercom"> … </template>
import { kept, mark } from "../mark";
import "../types";

const put = (el: Element) => {
  const name = el.localName;
  if (name == "script" && (el as HTMLScriptElement).type != "text/plain") return; // ours have data of that name
  for (const a of ["type", "rel", "src", "srcset", "poster", "data", "href"]) {
    const value = el.getAttribute("data-" + a) ?? (({ script: "src", link: "rel" } as any)[name] == a ? el.getAttribute(a) : null);
    if (value == null) continue;
    el.removeAttribute("data-" + a);
    if (a != "type") el.removeAttribute(a);
    if (name == "iframe" && a == "src") {
      // A frame whose first, empty document is still loading drops an address that it is given.
      const next = el.nextSibling;
      const parent = el.parentNode!;
      el.remove();
      el.setAttribute(a, `${temoin.p}placeholder/${el.getAttribute(mark)}?lang=${temoin.l}&src=${encodeURIComponent(new URL(value, document.baseURI).href)}`);
      parent.insertBefore(el, next);
    }
    el.setAttribute(kept + a, value);
  }
};

/** Takes the markup of a page as its author has written it. A template that is allowed gives way to what is in it. */
export const adopt = (root: ParentNode = document) => {
  for (const el of root.querySelectorAll(`[${mark}]`)) {
    const ids = el.getAttribute(mark)!;
    const { content } = el as HTMLTemplateElement;
    if (!content?.querySelectorAll) put(el);
    else if (ids.split(" ").some(temoin.allows)) {
      for (const s of content.querySelectorAll(`script:not([${mark}])`)) {
        const type = s.getAttribute("type");
        if (type) s.setAttribute("data-type", type);
        s.setAttribute("type", "text/plain");
        s.setAttribute(mark, ids);
      }
      adopt(content);
      el.replaceWith(content);
    }
  }
};
