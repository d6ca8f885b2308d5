/** Who is at a terminal, who has the keyboard, and how it changes hands. */

import { html, nothing } from "lit-html";
import { driverName, drives, left, mayDrive } from "./terminal_state.js";
import { bytes, counted } from "./words.js";

/** @typedef {import("./terminal_state.js").State} State */

const NAMED = 4;

/**
 * @param {State} state
 * @param {import("./terminal.js").Acts} acts
 */
export function people(state, acts) {
  return html`<div class="vw-people">
    <span class="vw-driver" data-mine=${drives(state)}>${keyboard}<span>${who(state)}</span></span>
    ${button(state, acts)} ${others(state)}
  </div>`;
}

const keyboard = html`<svg viewBox="0 0 20 14" aria-hidden="true">
  <rect x="1" y="1.5" width="18" height="11" rx="2" />
  <path d="M4 5h1m3 0h1m3 0h1m2 0h1M4 7.5h1m3 0h1m3 0h1m2 0h1M6 10h8" />
</svg>`;

/** @param {State} state */
function who(state) {
  if (drives(state)) return "You have the keyboard";
  if (state.driver !== null) return html`<b>${driverName(state)}</b> has the keyboard`;
  if (state.readOnly) return "For reading only";
  return mayDrive(state) ? "The keyboard is free: type to take it" : "Nobody has the keyboard";
}

/**
 * @param {State} state
 * @param {import("./terminal.js").Acts} acts
 */
function button(state, acts) {
  if (!mayDrive(state) || state.connection.transport === null || state.exit !== null) return nothing;
  if (drives(state)) return html`<button type="button" class="vw-button" @click=${acts.release}>Release</button>`;
  if (state.askingUntilMs !== null)
    return html`<span class="vw-asking" role="status"
      >Asked ${driverName(state)}; yours in ${left(state.askingUntilMs, state.nowMs) || "a moment"} if nobody
      answers</span
    >`;
  const word = state.driver !== null && state.role !== "owner" ? "Ask for it" : "Take it";
  return html`<button type="button" class="vw-button" @click=${acts.take}>${word}</button>`;
}

/** @param {State} state */
function others({ members, me, driver }) {
  if (members.length === 0) return nothing;
  const sorted = [...members].sort((one, other) => Number(other.memberId === driver) - Number(one.memberId === driver));
  const shown = sorted.slice(0, NAMED);
  const rest = sorted.slice(NAMED);
  return html`<ul class="vw-members" aria-label=${counted(members.length, "person here", "people here")}>
    ${shown.map(
      (each) =>
        html`<li
          title=${`${each.memberId === driver ? "has the keyboard" : "watches"}${lag(each)}`}
          data-drives=${each.memberId === driver}
          data-late=${each.lagBytes > 262_144}
        >
          ${each.name}${each.memberId === me ? " (you)" : ""}
        </li>`,
    )}
    ${rest.length === 0 ? nothing : html`<li title=${rest.map(({ name }) => name).join(", ")}>+${rest.length}</li>`}
  </ul>`;
}

/** @param {import("./terminal_state.js").Member} member */
function lag({ lagBytes }) {
  return lagBytes > 262_144 ? `, ${bytes(lagBytes)} behind` : "";
}

/**
 * What is said to who drives while somebody asks.
 *
 * @param {State} state
 * @param {import("./terminal.js").Acts} acts
 */
export function asked({ asked: asks, nowMs }, acts) {
  if (asks === null) return nothing;
  return html`<div class="vw-tty-card" role="alertdialog" aria-label="Somebody asks for the keyboard">
    <p>
      <b>${asks.by}</b> asks for the keyboard. Without an answer it goes over in
      ${left(asks.untilMs, nowMs) || "a moment"}.
    </p>
    <p class="vw-ways">
      <button type="button" class="vw-button vw-first" @click=${acts.release}>Hand it over</button>
      <button type="button" class="vw-button" @click=${acts.keep}>Keep it</button>
    </p>
  </div>`;
}
