/**
 * The state of the widgets of a published page, as the page carries it.
 *
 * @typedef {object} KeptWidget One model.
 * @property {string} name Name of its model class.
 * @property {string} module Package of that class.
 * @property {Record<string, any>} state
 * @property {{path: (string | number)[], data: string}[]} [buffers] Binary parts of the state, in base64.
 * @property {string} [esm] Where an anywidget's program stands, relative to the page.
 * @property {string} [css] The same for its style sheet.
 *
 * @typedef {Record<string, KeptWidget>} KeptWidgets By model id.
 */

const MODEL = "IPY_MODEL_";
const WIDGET = "anywidget:";

/**
 * @param {unknown} value
 * @returns {string | null} The id of the model that the value refers to.
 */
export function referred(value) {
  if (typeof value !== "string") return null;
  if (value.startsWith(MODEL)) return value.slice(MODEL.length);
  return value.startsWith(WIDGET) ? value.slice(WIDGET.length) : null;
}

/**
 * @param {KeptWidget} widget
 * @returns {Record<string, any>} Its state with the binary parts in their places, as `DataView`s like Jupyter's own.
 */
export function stateOf({ state, buffers = [] }) {
  const whole = structuredClone(state);
  for (const { path, data } of buffers) {
    const last = path.at(-1);
    if (last === undefined) continue;
    const holder = path.slice(0, -1).reduce((/** @type {any} */ inner, key) => inner[key], whole);
    holder[last] = new DataView(bytesOf(data).buffer);
  }
  return whole;
}

/**
 * @param {string} base64
 * @returns {Uint8Array<ArrayBuffer>}
 */
function bytesOf(base64) {
  return Uint8Array.from(atob(base64), (character) => character.charCodeAt(0));
}

/**
 * @template T
 * @param {string} id Of a `<script type="application/json">`.
 * @param {T} otherwise
 * @returns {T} What it holds.
 */
export function jsonOf(id, otherwise) {
  const text = document.getElementById(id)?.textContent;
  return text ? JSON.parse(text) : otherwise;
}
