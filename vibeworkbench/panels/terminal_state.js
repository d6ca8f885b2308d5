/**
 * What the terminal panel knows, and how it changes: `apply(state, event)` and nothing else. Pure.
 *
 * Events are the control messages of the terminal, and what happens to the panel itself (`panel:…`).
 */

import { bytes, span } from "./words.js";

/**
 * @typedef {{rows: number, cols: number}} Size
 * @typedef {{state: string, attempt: number, retryAtMs: number | null, reason: string}} Hop
 * @typedef {{by: string, why: string, untilMs: number | null}} Hold
 * @typedef {{memberId: string, name: string, role: string, lagBytes: number}} Member
 * @typedef {{state: string, taskId: string, reason: string, reviewId: string | null}} Hil
 * @typedef {object} Listed A terminal as REST tells it.
 * @property {string} terminalId
 * @property {string} name
 * @property {string} owner
 * @property {{kind: string}} upstream
 * @property {{state: string, reason?: string}} state
 * @property {string} role
 * @property {string | null} driver
 * @property {number} members
 * @property {{on?: boolean} | null} hold
 * @property {boolean} recorded
 * @property {string} createdAt
 * @property {{code: number | null} | null} exit
 *
 * @typedef {object} Paste
 * @property {string} text
 * @property {number} lines
 * @property {number} bytes
 * @property {number} sentBytes
 * @property {"asked" | "going" | "waiting"} stage `waiting`: the program reads no more for now.
 *
 * @typedef {object} Replayed
 * @property {"loading" | "paused" | "playing" | "failed"} stage
 * @property {number} atS
 * @property {number} durationS
 * @property {number} speed
 * @property {{atS: number, text: string}[]} marks
 * @property {string} reason
 *
 * @typedef {object} Tools What stands open.
 * @property {"" | "search" | "hold" | "new" | "members"} open
 * @property {string} found How the search went.
 * @property {number} fontPx
 * @property {boolean} reads Whether a screen reader is served.
 *
 * @typedef {object} State
 * @property {boolean} readOnly
 * @property {boolean} ready
 * @property {import("./terminal_socket.js").Connection} connection
 * @property {number | null} asOfMs
 * @property {number} nowMs
 * @property {string} said What a screen reader is told next.
 * @property {string | null} callerRole
 * @property {boolean | null} narrowed
 * @property {{stage: "loading" | "ready" | "failed", items: Listed[], reason: string}} list
 * @property {boolean} opening A new terminal is under way.
 * @property {string | null} terminalId
 * @property {Listed | null} about
 * @property {string | null} me
 * @property {"owner" | "driver" | "watcher" | null} role
 * @property {string | null} epoch
 * @property {Size | null} size
 * @property {Hop | null} upstream
 * @property {Hold | null} hold
 * @property {Hil | null} hil
 * @property {{viewerMs: number | null, upstreamMs: number | null, lagBytes: number}} rtt
 * @property {Member[]} members
 * @property {string | null} driver Member id.
 * @property {{by: string, untilMs: number} | null} asked Somebody asks me for the keyboard.
 * @property {number | null} askingUntilMs I ask for it.
 * @property {{code: number | null, reason: string} | null} exit
 * @property {number} skippedBytes What was left out since the terminal was opened.
 * @property {{held: boolean, waitingBytes: number, isLate: boolean}} view `isLate`: more waits than is kept.
 * @property {string} title What the program calls itself.
 * @property {string} link What the pointer is over.
 * @property {string | null} clipboard What the program would put into the clipboard.
 * @property {Paste | null} paste
 * @property {Replayed | null} replay
 * @property {Tools} tools
 * @property {{text: string, tone: "plain" | "bad", atMs: number} | null} notice
 *
 * @typedef {{type: string, [key: string]: any}} Event
 */

const NOTICE_MS = 6_000;
/** How long somebody who drives has to answer, where the server does not say. */
const ASK_S = 10;
export const FONT_PX = { least: 8, usual: 13, most: 28 };

/** @type {Record<string, string>} What a refusal of input means. */
const REFUSED = {
  "not-driver": "Somebody else has the keyboard.",
  "upstream-away": "The program cannot be reached now; nothing was typed.",
  held: "The program is held; nothing was typed.",
  "too-much-input": "The program reads nothing, and more than 1 MB waits for it already; this was not sent.",
  "not-allowed": "You are watching: typing is not open to you.",
};

/**
 * @param {number} nowMs
 * @param {{terminalId?: string | null, readOnly?: boolean, fontPx?: number}} [configured]
 * @returns {State}
 */
export function initial(nowMs, { terminalId = null, readOnly = false, fontPx = FONT_PX.usual } = {}) {
  return {
    readOnly,
    ready: false,
    asOfMs: null,
    nowMs,
    said: "",
    callerRole: null,
    narrowed: null,
    list: { stage: "loading", items: [], reason: "" },
    opening: false,
    tools: { open: "", found: "", fontPx, reads: false },
    notice: null,
    ...unopened(terminalId),
  };
}

/** @param {string | null} terminalId */
function unopened(terminalId) {
  return {
    terminalId,
    connection: /** @type {State["connection"]} */ ({
      quality: "connecting",
      transport: null,
      rttMs: null,
      retryAtMs: null,
      attempt: 0,
      reason: "",
      code: null,
    }),
    about: null,
    me: null,
    role: null,
    epoch: null,
    size: null,
    upstream: null,
    hold: null,
    hil: null,
    rtt: { viewerMs: null, upstreamMs: null, lagBytes: 0 },
    members: [],
    driver: null,
    asked: null,
    askingUntilMs: null,
    exit: null,
    skippedBytes: 0,
    view: { held: false, waitingBytes: 0, isLate: false },
    title: "",
    link: "",
    clipboard: null,
    paste: null,
    replay: null,
  };
}

/**
 * @param {State} state
 * @param {Event} event
 * @returns {State} The same object where nothing changed.
 */
export function apply(state, event) {
  const change = CHANGES[event.type]?.(state, event);
  return change === undefined ? state : { ...state, ...change };
}

/** @type {Record<string, (state: State, event: Event) => Partial<State> | undefined>} */
const CHANGES = {
  hello: (state, { epoch, size, role, hold, upstream, exit, driver }) => ({
    ready: true,
    asOfMs: state.nowMs,
    epoch,
    size,
    role,
    hold: heldBy(hold),
    upstream: hopOf(upstream, state.nowMs),
    exit: exit ?? null,
    driver: driver ?? null,
    hil: state.epoch === epoch ? state.hil : null,
    ...(state.epoch !== null && state.epoch !== epoch ? told(state, "A new shell has begun.") : {}),
  }),
  size: (_, { rows, cols }) => ({ size: { rows, cols } }),
  upstream: (state, message) => {
    const upstream = hopOf(message, state.nowMs);
    return { upstream, said: spoken(state, upstream) };
  },
  hold: (_, { on, by, why, until }) => {
    const hold = heldBy({ on, by, why, until });
    return { hold, said: hold === null ? "The program goes on." : `The program is held by ${hold.by}. ${hold.why}` };
  },
  rtt: (_, { viewerMs, upstreamMs, lagBytes }) => ({
    asOfMs: Date.now(),
    rtt: { viewerMs: viewerMs ?? null, upstreamMs: upstreamMs ?? null, lagBytes: lagBytes ?? 0 },
  }),
  members: (state, { driver, members }) => {
    const id = typeof driver === "object" && driver !== null ? driver.memberId : (driver ?? null);
    const isMine = id !== null && id === state.me;
    const wasAsked = isMine && state.askingUntilMs !== null;
    const lost = !isMine && id !== null && state.driver === state.me && state.me !== null;
    const name = (members ?? []).find((/** @type {Member} */ each) => each.memberId === id)?.name ?? "Somebody else";
    return {
      members: members ?? state.members,
      driver: id,
      askingUntilMs: isMine || id === null ? null : state.askingUntilMs,
      asked: isMine ? state.asked : null,
      ...(wasAsked ? told(state, "You have the keyboard.") : {}),
      ...(lost ? told(state, `${name} has the keyboard now.`) : {}),
    };
  },
  drive: (state, { asked, untilS }) =>
    asked
      ? {
          asked: { by: asked.by ?? asked.name ?? "Somebody", untilMs: state.nowMs + 1_000 * (untilS ?? ASK_S) },
          said: `${asked.by ?? "Somebody"} asks for the keyboard.`,
        }
      : undefined,
  "hil-state": (_, { state: stage, taskId, reason, reviewId }) => ({
    hil: stage === "resumed" ? null : { state: stage, taskId, reason: reason ?? "", reviewId: reviewId ?? null },
    said: stage === "resumed" ? "The task goes on." : `A task is waiting for people. ${reason ?? ""}`,
  }),
  exit: (_, { code, reason }) => ({
    exit: { code: code ?? null, reason: reason ?? "" },
    said: "The program has ended.",
  }),
  skip: (state, { from, to }) => ({
    skippedBytes: state.skippedBytes + Math.max(0, to - from),
    ...told(state, `This page fell behind: ${bytes(Math.max(0, to - from))} left out, the screen is as it is now.`),
  }),
  error: (state, { code, message }) => ({
    askingUntilMs: code === "not-driver" ? null : state.askingUntilMs,
    ...told(state, (code === "not-driver" ? message : REFUSED[code]) || message || REFUSED[code] || code, "bad"),
  }),

  "panel:tick": (state, { data: nowMs }) => ({
    nowMs,
    asked: state.asked !== null && state.asked.untilMs < nowMs ? null : state.asked,
    askingUntilMs: state.askingUntilMs !== null && state.askingUntilMs + 2_000 < nowMs ? null : state.askingUntilMs,
    notice: state.notice !== null && state.notice.atMs + NOTICE_MS < nowMs ? null : state.notice,
  }),
  "panel:connection": (_, { data: connection, me }) => ({
    connection,
    me,
    ...(connection.transport === null ? { asked: null, askingUntilMs: null, driver: null, members: [] } : {}),
  }),
  "panel:open": (state, { terminalId }) => ({
    ...unopened(terminalId),
    ready: false,
    notice: null,
    tools: { ...state.tools, open: "", found: "" },
  }),
  "panel:caller": (_, { data: caller }) => ({ callerRole: caller.role ?? null, narrowed: caller.narrowed ?? false }),
  "panel:list": (state, { data: items }) => ({
    list: { stage: "ready", items, reason: "" },
    about: items.find((/** @type {Listed} */ each) => each.terminalId === state.terminalId) ?? state.about,
    ready: state.terminalId === null ? true : state.ready,
    asOfMs: state.terminalId === null ? state.nowMs : state.asOfMs,
  }),
  "panel:list-failed": (state, { data: reason }) => ({
    list: { ...state.list, stage: "failed", reason },
    ready: state.terminalId === null ? true : state.ready,
  }),
  "panel:about": (_, { data: about }) => ({ about }),
  "panel:opening": (_, { data: opening }) => ({ opening }),
  "panel:asking": (_, { data: untilMs }) => ({ askingUntilMs: untilMs }),
  "panel:answered": () => ({ asked: null }),
  "panel:view": (state, { data }) => ({ view: { ...state.view, ...data } }),
  "panel:tools": (state, { data }) => ({ tools: { ...state.tools, ...data } }),
  "panel:title": (_, { data: title }) => ({ title }),
  "panel:link": (_, { data: link }) => ({ link }),
  "panel:clipboard": (_, { data: clipboard }) => ({ clipboard }),
  "panel:paste": (state, { data }) => ({ paste: data === null ? null : { ...state.paste, ...data } }),
  "panel:replay": (state, { data }) => ({ replay: data === null ? null : { ...state.replay, ...data } }),
  "panel:told": (state, { data: text, tone }) => told(state, text, tone),
};

/**
 * @param {State} state
 * @param {string} text
 * @param {"plain" | "bad"} [tone]
 * @returns {Partial<State>}
 */
function told({ nowMs }, text, tone = "plain") {
  return { notice: { text, tone, atMs: Math.max(nowMs, Date.now()) }, said: text };
}

/** @param {any} hold */
function heldBy(hold) {
  if (!hold || hold.on === false) return null;
  const untilMs = typeof hold.until === "number" ? hold.until : Date.parse(hold.until ?? "");
  return { by: hold.by ?? "somebody", why: hold.why ?? "", untilMs: Number.isNaN(untilMs) ? null : untilMs };
}

/**
 * @param {any} told
 * @param {number} nowMs
 * @returns {Hop}
 */
function hopOf(told, nowMs) {
  const { state = "connecting", attempt = 0, retryInS = null, reason = "" } = told ?? {};
  return { state, attempt, retryAtMs: retryInS === null ? null : nowMs + 1_000 * retryInS, reason: reason ?? "" };
}

/**
 * @param {State} state
 * @param {Hop} next
 */
function spoken({ upstream, said }, next) {
  if (upstream?.state === next.state) return said;
  return next.state === "connected" ? "The program is reached again." : `The program: ${next.state}. ${next.reason}`;
}

/** @param {State} state Whether this reader has the keyboard. */
export function drives({ driver, me }) {
  return driver !== null && driver === me;
}

/** @param {State} state Whether this reader may ever type here. */
export function mayDrive({ readOnly, role }) {
  return !readOnly && (role === "owner" || role === "driver");
}

/** @param {State} state @returns {string} Name of who drives; empty where nobody does. */
export function driverName({ driver, members }) {
  return members.find(({ memberId }) => memberId === driver)?.name ?? (driver === null ? "" : "somebody");
}

/**
 * @param {State} state
 * @returns {string} Why nothing can be typed now; empty where it can.
 */
export function whyNotTyped(state) {
  if (state.replay !== null) return "This is a recording.";
  if (state.connection.transport === null) return "Not connected: nothing was typed.";
  if (!mayDrive(state)) return "You are watching.";
  if (state.exit !== null) return "The program has ended.";
  if (state.hil !== null) return "A task waits for people here; nothing was typed.";
  if (state.hold !== null) return REFUSED["held"] ?? "";
  if (state.upstream !== null && state.upstream.state !== "connected") return REFUSED["upstream-away"] ?? "";
  if (state.driver !== null && !drives(state)) return `${driverName(state)} has the keyboard. Ask for it to type.`;
  if (state.view.held) return "You hold your view. Resume it to type.";
  return "";
}

/**
 * @param {number | null} atMs
 * @param {number} nowMs
 * @returns {string} For instance `4 s`; empty when it is past.
 */
export function left(atMs, nowMs) {
  if (atMs === null || atMs - nowMs < 500) return "";
  const s = Math.ceil((atMs - nowMs) / 1_000);
  return s < 60 ? `${s}\u00a0s` : span(1_000 * s);
}
