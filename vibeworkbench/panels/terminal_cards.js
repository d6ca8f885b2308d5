/** What stands over a terminal's screen: why it stands still, what is asked, how it ended. */

import { html, nothing } from "lit-html";
import { isPublished } from "./credentials.js";
import { serverOf } from "./server_address.js";
import { asked } from "./terminal_people.js";
import { left, mayDrive } from "./terminal_state.js";
import { bytes, counted, grouped } from "./words.js";

/**
 * @typedef {import("./terminal_state.js").State} State
 * @typedef {import("./terminal.js").Acts} Acts
 */

const PREVIEW_LINES = 6;
const PREVIEW_LETTERS = 160;
const MINUTES = [1, 10, 60];

/**
 * @param {State} state
 * @param {Acts} acts
 */
export function cards(state, acts) {
  return html`<div class="vw-tty-cards">
    ${hil(state)} ${held(state, acts)} ${holdForm(state, acts)} ${asked(state, acts)} ${paste(state, acts)}
    ${clipboard(state, acts)} ${ended(state, acts)} ${upstreamClosed(state, acts)}
  </div>`;
}

/** @param {State} state Whether what is on the screen stands still for everybody. */
export function isFrozen({ hold, hil: waits }) {
  return hold !== null || waits !== null;
}

/** @param {State} state */
function hil({ hil: waits }) {
  if (waits === null) return nothing;
  const isReview = waits.state === "review";
  return html`<section class="vw-tty-card vw-tty-hil" data-tone="wait" role="status">
    <h3>${isReview ? "Waiting for a review" : "Paused for people"}</h3>
    <p>${waits.reason || "The task here goes on when somebody has decided."}</p>
    <p class="vw-why">Task ${waits.taskId}. Nothing is typed, and the screen stands still, until it is resumed.</p>
    ${waits.reviewId === null ? nothing : reviewLink(waits.reviewId)}
  </section>`;
}

/** @param {string} reviewId */
function reviewLink(reviewId) {
  const open = (/** @type {MouseEvent} */ event) => {
    const asks = new CustomEvent("vibeworkbench:review", { cancelable: true, detail: { reviewId } });
    if (!document.dispatchEvent(asks)) event.preventDefault();
  };
  const href = `${serverOf()}vibeworkbench/dashboards/reviews?review=${encodeURIComponent(reviewId)}`;
  return html`<p>
    <a class="vw-button vw-first" href=${href} target=${isPublished() ? nothing : "_blank"} @click=${open}
      >Open the review</a
    >
  </p>`;
}

/**
 * @param {State} state
 * @param {Acts} acts
 */
function held(state, acts) {
  const { hold, nowMs } = state;
  if (hold === null || state.hil !== null) return nothing;
  const until = left(hold.untilMs, nowMs);
  return html`<section class="vw-tty-card vw-tty-held" data-tone="wait" role="status">
    <h3>Held by ${hold.by}</h3>
    ${hold.why === "" ? nothing : html`<p>${hold.why}</p>`}
    <p class="vw-why">
      The program stands still for everybody${until === "" ? "." : html`; it goes on by itself in <b>${until}</b>.`}
    </p>
    ${
      mayDrive(state)
        ? html`<p><button type="button" class="vw-button vw-first" @click=${acts.resume}>Let it go on</button></p>`
        : nothing
    }
  </section>`;
}

/**
 * @param {State} state
 * @param {Acts} acts
 */
function holdForm({ tools, hold }, acts) {
  if (tools.open !== "hold" || hold !== null) return nothing;
  const submit = (/** @type {SubmitEvent} */ event) => {
    event.preventDefault();
    const given = new FormData(/** @type {HTMLFormElement} */ (event.currentTarget));
    acts.hold(String(given.get("why") ?? "").trim(), 60 * Number(given.get("minutes")));
  };
  return html`<form class="vw-tty-card vw-form" aria-label="Hold the program" @submit=${submit}>
    <h3>Hold the program for everybody</h3>
    <label>Why <input name="why" maxlength="200" placeholder="Let us look at this first" /></label>
    <label
      >At most
      <select name="minutes">
        ${MINUTES.map((each) => html`<option value=${each} ?selected=${each === 10}>${counted(each, "minute")}</option>`)}
      </select></label
    >
    <p class="vw-ways">
      <button type="submit" class="vw-button vw-first">Hold it</button>
      <button type="button" class="vw-button" @click=${acts.askHold}>Cancel</button>
    </p>
  </form>`;
}

/**
 * @param {State} state
 * @param {Acts} acts
 */
function paste({ paste: pasting }, acts) {
  if (pasting === null) return nothing;
  return pasting.stage === "asked" ? confirmation(pasting, acts) : progress(pasting, acts);
}

/**
 * @param {import("./terminal_state.js").Paste} pasting
 * @param {Acts} acts
 */
function confirmation({ text, lines, bytes: size }, acts) {
  const shown = text.split(/\r\n|\r|\n/, PREVIEW_LINES).map((line) => line.slice(0, PREVIEW_LETTERS));
  const more = lines - PREVIEW_LINES;
  const what = lines > 1 ? `${grouped(lines)} lines` : "a line with its end";
  return html`<section class="vw-tty-card vw-tty-paste" role="alertdialog" aria-label="Paste several lines?">
    <h3>Paste ${what}${size > 2048 ? html` <span class="vw-number">(${bytes(size)})</span>` : nothing}?</h3>
    <p class="vw-why">A shell may run each line at once.</p>
    <pre>${shown.join("\n")}${more > 0 ? `\n… ${counted(more, "more line")}` : ""}</pre>
    <p class="vw-ways">
      <button type="button" class="vw-button vw-first" @click=${acts.confirmPaste}>Paste</button>
      <button type="button" class="vw-button" @click=${acts.stopPaste}>Cancel</button>
    </p>
  </section>`;
}

/**
 * @param {import("./terminal_state.js").Paste} pasting
 * @param {Acts} acts
 */
function progress({ bytes: size, sentBytes, stage }, acts) {
  const share = Math.min(100, Math.floor((100 * sentBytes) / Math.max(1, size)));
  const word = stage === "waiting" ? "The program reads no more for now." : `${bytes(sentBytes)} of ${bytes(size)}`;
  return html`<section class="vw-tty-card vw-tty-paste" role="status">
    <h3>Pasting <span class="vw-number">${word}</span></h3>
    <span class="vw-meter" role="progressbar" aria-label="Paste" aria-valuenow=${share}
      ><i style="width:${share}%"></i
    ></span>
    <p><button type="button" class="vw-button" @click=${acts.stopPaste}>Stop</button></p>
  </section>`;
}

/**
 * @param {State} state
 * @param {Acts} acts
 */
function clipboard({ clipboard: text }, acts) {
  if (text === null) return nothing;
  return html`<section class="vw-tty-card" role="status">
    <p>The program offers ${counted(text.length, "character")} for your clipboard.</p>
    <p class="vw-ways">
      <button type="button" class="vw-button vw-first" @click=${acts.acceptClipboard}>Copy</button>
      <button type="button" class="vw-button" @click=${acts.refuseClipboard}>Ignore</button>
    </p>
  </section>`;
}

/**
 * @param {State} state
 * @param {Acts} acts
 */
function ended(state, acts) {
  const { exit, role, replay } = state;
  if (exit === null || replay !== null) return nothing;
  const how = exit.code === null ? "" : exit.code === 0 ? " It had no complaint (0)." : ` Exit code ${exit.code}.`;
  return html`<section class="vw-tty-card vw-tty-ended" role="status">
    <h3>The program has ended</h3>
    <p>${exit.reason || "What it said is above."}${how}</p>
    ${
      role === "owner" && !state.readOnly
        ? html`<p class="vw-ways">
            <button type="button" class="vw-button vw-first" @click=${acts.restart}>Begin a new one</button>
            ${acts.close === null ? nothing : html`<button type="button" class="vw-button" @click=${acts.close}>Close</button>`}
          </p>`
        : nothing
    }
  </section>`;
}

/**
 * @param {State} state
 * @param {Acts} acts
 */
function upstreamClosed(state, acts) {
  const { upstream, exit, connection, replay, role } = state;
  const isClosed = upstream?.state === "closed" && exit === null && connection.transport !== null && replay === null;
  if (!isClosed) return nothing;
  return html`<section class="vw-tty-card" data-tone="bad" role="alert">
    <h3>The program cannot be reached</h3>
    <p>${upstream.reason || "It was tried as often as the settings say."}</p>
    <p class="vw-ways">
      ${mayDrive(state) ? html`<button type="button" class="vw-button vw-first" @click=${acts.retryUpstream}>Retry now</button>` : nothing}
      ${role === "owner" && !state.readOnly ? html`<button type="button" class="vw-button" @click=${acts.restart}>Begin a new one</button>` : nothing}
    </p>
  </section>`;
}
