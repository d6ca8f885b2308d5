/** The lines: newest first, live at the top, older ones as far down as the reader goes. */

import { html, nothing } from "lit-html";
import { guard } from "lit-html/directives/guard.js";
import { repeat } from "lit-html/directives/repeat.js";
import { levelChip, logText, stamp } from "./log_parts.js";
import { LINE_CHARACTERS } from "./log_text.js";
import { EVERYTHING, isNarrow, isOpen, termsOf } from "./logs_choice.js";
import { isSkipped } from "./logs_state.js";
import { empty, walker } from "./panel_controls.js";
import { mayRead } from "./rights.js";
import { absolute, counted, grouped } from "./words.js";

/**
 * @typedef {import("./logs_state.js").State} State
 * @typedef {import("./logs_state.js").LogLine} LogLine
 * @typedef {import("./logs.js").LineActs} Acts
 */

/** So near to its end the list asks for more. */
const NEAR_PX = 600;
/** So far down a reader is reading, and not watching. */
const DOWN_PX = 24;

/**
 * @param {State} state
 * @param {Acts} acts
 */
export function lineView(state, acts) {
  return html`
    ${liveBar(state, acts)}
    <div class="vw-log-frame">
      <ul
        class="vw-log-rows"
        aria-label="Lines, newest first"
        aria-busy=${state.loading === "first"}
        ?data-asking=${state.loading === "first"}
        @keydown=${walker(".vw-log-row")}
        @scroll=${(/** @type {Event} */ event) => scrolled(/** @type {HTMLElement} */ (event.currentTarget), acts)}
      >
        ${lineRows(state.rows, state, acts)}
      </ul>
    </div>
    ${below(state, acts)}
  `;
}

/**
 * @param {HTMLElement} list
 * @param {Acts} acts
 */
function scrolled(list, acts) {
  acts.scroll(list.scrollTop > DOWN_PX);
  if (list.scrollHeight - list.scrollTop - list.clientHeight < NEAR_PX) acts.more();
}

/**
 * @param {State} state
 * @param {Acts} acts
 */
function liveBar(state, acts) {
  const { connection, held, choice } = state;
  if (!isOpen(choice)) return html`<p class="vw-live vw-why">This time range has ended: nothing new comes in.</p>`;
  const on = !held && connection.transport !== null;
  const word = held ? "Paused" : connection.transport === null ? "Not live" : "Live";
  return html`<div class="vw-live">
    <button
      type="button"
      class="vw-button vw-hold"
      aria-pressed=${held}
      title=${held ? "Show what came meanwhile, and what comes" : "Hold the list; what comes is counted meanwhile"}
      @click=${() => acts.hold(!held)}
    >
      <svg viewBox="0 0 16 16" aria-hidden="true">
        <path d=${held ? "M5 3.5v9l7-4.5Z" : "M5 3.5h2v9H5Zm4 0h2v9H9Z"} />
      </svg>
      ${held ? "Resume" : "Pause"}
    </button>
    <span class="vw-live-word" ?data-on=${on}><i aria-hidden="true"></i>${word}</span>
    ${waiting(state, acts)}
    <span class="vw-why vw-end">${summary(state)}</span>
  </div>`;
}

/** @param {State} state */
function summary({ rows, trimmed, nextCursor, cut }) {
  const lines = rows.reduce((sum, row) => sum + (isSkipped(row) ? 0 : 1), 0);
  const more = nextCursor !== null || cut;
  return lines === 0 ? "" : `${counted(lines, "line")}${more ? " so far" : ""}${trimmed ? ", newer ones above" : ""}`;
}

/**
 * @param {State} state
 * @param {Acts} acts
 */
function waiting({ waitingCount, held, trimmed, scrolled: down }, acts) {
  if (trimmed)
    return html`<button type="button" class="vw-waiting" @click=${acts.top}>
      Go to the newest lines${waitingCount > 0 ? `, ${grouped(waitingCount)} of them new` : ""}
    </button>`;
  if (waitingCount === 0 || (!held && !down)) return nothing;
  return html`<button type="button" class="vw-waiting" @click=${acts.top}>
    ${counted(waitingCount, "new line")}${held ? " while paused" : ""}
  </button>`;
}

/**
 * Rows of lines; where some are left out it says so.
 *
 * @param {import("./logs_state.js").Row[]} rows
 * @param {{choice: import("./logs_choice.js").Choice, selected: LogLine | null, nowMs: number}} state
 * @param {Pick<Acts, "select">} acts
 */
export function lineRows(rows, { choice, selected, nowMs }, acts) {
  const terms = termsOf(choice.text);
  const searched = terms.join("\n");
  const day = new Date(nowMs).toDateString();
  const stop = rows.some(({ lineId }) => lineId === selected?.lineId) ? selected?.lineId : rows.find(isLine)?.lineId;
  return repeat(
    rows,
    ({ lineId }) => lineId,
    (row) =>
      isSkipped(row)
        ? leftOut(row)
        : guard([row, row.lineId === selected?.lineId, row.lineId === stop, searched, day], () =>
            lineRow(row, { on: row.lineId === selected?.lineId, reachable: row.lineId === stop, terms, nowMs }, acts),
          ),
  );
}

/** @param {import("./logs_state.js").Row} row */
function isLine(row) {
  return !isSkipped(row);
}

/** @param {import("./logs_state.js").Skipped} row */
function leftOut({ skipped, why }) {
  const text =
    why === "server"
      ? `${counted(skipped, "more line")} came here than a screen can follow; they are stored, and a search finds them.`
      : `${counted(skipped, "more line")} came while you held the list; they are stored, and a search finds them.`;
  return html`<li class="vw-log-skipped">${text}</li>`;
}

/**
 * @param {LogLine} line
 * @param {{on: boolean, reachable: boolean, terms: string[], nowMs: number}} how
 * @param {Pick<Acts, "select">} acts
 */
function lineRow(line, { on, reachable, terms, nowMs }, acts) {
  const at = line.timestamp ?? line.receivedAt;
  const [first = "", ...rest] = line.message.slice(0, LINE_CHARACTERS).split("\n");
  return html`<li>
    <button
      type="button"
      class="vw-log-row"
      data-line=${line.lineId}
      data-level=${line.level}
      aria-expanded=${on}
      tabindex=${reachable ? 0 : -1}
      @click=${() => acts.select(on ? null : line)}
    >
      <time title=${absolute(at)} datetime=${at}>${stamp(at, nowMs)}</time>
      ${levelChip(line.level)}
      <span class="vw-log-source" title=${`${line.kind}:${line.source}${line.instance ? ` ${line.instance}` : ""}`}
        >${line.source}</span
      >
      <span class="vw-log-message">${logText(first, terms)}</span>
      ${rest.length > 0 ? html`<span class="vw-log-rest">+${counted(rest.length, "line")}</span>` : nothing}
    </button>
  </li>`;
}

/**
 * @param {State} state
 * @param {Acts} acts
 */
function below(state, acts) {
  const { rows, loading, failure, nextCursor, cut } = state;
  if (failure !== "")
    return empty(
      "This could not be read",
      failure,
      html`<button type="button" class="vw-button" @click=${acts.again}>Try again</button>`,
    );
  if (loading === "more") return html`<p class="vw-log-end" role="status">Reading older lines…</p>`;
  if (rows.length > 0)
    return nextCursor === null && !cut && mayRead(state)
      ? html`<p class="vw-log-end">There are no older lines.</p>`
      : nothing;
  return loading === "first" ? html`<p class="vw-log-end" role="status">Searching…</p>` : nobody(state, acts);
}

/**
 * @param {State} state
 * @param {Acts} acts
 */
function nobody(state, acts) {
  if (isNarrow(state.choice))
    return empty(
      "No line fits",
      isOpen(state.choice) ? "What fits appears here as it comes." : "Nothing was said that fits in this time.",
      html`<button type="button" class="vw-button" @click=${() => acts.choose({ ...EVERYTHING })}>
        Clear all filters
      </button>`,
    );
  if (!mayRead(state) || acts.empty) return empty("Nothing yet", acts.empty ?? "Lines appear here as they come.");
  return empty(
    "No line was ever stored",
    html`Follow files by a target <code>vibeworkbench targets add files worker '/var/log/worker/*.log'</code>, or send
      lines with <code>vibeworkbench logs send</code> or any OpenTelemetry exporter.`,
  );
}
