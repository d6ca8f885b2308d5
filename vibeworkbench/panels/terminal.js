/**
 * The terminal panel, an anywidget: one terminal, or the list of those that a reader may see.
 *
 *     socket, REST → apply(state, event) → one frame later: draw;  bytes → screen;  keys → socket
 */

import { html, nothing } from "lit-html";
import { isPublished } from "./credentials.js";
import { loginUrlOf, mount } from "./panel_frame.js";
import { watching } from "./panel_connection.js";
import { serverOf } from "./server_address.js";
import { cards, isFrozen } from "./terminal_cards.js";
import { putIntoClipboard, takeFromClipboard } from "./terminal_clipboard.js";
import { hops } from "./terminal_hops.js";
import { mayCreate, terminalList } from "./terminal_list.js";
import { UNKNOWN } from "./terminal_model.js";
import { people } from "./terminal_people.js";
import { replayBar } from "./terminal_replay.js";
import { TerminalSource } from "./terminal_source.js";
import { foot, searchBox, tools } from "./terminal_tools.js";
import xtermCss from "@xterm/xterm/css/xterm.css";
import panelCss from "./panel.css";
import frameCss from "./panel_frame.css";
import controlsCss from "./panel_controls.css";
import terminalCss from "./terminal.css";
import partsCss from "./terminal_parts.css";

/**
 * @typedef {import("./terminal_state.js").State} State
 * @typedef {object} Acts What a reader can do.
 * @property {string} loginUrl
 * @property {boolean} lists Whether there is a list to go back to.
 * @property {() => void} retry
 * @property {() => void} retryUpstream
 * @property {(terminalId: string | null) => void} open
 * @property {(order: Record<string, unknown>) => void} create
 * @property {(terminal: import("./terminal_state.js").Listed) => void} end
 * @property {(() => void) | null} close
 * @property {() => void} restart
 * @property {() => void} begin A new terminal is asked for.
 * @property {() => void} take
 * @property {() => void} release
 * @property {() => void} keep
 * @property {() => void} askHold
 * @property {(why: string, forS: number) => void} hold
 * @property {() => void} resume
 * @property {(held: boolean) => void} holdView
 * @property {() => void} search
 * @property {(text: string, direction: "next" | "previous", isTyped: boolean) => void} find
 * @property {() => void} copy
 * @property {() => void} paste
 * @property {() => void} confirmPaste
 * @property {() => void} stopPaste
 * @property {() => void} acceptClipboard
 * @property {() => void} refuseClipboard
 * @property {(px: number) => void} font
 * @property {(reads: boolean) => void} read
 * @property {() => void} replay
 * @property {() => void} download
 * @property {() => void} live
 * @property {() => void} playReplay
 * @property {() => void} pauseReplay
 * @property {(speed: number) => void} speed
 * @property {(atS: number) => void} seek
 */

/**
 * @param {{model: import("./panel_frame.js").Model, el: HTMLElement}} context
 * @returns {() => void} Its undo.
 */
function render(context) {
  const { model } = context;
  const asked = new URLSearchParams(globalThis.location.search).get("terminal");
  const fixed = model.get("terminal") || null;
  const readOnly = Boolean(model.get("read_only")) || isPublished();
  /** @type {import("./panel_frame.js").Panel<State>} */
  const terminal = {
    name: "terminal",
    styles: [panelCss, frameCss, controlsCss, xtermCss, terminalCss, partsCss],
    traits: ["title", "height"],
    sourceOf: (changed) => new TerminalSource(serverOf(), changed, { terminalId: fixed ?? asked, readOnly }),
    viewOf: (source, root) => {
      const acts = actsOf(source, root, fixed === null);
      return {
        drawn: (state) => panel(state, acts, model.get("title"), source.watched.host),
        escape: () => back(source.state, acts),
      };
    },
  };
  return mount(context, terminal);
}

/**
 * @param {State} state
 * @param {Acts} acts
 */
function back({ tools: { open }, paste }, acts) {
  if (paste?.stage === "asked") acts.stopPaste();
  else if (open === "search") acts.search();
  else if (open === "hold") acts.askHold();
  else if (open === "new") acts.begin();
}

/**
 * @param {State} state
 * @param {Acts} acts
 * @param {string} title
 * @param {HTMLElement} host
 */
function panel(state, acts, title, host) {
  return state.terminalId === null
    ? html`${listed(state, acts, title)} ${notice(state)}`
    : html`${one(state, acts, title, host)}`;
}

/**
 * @param {State} state
 * @param {Acts} acts
 * @param {string} title
 */
function listed(state, acts, title) {
  const isLoading = state.list.stage === "loading";
  const begin = html`<button
    type="button"
    class="vw-button vw-end"
    aria-expanded=${state.tools.open === "new"}
    @click=${acts.begin}
  >
    New terminal
  </button>`;
  return html`<header class="vw-bar">
      <h2>${title}</h2>
      ${!isLoading && mayCreate(state) ? begin : nothing}
    </header>
    ${isLoading ? skeleton() : terminalList(state, acts)}`;
}

function skeleton() {
  return html`<div class="vw-card vw-skeleton" aria-hidden="true"><i></i><i></i><i></i></div>
    <p class="vw-quiet" role="status">Loading</p>`;
}

/**
 * @param {State} state
 * @param {Acts} acts
 * @param {string} title
 * @param {HTMLElement} host
 */
function one(state, acts, title, host) {
  const isClosed = state.connection.quality === "closed";
  if (isClosed && !state.ready) return html`${bar(state, acts, title)} ${refused(state, acts)}`;
  const isPast = state.connection.transport === null && state.ready;
  return html`${bar(state, acts, title)} ${hops(state, acts)}
    <div class="vw-tty-desk">
      <div class="vw-tty-top">${people(state, acts)} ${tools(state, acts)}</div>
      ${isClosed ? refused(state, acts) : nothing} ${replayBar(state, acts)}
      <div
        class="vw-tty-room"
        ?data-past=${isPast}
        ?data-frozen=${isFrozen(state) && state.replay === null}
        ?data-held=${state.view.held}
        ?data-replay=${state.replay !== null}
      >
        ${host} ${searchBox(state, acts)} ${state.replay === null ? cards(state, acts) : nothing} ${notice(state)}
        ${state.ready ? nothing : html`<p class="vw-tty-wait" role="status">${waiting(state)}</p>`}
      </div>
      ${foot(state)}
    </div>`;
}

/** @param {State} state */
function waiting({ connection }) {
  return connection.quality === "connecting"
    ? "Opening the terminal…"
    : connection.reason || "The server is not reached yet…";
}

/**
 * @param {State} state
 * @param {Acts} acts
 * @param {string} title
 */
function bar(state, acts, title) {
  const { about, title: said, role } = state;
  const why = state.readOnly
    ? "You are watching: this view is for reading."
    : "You are watching: typing is not open to you.";
  const watches = role !== null && (state.readOnly || role === "watcher");
  return html`<header class="vw-bar">
    ${
      acts.lists
        ? html`<button type="button" class="vw-button vw-back" @click=${() => acts.open(null)}>‹ All</button>`
        : nothing
    }
    <h2>${about?.name ?? title}</h2>
    ${said === "" ? nothing : html`<span class="vw-subject vw-tty-title">${said}</span>`}
    ${watches ? watching(why) : nothing}
  </header>`;
}

/**
 * @param {State} state
 * @param {Acts} acts
 */
function refused({ connection: { code, reason } }, acts) {
  /** @type {Record<number, string>} */
  const titles = {
    [UNKNOWN]: "You are not logged in",
    4403: "This terminal is not open to you",
    4404: "There is no such terminal",
  };
  return html`<div class="vw-empty vw-ended" role="status">
    <p class="vw-empty-title">${titles[code ?? 0] ?? "This cannot be shown"}</p>
    <p>${code === 4403 ? "Its owner can let you in, to watch or to type." : reason}</p>
    <p class="vw-ways">
      ${code === UNKNOWN && acts.loginUrl !== "" ? html`<a class="vw-button vw-first" href=${acts.loginUrl}>Log in</a>` : nothing}
      ${acts.lists ? html`<button type="button" class="vw-button" @click=${() => acts.open(null)}>All terminals</button>` : nothing}
      <button type="button" class="vw-button" @click=${acts.retry}>Try again</button>
    </p>
  </div>`;
}

/** @param {State} state */
function notice({ notice: shown }) {
  if (shown === null) return nothing;
  return html`<div class="vw-notice" data-tone=${shown.tone} role="status"><span>${shown.text}</span></div>`;
}

/**
 * @param {TerminalSource} source
 * @param {HTMLElement} root
 * @param {boolean} lists
 * @returns {Acts}
 */
function actsOf(source, root, lists) {
  const { watched, keyboard } = source;
  const opened = (/** @type {State["tools"]["open"]} */ name, /** @type {string} */ field) => () => {
    const open = source.state.tools.open === name ? "" : name;
    source.learn({ type: "panel:tools", data: { open, found: "" } });
    if (open === "") watched.search("", "next");
    if (open === "" && source.state.terminalId !== null) watched.focus();
    if (open !== "")
      requestAnimationFrame(() => /** @type {HTMLElement | null} */ (root.querySelector(field))?.focus());
  };
  const typing = (/** @type {() => void} */ act) => () => {
    act();
    watched.focus();
  };
  return {
    loginUrl: loginUrlOf(source.server),
    lists,
    retry: () => source.retry(),
    retryUpstream: () => source.retryUpstream(),
    open: (terminalId) => source.open(terminalId),
    create: (order) => void source.create(order),
    end: ({ terminalId, name }) =>
      confirm(`End ${name}? What runs in it is ended, too.`) && void source.end(terminalId),
    close: lists ? () => void source.end(source.state.terminalId ?? "") : null,
    restart: () => void source.restart(),
    begin: opened("new", ".vw-tty-new select"),
    take: typing(() => source.take()),
    release: () => source.release(),
    keep: typing(() => source.keep()),
    askHold: opened("hold", ".vw-tty-card input"),
    hold: (why, forS) => source.hold(why, forS),
    resume: typing(() => source.resume()),
    holdView: (held) => watched.hold(held),
    search: opened("search", ".vw-tty-search input"),
    find: (text, direction, isTyped) => watched.search(text, direction, isTyped),
    copy: () => watched.copy(),
    paste: () => void pasteInto(source),
    confirmPaste: typing(() => keyboard.confirm()),
    stopPaste: typing(() => keyboard.stop()),
    acceptClipboard: () => {
      void putIntoClipboard(source.state.clipboard ?? "");
      source.learn({ type: "panel:clipboard", data: null });
    },
    refuseClipboard: () => source.learn({ type: "panel:clipboard", data: null }),
    font: (px) => source.font(px),
    read: (reads) => source.learn({ type: "panel:tools", data: { reads } }),
    replay: () => void watched.replay(),
    download: () => void source.download(),
    live: () => watched.live(),
    playReplay: () => watched.play(),
    pauseReplay: () => watched.pause(),
    speed: (speed) => watched.speed(speed),
    seek: (atS) => watched.seek(atS),
  };
}

/** @param {TerminalSource} source */
async function pasteInto(source) {
  const text = await takeFromClipboard();
  if (text === null) source.tell("The browser does not show its clipboard here: press Ctrl+Shift+V in the terminal.");
  else source.keyboard.paste(text);
  source.watched.focus();
}

export default { render };
