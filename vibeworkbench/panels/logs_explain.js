/** How a line was understood: each step from the raw line to its template. */

import { html, nothing } from "lit-html";
import { live } from "lit-html/directives/live.js";
import { logText, templateText } from "./log_parts.js";
import { evidenceName, evidenceText } from "./words.js";

/**
 * @typedef {import("./logs_state.js").State} State
 * @typedef {import("./logs.js").Acts} Acts
 */

/**
 * @param {State} state
 * @param {Acts} acts
 */
export function explainView(state, acts) {
  const { line, source, loading, failure, answer } = state.explained;
  const names = state.sources.items.map((each) => `${each.kind}:${each.source}`);
  const options = [
    ["", "No source in particular"],
    ...[...new Set([...names, source].filter(Boolean))].sort().map((each) => [each, each]),
  ];
  const submit = (/** @type {SubmitEvent} */ event) => {
    event.preventDefault();
    const given = new FormData(/** @type {HTMLFormElement} */ (event.target));
    const text = String(given.get("line") ?? "");
    if (text.trim()) acts.explain(text, String(given.get("source") ?? ""));
  };
  return html`<form class="vw-form vw-explain" @submit=${submit}>
      <label
        >A raw line, as it stands in its file<textarea
          name="line"
          rows="3"
          required
          spellcheck="false"
          maxlength="20000"
          .value=${live(line)}
        ></textarea>
      </label>
      <div class="vw-form-end">
        ${sourceChoice(source, options)}
        <button type="submit" class="vw-button vw-first" aria-disabled=${loading}>Explain</button>
      </div>
      <p class="vw-why">Nothing of it is stored.</p>
    </form>
    ${failure === "" ? nothing : html`<p class="vw-explain-answer vw-why" role="status">${failure}</p>`}
    ${loading ? html`<p class="vw-log-end" role="status">Explaining…</p>` : nothing}
    ${answer === null ? nothing : html`<div class="vw-explain-answer" role="status">${explanation(answer)}</div>`}`;
}

/**
 * @param {string} source
 * @param {string[][]} options
 */
function sourceChoice(source, options) {
  return html`<select name="source" aria-label="Source" .value=${live(source)}>
    ${options.map(([value, text]) => html`<option value=${value ?? ""} ?selected=${value === source}>${text}</option>`)}
  </select>`;
}

/**
 * Whatever the server tells of the steps, in its order: texts in one face, lists as steps, facts by name.
 *
 * @param {Record<string, any>} told
 */
export function explanation(told) {
  return html`<dl class="vw-evidence vw-steps">
    ${Object.entries(told)
      .filter(([, value]) => !isEmpty(value))
      .map(
        ([name, value]) =>
          html`<dt>${evidenceName(name)}</dt>
            <dd>${step(name, value)}</dd>`,
      )}
  </dl>`;
}

/**
 * @param {string} name
 * @param {any} value
 * @returns {unknown}
 */
function step(name, value) {
  if (typeof value === "string") return /template|masked|text/i.test(name) ? templateText(value) : logText(value);
  if (Array.isArray(value)) {
    if (value.length === 0) return html`<span class="vw-why">none</span>`;
    return html`<ol class="vw-step-list">
      ${value.map((each) => html`<li>${step(name, each)}</li>`)}
    </ol>`;
  }
  if (typeof value === "object") return explanation(value);
  return logText(evidenceText(name, value));
}

/** @param {any} value */
function isEmpty(value) {
  return (
    value === null ||
    value === undefined ||
    value === "" ||
    (typeof value === "object" && Object.keys(value).length === 0)
  );
}
