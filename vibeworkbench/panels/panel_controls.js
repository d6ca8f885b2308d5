/** Controls that panels share. */

import { html } from "lit-html";
import { live } from "lit-html/directives/live.js";

/**
 * @param {string} label
 * @param {string} value
 * @param {string[][]} options
 * @param {(value: string) => void} choose
 */
export function select(label, value, options, choose) {
  return html`<select
    aria-label=${label}
    .value=${live(value)}
    @change=${(/** @type {any} */ event) => choose(event.target.value)}
  >
    ${options.map(([each, text]) => html`<option value=${each ?? ""} ?selected=${each === value}>${text}</option>`)}
  </select>`;
}

/**
 * @param {string} title
 * @param {() => void} close
 */
export function closeButton(title, close) {
  return html`<button type="button" class="vw-close" aria-label=${title} title="Close (Esc)" @click=${close}>
    <svg viewBox="0 0 16 16" aria-hidden="true"><path d="m4 4 8 8m0-8-8 8" /></svg>
  </button>`;
}

/**
 * Arrow keys move between the rows of a list.
 *
 * @param {string} selector Of a row.
 * @returns {(event: KeyboardEvent) => void}
 */
export function walker(selector) {
  return (event) => {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    const list = /** @type {HTMLElement} */ (event.currentTarget);
    const rows = /** @type {HTMLElement[]} */ ([...list.querySelectorAll(selector)]);
    const here = rows.findIndex((each) => each === event.target);
    if (step === undefined || here < 0) return;
    event.preventDefault();
    rows[here + step]?.focus();
  };
}

/**
 * @param {string} name
 * @param {unknown} value
 */
export function fact(name, value) {
  return value === null || value === undefined || value === ""
    ? ""
    : html`<div>
        <dt>${name}</dt>
        <dd>${value}</dd>
      </div>`;
}

/**
 * What stands where a list would: it failed, or there is nothing.
 *
 * @param {string} title
 * @param {unknown} text
 * @param {unknown} [way] What can be done.
 */
export function empty(title, text, way = "") {
  return html`<div class="vw-empty" role="status">
    <p class="vw-empty-title">${title}</p>
    <p>${text}</p>
    ${way}
  </div>`;
}
