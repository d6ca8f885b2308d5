/**
 * What the ops panel knows, as one value: `apply(state, event)` is the only way from one to the next, and it is pure.
 *
 * Events are the messages of the rooms as they come, and what the panel itself learns (answers of REST, the connection,
 * what the reader chose); the latter are named `panel:…`.
 *
 * @typedef {"open" | "acknowledged" | "in_progress" | "muted" | "resolved"} IssueState
 * @typedef {"info" | "low" | "medium" | "high" | "critical"} Severity
 *
 * @typedef {object} Issue
 * @property {string} issueId Its name in addresses.
 * @property {string} title
 * @property {Severity} severity
 * @property {string} type
 * @property {IssueState} state
 * @property {string} [check]
 * @property {string} [collector]
 * @property {string} [subject]
 * @property {string} [hint]
 * @property {number} [count]
 * @property {string} [firstSeenAt]
 * @property {string} [lastSeenAt]
 * @property {string} [stateChangedAt]
 * @property {string | null} [claimedBy]
 * @property {string | null} [resolution]
 * @property {string | null} [note]
 * @property {string | null} [mutedUntil]
 * @property {boolean} [flapping]
 * @property {number} [reopenedCount]
 * @property {Record<string, unknown>} [evidence]
 * @property {{at: string, from: string | null, to: string, actor: string, note: string | null}[]} [history]
 *
 * @typedef {{processed: number, total: number}} Progress
 * @typedef {{scanId: string, scope: string, trigger: string, startedAtMs: number, progress: Progress, step: string}} Running
 * @typedef {{name: string, state: string, durationMs: number, reason?: string}} CollectorRun
 * @typedef {object} Scan
 * @property {string} scanId
 * @property {string} scope
 * @property {string} trigger
 * @property {"running" | "completed" | "failed"} status
 * @property {string} startedAt
 * @property {string | null} completedAt
 * @property {number} processedLogs
 * @property {{bySeverity: Record<string, number>, byType: Record<string, number>, total: number}} findings
 * @property {number} issuesFiled
 * @property {number} issuesResolved
 * @property {CollectorRun[]} collectors
 * @property {string | null} [reason]
 *
 * @typedef {{target: string, score: number | null, worst: Severity | null, issues: number}} TargetHealth
 * @typedef {{score: number | null, at: string | null, targets: TargetHealth[], history: {at: string, score: number | null}[]}} Health
 * @typedef {{total: number, byState: Record<string, {count: number, meanSeverity: number | null}>, bySeverity: Record<string, number>}} Summary
 * @typedef {{name: string, cron: string, scope: string, timezone: string, nextFireAt: string}} Schedule
 * @typedef {{id: number, tone: "good" | "bad" | "plain", text: string, undo: {issueId: string} | null}} Notice
 *
 * @typedef {object} Choice What the reader chose to see.
 * @property {"active" | "all" | IssueState} state
 * @property {Severity | "any"} severity Lowest severity shown.
 * @property {string} type
 * @property {string} text
 * @property {"severity" | "newest" | "oldest" | "count"} sort
 * @property {number} shown Rows at most.
 *
 * @typedef {object} State
 * @property {boolean} ready Whether a snapshot has come: before that nothing is known.
 * @property {import("./socket.js").Connection} connection
 * @property {string | null} role
 * @property {boolean | null} narrowed Whether the reader's token opens no more than a view; nothing while it is not known.
 * @property {number | null} asOfMs When the server last said something, Unix milliseconds.
 * @property {number} nowMs
 * @property {Summary} summary
 * @property {Health} health
 * @property {ReadonlyMap<string, Running>} running
 * @property {Scan | null} lastScan
 * @property {ReadonlyMap<string, Issue>} issues
 * @property {ReadonlyMap<string, IssueState>} wished Issue → the state that the reader asked for and the server has not yet confirmed.
 * @property {ReadonlySet<string>} stale Issues whose body must be read again.
 * @property {ReadonlyMap<string, number>} fresh Issue → when it last changed while somebody was watching.
 * @property {ReadonlySet<string>} asked Scopes for which a scan was asked and has not begun.
 * @property {Schedule[]} schedules
 * @property {boolean} resolvedLoaded Whether the resolved issues were read.
 * @property {Choice} choice
 * @property {string | null} selected The issue whose details are open.
 * @property {import("./ops_choice.js").Verb | null} form The action whose form is open.
 * @property {Notice | null} notice
 * @property {string} said What a screen reader is told next.
 */

import { moved } from "./ops_summary.js";
import { STATE_WORD } from "./words.js";

/** How long a changed row stands out. */
export const FRESH_MS = 4_000;
/** Rows shown before somebody asks for more. */
export const PAGE_ROWS = 100;
/** Points of health history kept. */
const HISTORY_POINTS = 500;

/**
 * @param {number} nowMs
 * @returns {State} What is known before the server said anything.
 */
export function initial(nowMs) {
  return {
    ready: false,
    connection: { quality: "connecting", transport: null, rttMs: null, retryAtMs: null, reason: "", code: null },
    role: null,
    narrowed: null,
    asOfMs: null,
    nowMs,
    summary: { total: 0, byState: {}, bySeverity: {} },
    health: { score: null, at: null, targets: [], history: [] },
    running: new Map(),
    lastScan: null,
    issues: new Map(),
    wished: new Map(),
    stale: new Set(),
    fresh: new Map(),
    asked: new Set(),
    schedules: [],
    resolvedLoaded: false,
    choice: { state: "active", severity: "any", type: "", text: "", sort: "severity", shown: PAGE_ROWS },
    selected: null,
    form: null,
    notice: null,
    said: "",
  };
}

/**
 * @typedef {{type: string, data?: any, timestamp?: number, seq?: number}} PanelEvent
 * @typedef {(state: State, data: any, atMs: number) => Partial<State>} Step
 */

/** @type {Record<string, Step>} */
const STEPS = {
  connected: (state, data) => {
    const role = data.role ?? state.role;
    return { role, narrowed: role === state.role ? state.narrowed : null };
  },
  snapshot: (state, data) => ({
    ...standingFrom(data),
    ready: true,
    issues: byId(data.issues),
    wished: new Map(),
    stale: state.selected === null ? new Set() : new Set([state.selected]),
    resolvedLoaded: false,
  }),
  refreshed: (state, data) => {
    const resolved = [...state.issues.values()].filter((issue) => issue.state === "resolved");
    const kept = data.whole ? byId(resolved) : state.issues;
    const now = data.issues.map((/** @type {Issue} */ issue) => ({ ...state.issues.get(issue.issueId), ...issue }));
    return { ...standingFrom(data), issues: new Map([...kept, ...byId(now)]) };
  },
  "scan-start": (state, { scanId, scope, trigger }, atMs) => {
    const begun = { scanId, scope, trigger, startedAtMs: atMs, progress: { processed: 0, total: 0 }, step: "" };
    return {
      running: new Map(state.running).set(scanId, begun),
      asked: without(state.asked, scope),
      said: `${capital(scope)} scan started.`,
    };
  },
  "scan-progress": (state, { scanId, progress, step }) => {
    const scan = state.running.get(scanId);
    return scan ? { running: new Map(state.running).set(scanId, { ...scan, progress, step }) } : {};
  },
  "scan-result": (state, scan) => {
    const running = new Map(state.running);
    running.delete(scan.scanId);
    const ended = scan.status === "completed" ? `completed: ${scan.findings.total} findings` : "failed";
    return {
      running,
      lastScan: scan,
      asked: without(state.asked, scan.scope),
      said: `${capital(scan.scope)} scan ${ended}.`,
    };
  },
  issue: (state, data, atMs) => {
    const { issueId, title, severity, type, from, to } = data;
    const known = state.issues.get(issueId);
    const at = new Date(atMs).toISOString();
    const issue = {
      firstSeenAt: at,
      lastSeenAt: at,
      ...known,
      ...told(data),
      issueId,
      title,
      severity,
      type,
      state: to,
      stateChangedAt: at,
    };
    const wished = new Map(state.wished);
    wished.delete(issueId);
    return {
      issues: new Map(state.issues).set(issueId, issue),
      summary: moved(state.summary, { from, to, severity, before: known?.severity ?? severity }),
      wished,
      stale: new Set(state.stale).add(issueId),
      fresh: new Map(state.fresh).set(issueId, state.nowMs),
      said: `${from === null ? "New issue" : from === to ? "Changed" : capital(STATE_WORD[/** @type {IssueState} */ (to)])}, ${severity}: ${title}`,
    };
  },
  health: (state, data) => ({
    health: { ...data, history: longer(state.health.history, { at: data.at, score: data.score }) },
  }),

  "panel:connection": (state, connection) => {
    const changed = connection.quality !== state.connection.quality;
    return { connection, said: changed ? `Connection: ${connection.quality}.` : state.said };
  },
  "panel:tick": (state, nowMs) => {
    const fresh = new Map([...state.fresh].filter(([, atMs]) => nowMs - atMs < FRESH_MS));
    return { nowMs, fresh: fresh.size === state.fresh.size ? state.fresh : fresh };
  },
  "panel:caller": (_, { role, narrowed }) => ({ role, narrowed }),
  "panel:reading": (state, issueIds) => {
    const stale = new Set(state.stale);
    for (const issueId of issueIds) stale.delete(issueId);
    return { stale };
  },
  "panel:summary": (_, summary) => ({ summary }),
  "panel:issues": (state, { items }) => ({ issues: merged(state.issues, items) }),
  "panel:resolved": (state, { items }) => ({ issues: merged(state.issues, items), resolvedLoaded: true }),
  "panel:unresolved": (state, { items, askedAtMs }) => {
    const there = new Set(items.map((/** @type {Issue} */ issue) => issue.issueId));
    const issues = merged(state.issues, items);
    for (const [issueId, { state: stands, stateChangedAt }] of issues)
      if (stands !== "resolved" && !there.has(issueId) && instant(stateChangedAt) <= askedAtMs) issues.delete(issueId);
    return { issues };
  },
  "panel:wished": (state, { issueId, to }) => ({
    wished: new Map(state.wished).set(issueId, to),
    form: null,
    notice: null,
  }),
  "panel:acted": (state, { issue, notice }) => ({
    issues: merged(state.issues, [issue]),
    wished: withoutKey(state.wished, issue.issueId),
    stale: new Set(state.stale).add(issue.issueId),
    notice,
    said: notice.text,
  }),
  "panel:refused": (state, { issueId, notice }) => ({
    wished: withoutKey(state.wished, issueId),
    stale: issueId ? new Set(state.stale).add(issueId) : state.stale,
    notice,
    said: notice.text,
  }),
  "panel:scan-asked": (state, scope) => ({ asked: new Set(state.asked).add(scope), notice: null }),
  "panel:scan-refused": (state, { scope, notice }) => ({
    asked: without(state.asked, scope),
    notice,
    said: notice.text,
  }),
  "panel:told": (_, notice) => ({ notice, said: notice.text }),
  "panel:notice-gone": () => ({ notice: null }),
  "panel:chose": (state, choice) => ({ choice: { ...state.choice, shown: PAGE_ROWS, ...choice } }),
  "panel:form": (_, form) => ({ form }),
  "panel:selected": (state, issueId) => ({
    selected: issueId,
    form: null,
    stale: issueId === null ? state.stale : new Set(state.stale).add(issueId),
  }),
};

/**
 * @param {State} state
 * @param {PanelEvent} event
 * @returns {State} The same object when nothing changed.
 */
export function apply(state, event) {
  const step = STEPS[event.type];
  const fromServer = !event.type.startsWith("panel:");
  const atMs = event.timestamp ?? state.nowMs;
  const change = step?.(state, event.data, atMs) ?? {};
  const asOfMs = fromServer ? Math.max(state.asOfMs ?? 0, atMs) : state.asOfMs;
  return Object.keys(change).length === 0 && asOfMs === state.asOfMs ? state : { ...state, asOfMs, ...change };
}

/**
 * The issues with the bodies that were read, except where a message that came meanwhile knows better.
 *
 * @param {ReadonlyMap<string, Issue>} known
 * @param {Issue[]} bodies
 */
function merged(known, bodies) {
  const issues = new Map(known);
  for (const body of bodies) {
    const before = issues.get(body.issueId);
    const late = before !== undefined && instant(before.stateChangedAt) > instant(body.stateChangedAt);
    issues.set(body.issueId, late ? { ...body, ...before } : { ...before, ...body });
  }
  return issues;
}

/**
 * What a snapshot tells besides the issues.
 *
 * @param {any} data
 * @returns {Partial<State>}
 */
function standingFrom({ summary, health, running, lastScan, schedules }) {
  return {
    summary,
    health: { history: [], ...health },
    running: new Map(running.map((/** @type {any} */ scan) => [scan.scanId, runningFrom(scan)])),
    lastScan,
    schedules: schedules ?? [],
    asked: new Set(),
  };
}

/** @param {Issue[]} issues */
function byId(issues) {
  return new Map(issues.map((issue) => [issue.issueId, issue]));
}

/** What of an issue's body its message carries. */
const TOLD = ["subject", "count", "claimedBy", "resolution", "mutedUntil", "flapping"];

/**
 * @param {Record<string, any>} message
 * @returns {Partial<Issue>}
 */
function told(message) {
  return Object.fromEntries(TOLD.filter((name) => name in message).map((name) => [name, message[name]]));
}

/** @param {string | undefined} text */
function instant(text) {
  return Date.parse(text ?? "") || 0;
}

/**
 * @param {any} scan As the snapshot gives it.
 * @returns {Running}
 */
function runningFrom({ scanId, scope, trigger, startedAt, progress, step }) {
  return { scanId, scope, trigger, startedAtMs: Date.parse(startedAt), progress, step };
}

/**
 * @template T
 * @param {T[]} points
 * @param {T} point
 */
function longer(points, point) {
  return [...points, point].slice(-HISTORY_POINTS);
}

/**
 * @param {ReadonlySet<string>} set
 * @param {string} member
 */
function without(set, member) {
  return new Set([...set].filter((each) => each !== member));
}

/**
 * @template V
 * @param {ReadonlyMap<string, V>} map
 * @param {string} key
 */
function withoutKey(map, key) {
  return new Map([...map].filter(([each]) => each !== key));
}

/** @param {string} text */
function capital(text) {
  return text.charAt(0).toUpperCase() + text.slice(1);
}
