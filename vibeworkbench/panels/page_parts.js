/** The parts of a page's frame, by their ids, and what is said there. */

const TOAST_MS = 6_000;

/** @param {string} text */
export function toast(text) {
  put(element("vw-toast"), text);
  show("vw-toast", true);
  setTimeout(() => show("vw-toast", false), TOAST_MS);
}

/** @param {string} text For those who listen to the page. */
export function announce(text) {
  put(element("vw-voice"), text);
}

/** @param {string} id */
export function element(id) {
  return document.getElementById(id);
}

/**
 * @param {Element | null} where
 * @param {string} text
 */
export function put(where, text) {
  if (where && where.textContent !== text) where.textContent = text;
}

/**
 * @param {string} id
 * @param {boolean} shown
 */
export function show(id, shown) {
  element(id)?.toggleAttribute("hidden", !shown);
}
