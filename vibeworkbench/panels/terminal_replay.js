/** The controls of a recording: play, pause, speed, place, marks. */

import { html, nothing } from "lit-html";
import { live } from "lit-html/directives/live.js";
import { select } from "./panel_controls.js";

/**
 * @typedef {import("./terminal_state.js").State} State
 * @typedef {import("./terminal.js").Acts} Acts
 */

const SPEEDS = [0.5, 1, 2, 4, 8, 16];
const STEP_S = 5;

/**
 * @param {State} state
 * @param {Acts} acts
 */
export function replayBar({ replay }, acts) {
  if (replay === null) return nothing;
  const back = html`<button type="button" class="vw-button vw-end" @click=${acts.live}>Back to live</button>`;
  if (replay.stage === "loading")
    return html`<div class="vw-replay" role="status">The recording is fetched… ${back}</div>`;
  if (replay.stage === "failed")
    return html`<div class="vw-replay" data-tone="bad" role="status"><span>${replay.reason}</span> ${back}</div>`;
  const plays = replay.stage === "playing";
  return html`<div class="vw-replay" role="group" aria-label="Recording">
    <button type="button" class="vw-button vw-first vw-play" @click=${plays ? acts.pauseReplay : acts.playReplay}>
      ${plays ? "Pause" : "Play"}
    </button>
    ${mark(replay, acts, -1)}
    <span class="vw-seek">
      <input
        type="range"
        aria-label="Place in the recording"
        aria-valuetext=${`${time(replay.atS)} of ${time(replay.durationS)}`}
        min="0"
        max=${replay.durationS}
        step="0.01"
        .value=${live(String(replay.atS))}
        @input=${(/** @type {any} */ event) => acts.seek(Number(event.target.value))}
        @keydown=${(/** @type {KeyboardEvent} */ event) => jump(event, replay, acts)}
      />
      ${replay.marks.map((each) => tick(each, replay.durationS))}
    </span>
    ${mark(replay, acts, 1)}
    <span class="vw-number">${time(replay.atS)} / ${time(replay.durationS)}</span>
    ${select(
      "Speed",
      String(replay.speed),
      SPEEDS.map((each) => [String(each), `${each}×`]),
      (speed) => acts.speed(Number(speed)),
    )}
    ${back}
  </div>`;
}

/**
 * @param {{atS: number, text: string}} mark
 * @param {number} durationS
 */
function tick({ atS, text }, durationS) {
  return html`<i class="vw-mark" title=${text} style="left:${(100 * atS) / Math.max(0.001, durationS)}%"></i>`;
}

/**
 * @param {import("./terminal_state.js").Replayed} replay
 * @param {Acts} acts
 * @param {1 | -1} way
 */
function mark({ marks, atS }, acts, way) {
  if (marks.length === 0) return nothing;
  const next = way > 0 ? marks.find((each) => each.atS > atS + 0.05) : marks.findLast((each) => each.atS < atS - 0.5);
  const label = way > 0 ? "Next mark" : "Previous mark";
  return html`<button
    type="button"
    class="vw-tool"
    aria-label=${label}
    title=${next === undefined ? label : `${label}: ${next.text}`}
    ?disabled=${next === undefined}
    @click=${() => next !== undefined && acts.seek(next.atS)}
  >
    ${way > 0 ? "⇥" : "⇤"}
  </button>`;
}

/**
 * @param {KeyboardEvent} event
 * @param {import("./terminal_state.js").Replayed} replay
 * @param {Acts} acts
 */
function jump(event, { atS }, acts) {
  const step = { ArrowRight: STEP_S, ArrowLeft: -STEP_S }[event.key];
  if (step === undefined) return;
  event.preventDefault();
  acts.seek(atS + step);
}

/** @param {number} s */
function time(s) {
  const whole = Math.floor(s);
  return `${Math.floor(whole / 60)}:${String(whole % 60).padStart(2, "0")}`;
}
