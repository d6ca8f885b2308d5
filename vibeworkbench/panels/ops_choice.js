/** What the ops panel shows of what it knows: pure questions to a `State`. */

import { whyWatching } from "./rights.js";
import { SEVERITY_WEIGHT, inOrder } from "./words.js";

/**
 * @typedef {import("./ops_state.js").State} State
 * @typedef {import("./ops_state.js").Issue} Issue
 * @typedef {import("./ops_state.js").IssueState} IssueState
 * @typedef {"acknowledge" | "claim" | "resolve" | "mute" | "reopen"} Verb
 */

/** @type {IssueState[]} */
const ACTIVE = ["open", "acknowledged", "in_progress"];

/** @type {Record<IssueState, Verb[]>} What a person may do with an issue, as the server's table has it. */
export const VERBS = {
  open: ["acknowledge", "claim", "resolve", "mute"],
  acknowledged: ["claim", "resolve", "mute", "reopen"],
  in_progress: ["resolve", "mute", "reopen"],
  muted: ["resolve", "mute", "reopen"],
  resolved: ["reopen"],
};

/** @type {Record<Verb, IssueState>} */
export const LEADS_TO = {
  acknowledge: "acknowledged",
  claim: "in_progress",
  resolve: "resolved",
  mute: "muted",
  reopen: "open",
};

/**
 * Where an issue stands for the reader: what was asked for counts until the server says otherwise.
 *
 * @param {State} state
 * @param {Issue} issue
 * @returns {IssueState}
 */
export function standing(state, issue) {
  return state.wished.get(issue.issueId) ?? issue.state;
}

/** @type {Record<State["choice"]["sort"], (one: Issue, other: Issue) => number>} */
const ORDERS = {
  severity: (one, other) => weight(other) - weight(one) || newest(one, other),
  newest,
  oldest: (one, other) => -newest(one, other),
  count: (one, other) => (other.count ?? 1) - (one.count ?? 1) || newest(one, other),
};

/**
 * @param {State} state
 * @returns {Issue[]} The issues that the reader's choice admits, in the chosen order.
 */
export function chosenIssues(state) {
  const { choice } = state;
  const words = choice.text.toLowerCase().split(/\s+/).filter(Boolean);
  const floor = choice.severity === "any" ? 0 : (SEVERITY_WEIGHT[choice.severity] ?? 0);
  const found = [...state.issues.values()].filter(
    (issue) =>
      stateAdmitted(choice.state, standing(state, issue)) &&
      weight(issue) >= floor &&
      (choice.type === "" || issue.type === choice.type) &&
      words.every((word) => searchable(issue).includes(word)),
  );
  return found.sort(ORDERS[choice.sort]);
}

/**
 * @param {State["choice"]["state"]} chosen
 * @param {IssueState} stands
 */
function stateAdmitted(chosen, stands) {
  return chosen === "all" || chosen === stands || (chosen === "active" && ACTIVE.includes(stands));
}

/** @type {WeakMap<Issue, string>} */
const texts = new WeakMap();

/** @param {Issue} issue */
function searchable(issue) {
  let text = texts.get(issue);
  if (text === undefined) {
    text =
      `${issue.title} ${issue.subject ?? ""} ${issue.check ?? ""} ${issue.type} ${issue.claimedBy ?? ""}`.toLowerCase();
    texts.set(issue, text);
  }
  return text;
}

/** @param {Issue} issue */
function weight(issue) {
  return SEVERITY_WEIGHT[issue.severity] ?? 0;
}

/**
 * @param {Issue} one
 * @param {Issue} other
 */
function newest(one, other) {
  return inOrder(other.stateChangedAt ?? "", one.stateChangedAt ?? "") || inOrder(one.issueId, other.issueId);
}

/**
 * @param {State} state
 * @returns {{state: Map<string, number>, severity: Map<string, number>, types: string[]}} How many issues there are by
 *   state (`active` and `all` included), how many active ones by severity, and the types that occur.
 */
export function tally(state) {
  const byState = new Map([
    ["active", 0],
    ["all", 0],
  ]);
  /** @type {Map<string, number>} */
  const bySeverity = new Map();
  /** @type {Set<string>} */
  const types = new Set();
  for (const issue of state.issues.values()) {
    const stands = standing(state, issue);
    types.add(issue.type);
    if (ACTIVE.includes(stands)) bySeverity.set(issue.severity, (bySeverity.get(issue.severity) ?? 0) + 1);
  }
  for (const [name, { count }] of Object.entries(state.summary.byState)) byState.set(name, count);
  for (const [issueId, to] of state.wished) {
    const from = state.issues.get(issueId)?.state;
    if (from === undefined) continue;
    byState.set(from, (byState.get(from) ?? 1) - 1);
    byState.set(to, (byState.get(to) ?? 0) + 1);
  }
  byState.set(
    "active",
    ACTIVE.reduce((sum, name) => sum + (byState.get(name) ?? 0), 0),
  );
  byState.set(
    "all",
    [...ACTIVE, "muted", "resolved"].reduce((sum, name) => sum + (byState.get(name) ?? 0), 0),
  );
  return { state: byState, severity: bySeverity, types: [...types].sort() };
}

/**
 * @param {State} state
 * @returns {string} Why nothing can be done now; empty when it can.
 */
export function whyNotAct(state) {
  if (!state.ready || state.connection.transport === null) return "There is no connection to the server.";
  return whyWatching(state);
}

/**
 * @param {State} state
 * @param {"full" | "incremental"} scope
 * @returns {string} Why no such scan can be started now; empty when it can.
 */
export function whyNotScan(state, scope) {
  if ([...state.running.values()].some((scan) => scan.scope === scope)) return `The ${scope} scan is running.`;
  if (state.asked.has(scope)) return "The scan is about to start.";
  return whyNotAct(state);
}
