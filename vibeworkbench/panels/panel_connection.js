/** How a panel is connected, as its bar and the place above its content say it. */

import { html, nothing } from "lit-html";
import { UNKNOWN } from "./socket_model.js";
import { QUALITY_WORD, absolute, clock, span } from "./words.js";

/**
 * @typedef {object} State What of a panel's state tells it.
 * @property {boolean} ready Whether there is something to be seen.
 * @property {import("./socket.js").Connection} connection
 * @property {number | null} asOfMs When the server last said something, Unix milliseconds.
 * @property {number} nowMs
 *
 * @typedef {object} Acts
 * @property {string} loginUrl Empty on published pages, which say themselves how their reader is let in again.
 * @property {() => void} retry
 */

/** What an end is called, by its close code, where nothing else is there to be seen. */
const ENDED = new Map([
  [UNKNOWN, "You are not logged in"],
  [4403, "This is not open to you"],
  [4404, "There is nothing here"],
]);

/** @param {State} state What the bar says of the connection. */
export function connected(state) {
  return html`${quality(state)}
    <span class="vw-asof"
      >${state.asOfMs === null ? nothing : html`as of <time title=${absolute(state.asOfMs)}>${clock(state.asOfMs)}</time>`}</span
    >`;
}

/** @param {string} why What stands where a reader's buttons would. */
export function watching(why) {
  return html`<p class="vw-watching">
    <svg viewBox="0 0 16 16" aria-hidden="true">
      <path d="M1.5 8S4 3.8 8 3.8 14.5 8 14.5 8 12 12.2 8 12.2 1.5 8 1.5 8Z" />
      <circle cx="8" cy="8" r="1.9" />
    </svg>
    <span>${why}</span>
  </p>`;
}

/** @param {State} state */
function quality({ connection }) {
  const rtt = connection.rttMs === null ? "" : ` · ${Math.max(1, Math.round(connection.rttMs))} ms`;
  const how = connection.transport === "poll" ? " by polling" : "";
  const title = {
    poll: "WebSockets do not get through; messages come by long polling.",
    socket: "Messages come as they happen.",
    none: connection.reason,
  }[connection.transport ?? "none"];
  return html`<span class="vw-quality" data-quality=${connection.quality} title=${title}>
    <i aria-hidden="true"></i>${QUALITY_WORD[connection.quality]}${how}<span class="vw-rtt">${rtt}</span>
  </span>`;
}

/**
 * What stands above everything while there is no connection.
 *
 * @param {State} state
 * @param {Acts} acts
 */
export function connectionNote(state, acts) {
  const { connection, ready, asOfMs, nowMs } = state;
  if (connection.transport !== null || connection.quality === "connecting") return nothing;
  if (connection.quality === "closed") return ended(state, acts);
  const next = connection.retryAtMs === null ? 0 : connection.retryAtMs - nowMs;
  return html`<div class="vw-banner" data-quality=${connection.quality}>
    <span>
      ${connection.quality === "offline" ? "The server cannot be reached." : "The connection was lost; reconnecting."}
      ${ready ? `You see what was known at ${clock(asOfMs)}.` : ""} ${next > 1000 ? `Next try in ${span(next)}.` : ""}
    </span>
    <button type="button" class="vw-button" @click=${acts.retry}>Retry now</button>
  </div>`;
}

/**
 * Coming back by itself would change nothing: the reader is told what would, above what is known or in its place.
 *
 * @param {State} state
 * @param {Acts} acts
 */
function ended({ connection: { code, reason }, ready, asOfMs }, acts) {
  const isUnknown = code === UNKNOWN;
  const ways = html`<span class="vw-ways">
    ${isUnknown ? html`<a class="vw-button vw-first" href=${acts.loginUrl}>Log in</a>` : nothing}
    <button type="button" class="vw-button" @click=${acts.retry}>Try again</button>
  </span>`;
  const ownWays = isUnknown && acts.loginUrl === "" ? nothing : ways;
  if (ready)
    return html`<div class="vw-banner" data-quality="closed" role="status">
      <span>${reason} You see what was known at ${clock(asOfMs)}.</span>
      ${ownWays}
    </div>`;
  return html`<div class="vw-empty vw-ended" role="status">
    <p class="vw-empty-title">${ENDED.get(code ?? 0) ?? "This cannot be shown"}</p>
    <p>${isUnknown ? "What is shown here is for those who are logged in." : reason}</p>
    ${ownWays}
  </div>`;
}
