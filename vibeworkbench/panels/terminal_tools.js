/** What a terminal is worked with: search, holds, recording, letters; and the line below it. */

import { html, nothing } from "lit-html";
import { closeButton } from "./panel_controls.js";
import { drives, mayDrive } from "./terminal_state.js";
import { bytes } from "./words.js";

/**
 * @typedef {import("./terminal_state.js").State} State
 * @typedef {import("./terminal.js").Acts} Acts
 */

/** @type {Record<string, unknown>} */
const ICONS = {
  find: html`<svg viewBox="0 0 16 16" aria-hidden="true">
    <circle cx="7" cy="7" r="4.2" />
    <path d="m10.2 10.2 3.6 3.6" />
  </svg>`,
  hold: html`<svg viewBox="0 0 16 16" aria-hidden="true"><path d="M5.5 3v10m5-10v10" /></svg>`,
  view: html`<svg viewBox="0 0 16 16" aria-hidden="true">
    <path d="M1.5 8S4 3.800 8 3.800 14.500 8 14.500 8 12 12.200 8 12.200 1.500 8 1.500 8Z" />
    <path d="M6.800 6.300v3.400m2.400-3.400v3.400" />
  </svg>`,
  go: html`<svg viewBox="0 0 16 16" aria-hidden="true"><path d="m5 3 7 5-7 5Z" /></svg>`,
  replay: html`<svg viewBox="0 0 16 16" aria-hidden="true">
    <path d="M3 8a5 5 0 1 0 1.6-3.7M3 2.6v2.6h2.6M8 5.5V8l1.8 1.2" />
  </svg>`,
  save: html`<svg viewBox="0 0 16 16" aria-hidden="true">
    <path d="M8 2.5v7m0 0L5.2 6.8M8 9.500l2.800-2.700M3 13h10" />
  </svg>`,
  copy: html`<svg viewBox="0 0 16 16" aria-hidden="true">
    <rect x="5.5" y="5.5" width="7.500" height="8" rx="1.4" />
    <path
      d="M10.500 5.500V4A1.500 1.500 0 0 0 9 2.500H4.500A1.500 1.500 0 0 0 3 4v5.500A1.500 1.500 0 0 0 4.500 11h1"
    />
  </svg>`,
  paste: html`<svg viewBox="0 0 16 16" aria-hidden="true">
    <rect x="3.500" y="3.500" width="9" height="10" rx="1.400" />
    <path d="M6 3.500V2.500h4v1M6 7.500h4M6 10h3" />
  </svg>`,
  read: html`<svg viewBox="0 0 16 16" aria-hidden="true">
    <path d="M3 6v4h2.500L9 13V3L5.500 6Zm8.500-.5a3.500 3.500 0 0 1 0 5" />
  </svg>`,
};

/**
 * @param {State} state
 * @param {Acts} acts
 */
export function tools(state, acts) {
  const { tools: opened, view, replay, hold, connection } = state;
  const isLive = replay === null;
  const types = mayDrive(state) && isLive && connection.transport !== null && state.exit === null;
  return html`<div class="vw-tty-tools" role="toolbar" aria-label="Terminal" @keydown=${walk}>
    ${tool("find", "Search (Ctrl+Shift+F)", acts.search, { pressed: opened.open === "search" })}
    ${tool("copy", "Copy the selection (Ctrl+Shift+C)", acts.copy)}
    ${types ? tool("paste", "Paste (Ctrl+Shift+V)", acts.paste) : nothing}
    ${isLive ? tool(view.held ? "go" : "view", view.held ? "Show what comes" : "Hold my view", () => acts.holdView(!view.held), { pressed: view.held, text: view.held ? "Show live" : "Hold view" }) : nothing}
    ${
      types && hold === null
        ? tool("hold", "Hold the program, for everybody", acts.askHold, {
            text: "Hold program",
            pressed: opened.open === "hold",
          })
        : nothing
    }
    ${isLive ? tool("replay", "Show the recording", acts.replay, { text: "Replay" }) : nothing}
    ${tool("save", "Download the recording (asciicast)", acts.download)}
    ${tool("read", "Speak to a screen reader", () => acts.read(!opened.reads), { pressed: opened.reads })}
    <span class="vw-letters" role="group" aria-label="Size of letters">
      <button
        type="button"
        aria-label="Smaller letters"
        title="Smaller letters"
        @click=${() => acts.font(opened.fontPx - 1)}
      >
        A<sup>−</sup>
      </button>
      <button
        type="button"
        aria-label="Larger letters"
        title="Larger letters"
        @click=${() => acts.font(opened.fontPx + 1)}
      >
        A<sup>+</sup>
      </button>
    </span>
  </div>`;
}

/**
 * @param {string} icon
 * @param {string} label
 * @param {() => void} act
 * @param {{pressed?: boolean, text?: string}} [how]
 */
function tool(icon, label, act, { pressed, text = "" } = {}) {
  return html`<button
    type="button"
    class="vw-tool"
    data-tool=${icon}
    aria-label=${label}
    title=${label}
    aria-pressed=${pressed === undefined ? nothing : pressed}
    @click=${act}
  >
    ${ICONS[icon]}${text === "" ? nothing : html`<span>${text}</span>`}
  </button>`;
}

/** @param {KeyboardEvent} event Arrow keys move within the toolbar. */
function walk(event) {
  const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
  if (step === undefined) return;
  const bar = /** @type {HTMLElement} */ (event.currentTarget);
  const all = /** @type {HTMLElement[]} */ ([...bar.querySelectorAll("button")]);
  event.preventDefault();
  all[(all.findIndex((each) => each === event.target) + step + all.length) % all.length]?.focus();
}

/**
 * @param {State} state
 * @param {Acts} acts
 */
export function searchBox({ tools: { open, found } }, acts) {
  if (open !== "search") return nothing;
  const key = (/** @type {KeyboardEvent} */ event) => {
    const field = /** @type {HTMLInputElement} */ (event.currentTarget);
    if (event.key === "Enter") acts.find(field.value, event.shiftKey ? "previous" : "next", false);
    if (event.key === "Escape") acts.search();
    if (["Enter", "Escape"].includes(event.key)) event.stopPropagation();
  };
  const button = (/** @type {"next" | "previous"} */ way, /** @type {string} */ sign) =>
    html`<button
      type="button"
      class="vw-tool"
      aria-label=${`Find the ${way}`}
      @click=${(/** @type {MouseEvent} */ event) => acts.find(fieldOf(event), way, false)}
    >
      ${sign}
    </button>`;
  return html`<div class="vw-tty-search" role="search">
    <input
      type="search"
      aria-label="Search the terminal"
      placeholder="Search"
      @keydown=${key}
      @input=${(/** @type {InputEvent} */ event) => acts.find(/** @type {HTMLInputElement} */ (event.target).value, "next", true)}
    />
    <span role="status" class="vw-number">${found}</span>
    ${button("previous", "↑")} ${button("next", "↓")} ${closeButton("Close the search", acts.search)}
  </div>`;
}

/** @param {MouseEvent} event */
function fieldOf(event) {
  const box = /** @type {HTMLElement} */ (event.currentTarget).closest(".vw-tty-search");
  return /** @type {HTMLInputElement} */ (box?.querySelector("input")).value;
}

/** @param {State} state */
export function foot(state) {
  const { size, link, view, skippedBytes, readOnly, replay } = state;
  const whose = size === null || drives(state) || state.driver === null ? "" : " · the size of who types";
  return html`<div class="vw-tty-foot">
    <span>${replay !== null ? "A recording" : size === null ? "" : `${size.cols}×${size.rows}${whose}`}</span>
    ${view.held ? html`<span class="vw-tty-waits" role="status">${waits(view)}</span>` : nothing}
    ${skippedBytes > 0 ? html`<span>${bytes(skippedBytes)} left out</span>` : nothing}
    ${link === "" ? nothing : html`<span class="vw-tty-link">Ctrl+click opens ${link}</span>`}
    <span class="vw-end"
      >${readOnly ? "Reading only · " : ""}<kbd>Ctrl</kbd>+<kbd>Shift</kbd>+<kbd>X</kbd> leaves the terminal</span
    >
  </div>`;
}

/** @param {State["view"]} view */
function waits({ waitingBytes, isLate }) {
  if (waitingBytes === 0) return "Your view is held; nothing new.";
  return `Your view is held; ${bytes(waitingBytes)} wait${isLate ? ", and the screen comes as it is then" : ""}.`;
}
