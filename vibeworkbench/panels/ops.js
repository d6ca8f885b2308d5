/** The ops panel, an anywidget: what one scan after the other finds, live. */
import css from "./ops.css";

/** @param {{el: HTMLElement}} context */
function render({ el }) {
  const sheet = new CSSStyleSheet();
  sheet.replaceSync(css);
  document.adoptedStyleSheets.push(sheet);
  el.classList.add("vw-ops");
  return () => el.classList.remove("vw-ops");
}

export default { render };
