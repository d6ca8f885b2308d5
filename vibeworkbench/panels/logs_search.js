/** What is asked for: words, level, source, time, and the template that was chosen elsewhere. */

import { html, nothing } from "lit-html";
import { live } from "lit-html/directives/live.js";
import { templateText } from "./log_parts.js";
import { EVERYTHING, RANGES, isNarrow } from "./logs_choice.js";
import { select } from "./panel_controls.js";

/**
 * @typedef {import("./logs_state.js").State} State
 * @typedef {import("./logs.js").Acts} Acts
 */

const FLOORS = [
  ["", "All levels"],
  ["debug", "Debug and worse"],
  ["info", "Info and worse"],
  ["warning", "Warning and worse"],
  ["error", "Error and worse"],
  ["critical", "Critical and worse"],
];
const OWN_RANGE = "own";

/**
 * @param {State} state
 * @param {Acts} acts
 * @param {boolean} limited Whether there are only live lines, so that no time can be chosen.
 */
export function searchBar(state, acts, limited) {
  const { choice } = state;
  if (state.view === "sources") return nothing;
  return html`
    <div class="vw-filters vw-log-search" role="search">
      <input
        type="search"
        placeholder=${state.view === "templates" ? "Search templates" : 'Search words or "a phrase"'}
        aria-label="Search"
        spellcheck="false"
        .value=${live(choice.text)}
        @input=${(/** @type {any} */ event) => acts.choose({ text: event.target.value }, true)}
      />
      ${select("Level at least", choice.level, floors(choice.level), (level) => acts.choose({ level }))}
      ${select("Source", choice.source, sources(state), (source) => acts.choose({ source, instance: "" }))}
      ${limited ? nothing : range(state, acts)}
    </div>
    ${chips(state, acts)}
  `;
}

/** @param {string} level */
function floors(level) {
  return FLOORS.some(([each]) => each === level) ? FLOORS : [...FLOORS, [level, `${level} and worse`]];
}

/** @param {State} state */
function sources({ sources: { items }, choice }) {
  const names = items.map(({ kind, source }) => `${kind}:${source}`);
  if (choice.source !== "" && !names.includes(choice.source)) names.push(choice.source);
  return [["", "All sources"], ...names.sort().map((name) => [name, name])];
}

/**
 * @param {State} state
 * @param {Acts} acts
 */
function range({ choice, nowMs }, acts) {
  const own = choice.from !== "" || choice.to !== "";
  const options = [...RANGES.map(([seconds, text]) => [String(seconds), text]), [OWN_RANGE, "Between…"]];
  const choose = (/** @type {string} */ value) =>
    value === OWN_RANGE
      ? acts.choose({ lastS: 0, from: new Date(nowMs - 3_600_000).toISOString(), to: new Date(nowMs).toISOString() })
      : acts.choose({ lastS: Number(value), from: "", to: "" });
  return html`${select("Time", own ? OWN_RANGE : String(choice.lastS), options, choose)}
  ${own ? html`<span class="vw-range">${edge("From", choice.from, (from) => acts.choose({ from, lastS: 0 }))} ${edge("To", choice.to, (to) => acts.choose({ to, lastS: 0 }))}</span>` : nothing}`;
}

/**
 * @param {string} label
 * @param {string} at RFC 3339 or empty.
 * @param {(at: string) => void} choose
 */
function edge(label, at, choose) {
  const change = (/** @type {any} */ event) => {
    const given = new Date(event.target.value);
    choose(Number.isNaN(given.getTime()) ? "" : given.toISOString());
  };
  return html`<input
    type="datetime-local"
    step="1"
    aria-label=${label}
    .value=${live(localOf(at))}
    @change=${change}
  />`;
}

/**
 * @param {string} at
 * @returns {string} The instant on the reader's wall clock, as such inputs take it.
 */
function localOf(at) {
  const instant = new Date(at);
  if (at === "" || Number.isNaN(instant.getTime())) return "";
  return new Date(instant.getTime() - 60_000 * instant.getTimezoneOffset()).toISOString().slice(0, 19);
}

/**
 * @param {State} state
 * @param {Acts} acts
 */
function chips(state, acts) {
  const { choice, chosenTemplate } = state;
  if (!isNarrow(choice)) return nothing;
  const text = chosenTemplate === null ? choice.template : templateText(chosenTemplate.text);
  return html`<div class="vw-chips">
    ${choice.template === "" ? nothing : chip(html`<span class="vw-why">template</span> <code>${text}</code>`, "Show all templates", () => acts.choose({ template: "" }))}
    ${choice.instance === "" ? nothing : chip(html`<span class="vw-why">instance</span> <code>${choice.instance}</code>`, "Show all instances", () => acts.choose({ instance: "" }))}
    <button type="button" class="vw-link vw-clear" @click=${() => acts.choose({ ...EVERYTHING })}>
      Clear all filters
    </button>
  </div>`;
}

/**
 * @param {unknown} text
 * @param {string} label
 * @param {() => void} drop
 */
function chip(text, label, drop) {
  return html`<span class="vw-chip"
    >${text}<button type="button" class="vw-close" aria-label=${label} title=${label} @click=${drop}>
      <svg viewBox="0 0 16 16" aria-hidden="true"><path d="m4 4 8 8m0-8-8 8" /></svg></button
  ></span>`;
}
