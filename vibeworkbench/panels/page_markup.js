/** Markup that a control's description may have: what formats a word or two, and nothing that loads or does something. */

const ALLOWED = new Set([
  "A",
  "ABBR",
  "B",
  "BR",
  "CODE",
  "EM",
  "I",
  "LI",
  "OL",
  "S",
  "SPAN",
  "STRONG",
  "SUB",
  "SUP",
  "U",
  "UL",
]);
const ALLOWED_ATTRIBUTES = new Set(["class", "title"]);
/** Their text is no text to read. */
const NEVER = new Set(["SCRIPT", "STYLE", "TEMPLATE", "NOSCRIPT", "IFRAME", "OBJECT"]);

/**
 * @param {string} source
 * @returns {string} The source with the text of every other element in its place.
 */
export function inlineMarkup(source) {
  const { body } = new DOMParser().parseFromString(source, "text/html"); // inert: nothing runs, nothing is loaded
  for (const element of [...body.querySelectorAll("*")].reverse()) {
    if (NEVER.has(element.tagName)) element.remove();
    else if (!ALLOWED.has(element.tagName)) element.replaceWith(...element.childNodes);
    else for (const { name } of [...element.attributes]) if (!kept(element, name)) element.removeAttribute(name);
  }
  return body.innerHTML;
}

/**
 * @param {Element} element
 * @param {string} attribute
 */
function kept(element, attribute) {
  if (ALLOWED_ATTRIBUTES.has(attribute) || attribute.startsWith("aria-")) return true;
  return attribute === "href" && /^(?:https?:|mailto:|#)/i.test(element.getAttribute("href") ?? "");
}
