/**
 * What the logs panel knows, as one value, and how each event changes it. Pure: no page, no clock, no network.
 *
 * @typedef {object} LogLine A record as REST and rooms give it.
 * @property {string} lineId
 * @property {string | null} timestamp When it was said, where it tells.
 * @property {string} receivedAt
 * @property {string} kind
 * @property {string} source
 * @property {string} instance
 * @property {string} stream
 * @property {string} level
 * @property {string} message
 * @property {string | null} templateId
 * @property {Record<string, unknown> | null} attributes
 *
 * @typedef {{lineId: string, skipped: number, why: "server" | "reader"}} Skipped A place where lines are left out.
 * @typedef {LogLine | Skipped} Row
 *
 * @typedef {object} Template
 * @property {string} templateId
 * @property {string} text
 * @property {string} level
 * @property {any[]} sources
 * @property {number} count
 * @property {string} firstSeenAt
 * @property {string} lastSeenAt
 * @property {string[]} samples
 * @property {import("./log_parts.js").Spark} sparkline
 * @property {Record<string, any>} [explanation]
 *
 * @typedef {object} Source
 * @property {string} kind
 * @property {string} source
 * @property {number} lines
 * @property {string | null} firstAt
 * @property {string | null} lastAt
 * @property {any} layout
 * @property {number} rejected
 * @property {any} rejectedSample
 * @property {"speaking" | "silent"} state
 * @property {number | null} [filesBehindBytes]
 *
 * @typedef {"lines" | "templates" | "sources" | "explain"} ViewName
 * @typedef {"count" | "lastSeen" | "firstSeen" | "new"} TemplateSort
 * @typedef {"" | "first" | "more"} Loading
 *
 * @typedef {object} State
 * @property {boolean} ready Whether the room or REST has said something.
 * @property {import("./socket.js").Connection} connection
 * @property {string | null} role
 * @property {boolean | null} narrowed
 * @property {number | null} asOfMs
 * @property {number} nowMs
 * @property {ViewName} view
 * @property {import("./logs_choice.js").Choice} choice
 * @property {number} asked Which question the lines answer: answers to earlier ones come too late.
 * @property {Row[]} rows Newest first.
 * @property {string | null} nextCursor Where older lines go on.
 * @property {boolean} cut Whether older lines were let go for newer ones, so that `nextCursor` leads past them.
 * @property {Loading} loading
 * @property {string} failure Why the last question has no answer.
 * @property {boolean} trimmed Whether newer lines were let go for older ones.
 * @property {boolean} held Whether the reader holds the live lines.
 * @property {boolean} scrolled Whether the reader has gone down the list.
 * @property {LogLine[]} waiting Lines that came meanwhile, newest first, as many as are kept.
 * @property {number} waitingCount How many came meanwhile, skipped ones too.
 * @property {number} serial Numbers the places where lines are left out.
 * @property {LogLine | null} selected The record that is open.
 * @property {{templateId: string, text: string} | null} chosenTemplate The text of the template that is chosen.
 * @property {{items: Template[], nextCursor: string | null, loading: Loading, failure: string, sort: TemplateSort}} templates
 * @property {Template | null} template The template that is open.
 * @property {{items: Source[], loading: Loading, failure: string}} sources
 * @property {Source | null} source The source that is open.
 * @property {{line: string, source: string, loading: boolean, failure: string, answer: Record<string, any> | null}} explained
 * @property {string} said What a screen reader is told next.
 */

import { EVERYTHING, isOpen, judgeOf } from "./logs_choice.js";
import { counted, grouped, milliseconds } from "./words.js";

/** Rows kept: older ones are a question to REST away. */
export const ROWS_KEPT = 2_000;
/** Lines kept that came while the reader held the list. */
export const WAITING_KEPT = 500;

/**
 * @param {number} nowMs
 * @param {Partial<import("./logs_choice.js").Choice>} [choice]
 * @returns {State} What is known before the server said anything.
 */
export function initial(nowMs, choice = {}) {
  return {
    ready: false,
    connection: { quality: "connecting", transport: null, rttMs: null, retryAtMs: null, reason: "", code: null },
    role: null,
    narrowed: null,
    asOfMs: null,
    nowMs,
    view: "lines",
    choice: { ...EVERYTHING, ...choice },
    asked: 0,
    rows: [],
    nextCursor: null,
    cut: false,
    loading: "",
    failure: "",
    trimmed: false,
    held: false,
    scrolled: false,
    waiting: [],
    waitingCount: 0,
    serial: 0,
    selected: null,
    chosenTemplate: null,
    templates: { items: [], nextCursor: null, loading: "", failure: "", sort: "lastSeen" },
    template: null,
    sources: { items: [], loading: "", failure: "" },
    source: null,
    explained: { line: "", source: "", loading: false, failure: "", answer: null },
    said: "",
  };
}

/**
 * @typedef {{type: string, data?: any, timestamp?: number, seq?: number}} PanelEvent
 * @typedef {(state: State, data: any) => Partial<State>} Step
 */

/** @type {Record<string, Step>} */
const STEPS = {
  connected: (state, data) => {
    const role = data.role ?? state.role;
    return { ready: true, role, narrowed: role === state.role ? state.narrowed : null };
  },
  lines: (state, { lines, skipped = 0 }) => arrived(state, lines, skipped),

  "panel:connection": (state, connection) => {
    const changed = connection.quality !== state.connection.quality;
    return { connection, said: changed ? `Connection: ${connection.quality}.` : state.said };
  },
  "panel:tick": (_, nowMs) => ({ nowMs }),
  "panel:caller": (_, { role, narrowed }) => ({ role, narrowed }),
  "panel:view": (_, view) => ({ view, selected: null, template: null, source: null }),
  "panel:chose": (state, choice) => ({
    choice: { ...state.choice, ...choice },
    chosenTemplate: choice.template === undefined ? state.chosenTemplate : null,
    scrolled: false,
    ...NOTHING_WAITS,
  }),
  "panel:asked": (state, { more }) =>
    more ? { loading: "more", failure: "" } : { asked: state.asked + 1, loading: "first", failure: "" },
  "panel:page": (state, { asked, items, nextCursor, more }) => {
    if (asked !== state.asked) return {};
    const page = { loading: /** @type {Loading} */ (""), failure: "", nextCursor, cut: false, ready: true };
    if (more) return { ...page, ...older(state.rows, items, state.trimmed) };
    return {
      ...page,
      rows: items.slice(0, ROWS_KEPT),
      trimmed: false,
      said: `${counted(items.length, "line")} shown.`,
    };
  },
  "panel:caught-up": (state, { asked, items, nextCursor }) => {
    if (asked !== state.asked) return {};
    return caughtUp(state, items, nextCursor);
  },
  "panel:failed": (state, { asked, message }) =>
    asked === state.asked ? { loading: "", failure: message, ready: true, said: message } : {},
  "panel:held": (state, held) => (held ? { held, said: "Paused." } : { held, scrolled: false, ...resumed(state) }),
  "panel:scrolled": (state, scrolled) => {
    if (scrolled === state.scrolled) return {};
    return scrolled || state.held ? { scrolled } : { scrolled, ...resumed(state) };
  },
  "panel:selected": (_, selected) => ({ selected }),

  "panel:template-text": (state, { templateId, text }) =>
    templateId === state.choice.template ? { chosenTemplate: { templateId, text } } : {},
  "panel:templates-asked": (state, { more, sort = state.templates.sort }) => ({
    templates: { ...state.templates, sort, loading: more ? "more" : "first", failure: "" },
  }),
  "panel:templates": (state, { items, nextCursor, more }) => ({
    templates: {
      ...state.templates,
      items: more ? [...state.templates.items, ...items] : items,
      nextCursor,
      loading: "",
      failure: "",
    },
  }),
  "panel:templates-failed": (state, message) => ({
    templates: { ...state.templates, loading: "", failure: message },
    said: message,
  }),
  "panel:template": (_, template) => ({ template }),
  "panel:template-read": (state, template) =>
    template.templateId === state.template?.templateId ? { template: { ...state.template, ...template } } : {},

  "panel:sources-asked": (state) => ({ sources: { ...state.sources, loading: "first", failure: "" } }),
  "panel:sources": (state, items) => ({
    sources: { items, loading: "", failure: "" },
    source: items.find((/** @type {Source} */ each) => sameSource(each, state.source)) ?? state.source,
  }),
  "panel:sources-failed": (state, message) => ({ sources: { ...state.sources, loading: "", failure: message } }),
  "panel:source": (_, source) => ({ source }),

  "panel:explain": (state, asked) => ({
    explained: { ...state.explained, ...asked, loading: true, failure: "", answer: null },
  }),
  "panel:explained": (state, answer) => ({
    explained: { ...state.explained, loading: false, answer },
    said: "The line is explained.",
  }),
  "panel:explain-failed": (state, failure) => ({
    explained: { ...state.explained, loading: false, failure },
    said: failure,
  }),
};

const NOTHING_WAITS = { waiting: /** @type {LogLine[]} */ ([]), waitingCount: 0, held: false };

/**
 * @param {State} state
 * @param {PanelEvent} event
 * @returns {State} The same object when nothing changed.
 */
export function apply(state, event) {
  const change = STEPS[event.type]?.(state, event.data) ?? {};
  const fromServer = !event.type.startsWith("panel:");
  const asOfMs = fromServer ? Math.max(state.asOfMs ?? 0, event.timestamp ?? state.nowMs) : state.asOfMs;
  return Object.keys(change).length === 0 && asOfMs === state.asOfMs ? state : { ...state, asOfMs, ...change };
}

/**
 * @param {Row} row
 * @returns {row is Skipped}
 */
export function isSkipped(row) {
  return "skipped" in row;
}

/**
 * @param {State} state
 * @returns {string | null} Until when older lines are to be asked for where no cursor leads on; nothing when there are none.
 */
export function olderThan({ cut, rows }) {
  const oldest = rows.findLast((row) => !isSkipped(row));
  if (!cut || oldest === undefined || isSkipped(oldest)) return null;
  return new Date(milliseconds(oldest.timestamp ?? oldest.receivedAt) + 1).toISOString();
}

/**
 * @param {State} state
 * @returns {boolean} Whether what arrives shows at once.
 */
export function isLive(state) {
  return !state.held && !state.scrolled && !state.trimmed && isOpen(state.choice);
}

/**
 * @param {State} state
 * @param {LogLine[]} lines As the room says them, oldest first.
 * @param {number} skipped How many more there were than the room carries.
 * @returns {Partial<State>}
 */
function arrived(state, lines, skipped) {
  if (!isOpen(state.choice)) return {};
  const known = new Set(state.rows.slice(0, WAITING_KEPT).map(({ lineId }) => lineId));
  const fitting = lines.filter(judgeOf(state.choice)).filter(({ lineId }) => !known.has(lineId));
  if (fitting.length === 0 && skipped === 0) return {};
  const newest = fitting.reverse();
  if (!isLive(state))
    return {
      waiting: [...newest, ...state.waiting].slice(0, WAITING_KEPT),
      waitingCount: state.waitingCount + newest.length + skipped,
    };
  return { ...put(state, newest, skipped, "server"), said: `${counted(newest.length, "new line")}.` };
}

/**
 * @param {State} state
 * @param {LogLine[]} newest
 * @param {number} skipped
 * @param {Skipped["why"]} why
 * @returns {Partial<State>} The lines stand above those that are there; what is missing between them is said.
 */
function put(state, newest, skipped, why) {
  const serial = state.serial + 1;
  const missing = skipped > 0 ? [{ lineId: `skipped-${serial}`, skipped, why }] : [];
  const rows = [...newest, ...missing, ...state.rows];
  if (rows.length <= ROWS_KEPT) return { rows, serial };
  return { rows: rows.slice(0, ROWS_KEPT), serial, nextCursor: null, cut: true };
}

/**
 * @param {State} state
 * @returns {Partial<State>} What waited is shown, if what was shown before is still at the top.
 */
function resumed(state) {
  if (state.trimmed || state.waitingCount === 0) return { ...NOTHING_WAITS, held: false };
  const lost = state.waitingCount - state.waiting.length;
  const said = `${counted(state.waitingCount, "line")} came meanwhile${lost > 0 ? `, ${grouped(lost)} of them are not shown` : ""}.`;
  return { ...NOTHING_WAITS, ...put(state, state.waiting, lost, "reader"), said };
}

/**
 * @param {Row[]} rows
 * @param {LogLine[]} items
 * @param {boolean} trimmed
 * @returns {Partial<State>} Older lines stand below; what no longer fits goes from the top.
 */
function older(rows, items, trimmed) {
  const known = new Set(rows.map(({ lineId }) => lineId));
  const all = [...rows, ...items.filter(({ lineId }) => !known.has(lineId))];
  const over = Math.max(0, all.length - ROWS_KEPT);
  return { rows: all.slice(over), trimmed: trimmed || over > 0 };
}

/**
 * After a connection was away: the newest lines as REST has them, joined to those that were there.
 *
 * @param {State} state
 * @param {LogLine[]} items
 * @param {string | null} nextCursor
 * @returns {Partial<State>}
 */
function caughtUp(state, items, nextCursor) {
  const known = new Set(state.rows.map(({ lineId }) => lineId));
  const fresh = items.filter(({ lineId }) => !known.has(lineId));
  const joined = fresh.length < items.length || state.rows.length === 0;
  if (!joined) return { rows: items, nextCursor, cut: false, trimmed: false, ...NOTHING_WAITS };
  if (isLive(state)) return put(state, fresh, 0, "server");
  const waiting = new Set(state.waiting.map(({ lineId }) => lineId));
  const more = fresh.filter(({ lineId }) => !waiting.has(lineId));
  return {
    waiting: [...more, ...state.waiting].slice(0, WAITING_KEPT),
    waitingCount: state.waitingCount + more.length,
  };
}

/**
 * @param {Source} one
 * @param {Source | null} other
 */
function sameSource(one, other) {
  return other !== null && one.kind === other.kind && one.source === other.source;
}
