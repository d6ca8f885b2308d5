/** The two hops of a terminal, each with its own bar: you and the workbench, the workbench and the program. */

import { html, nothing } from "lit-html";
import { left, mayDrive } from "./terminal_state.js";
import { bytes } from "./words.js";

/**
 * @typedef {import("./terminal_state.js").State} State
 * @typedef {"good" | "fair" | "bad" | "unknown"} Mood
 */

/** @type {Record<string, [Mood, string]>} */
const OWN = {
  connecting: ["fair", "connecting"],
  good: ["good", "connected"],
  slow: ["fair", "connected, slow"],
  reconnecting: ["fair", "reconnecting"],
  offline: ["bad", "offline"],
  closed: ["unknown", "not connected"],
};
/** @type {Record<string, [Mood, string]>} */
const THEIRS = {
  connecting: ["fair", "connecting"],
  connected: ["good", "connected"],
  reconnecting: ["fair", "reconnecting"],
  closed: ["bad", "not connected"],
};
/** @type {Record<string, string>} */
const KIND = { local: "shell", websocket: "remote server", docker: "container" };

/**
 * @param {State} state
 * @param {import("./terminal.js").Acts} acts
 */
export function hops(state, acts) {
  return html`<div class="vw-hops" role="group" aria-label="Connections">
    ${own(state, acts)}<span class="vw-hop-arrow" aria-hidden="true"></span>${theirs(state, acts)}
  </div>`;
}

/**
 * @param {State} state
 * @param {import("./terminal.js").Acts} acts
 */
function own({ connection, rtt, nowMs }, acts) {
  const [mood, word] = OWN[connection.quality] ?? ["unknown", connection.quality];
  const isAway = connection.transport === null && !["connecting", "closed"].includes(connection.quality);
  const lag = rtt.lagBytes >= 4096 ? ` · ${bytes(rtt.lagBytes)} behind` : "";
  const tried = isAway ? again(connection.attempt, connection.retryAtMs, nowMs) : "";
  return hop({
    name: "you",
    ends: ["You", "workbench"],
    mood,
    word,
    more: isAway ? tried : `${milliseconds(connection.rttMs ?? rtt.viewerMs)}${lag}`,
    why: connection.reason,
    retry: isAway ? acts.retry : null,
  });
}

/**
 * @param {State} state
 * @param {import("./terminal.js").Acts} acts
 */
function theirs(state, acts) {
  const { upstream, rtt, nowMs, about, connection, exit } = state;
  const end = KIND[about?.upstream.kind ?? ""] ?? "program";
  const ends = /** @type {[string, string]} */ (["Workbench", end]);
  const name = "program";
  if (upstream === null || connection.transport === null)
    return hop({ name, ends, mood: "unknown", word: "not known now", more: "", why: "", retry: null });
  if (exit !== null)
    return hop({ name, ends, mood: "unknown", word: "ended", more: "", why: exit.reason, retry: null });
  const [mood, word] = THEIRS[upstream.state] ?? ["unknown", upstream.state];
  const isAway = ["reconnecting", "closed"].includes(upstream.state);
  return hop({
    name,
    ends,
    mood,
    word,
    more: isAway ? again(upstream.attempt, upstream.retryAtMs, nowMs) : milliseconds(rtt.upstreamMs),
    why: upstream.state === "connected" ? "" : upstream.reason,
    retry: isAway && mayDrive(state) ? acts.retryUpstream : null,
  });
}

/**
 * @param {number} attempt
 * @param {number | null} retryAtMs
 * @param {number} nowMs
 */
function again(attempt, retryAtMs, nowMs) {
  const next = left(retryAtMs, nowMs);
  return `${attempt > 0 ? ` · attempt ${attempt}` : ""}${next === "" ? "" : ` · next in ${next}`}`;
}

/** @param {number | null} ms */
function milliseconds(ms) {
  if (ms === null) return "";
  return ` · ${ms < 10 ? Math.max(0.1, ms).toFixed(1) : Math.round(ms)} ms`;
}

/**
 * @param {{name: string, ends: [string, string], mood: Mood, word: string, more: string, why: string, retry: (() => void) | null}} shown
 */
function hop({ name, ends: [from, to], mood, word, more, why, retry }) {
  return html`<div class="vw-hop" data-mood=${mood} data-hop=${name}>
    <span class="vw-hop-ends">${from} <i aria-hidden="true">⇄</i><span class="vw-quiet"> and </span> ${to}</span>
    <span class="vw-hop-state"><i aria-hidden="true"></i>${word}<span class="vw-number">${more}</span></span>
    ${why === "" ? nothing : html`<span class="vw-hop-why" title=${why}>${why}</span>`}
    ${retry === null ? nothing : html`<button type="button" class="vw-link" @click=${retry}>Retry now</button>`}
  </div>`;
}
