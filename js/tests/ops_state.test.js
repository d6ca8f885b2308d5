import assert from "node:assert/strict";
import { test } from "node:test";
import { chosenIssues, standing, tally, whyNotAct, whyNotScan } from "../../vibeworkbench/panels/ops_choice.js";
import { isUnknown, mayRead, whyNotRead, whyWatching } from "../../vibeworkbench/panels/rights.js";
import { FRESH_MS, apply, initial } from "../../vibeworkbench/panels/ops_state.js";

/** @typedef {import("../../vibeworkbench/panels/ops_state.js").State} State */

const NOW = Date.parse("2026-11-22T12:00:00Z");

/**
 * @param {string} issueId
 * @param {object} [fields]
 * @returns {any}
 */
function issue(issueId, fields = {}) {
  const at = "2026-11-22T11:00:00Z";
  const plain = {
    issueId,
    title: `trouble ${issueId}`,
    severity: "high",
    type: "capacity",
    state: "open",
    subject: `mount:/${issueId}`,
    count: 1,
  };
  return { ...plain, firstSeenAt: at, lastSeenAt: at, stateChangedAt: at, ...fields };
}

/**
 * @param {any[]} issues
 * @param {object} [fields]
 */
function snapshot(issues, fields = {}) {
  /** @type {Record<string, {count: number, meanSeverity: number | null}>} */
  const byState = {};
  for (const { state } of issues) byState[state] = { count: (byState[state]?.count ?? 0) + 1, meanSeverity: 4 };
  const data = {
    summary: { total: issues.length, byState, bySeverity: {} },
    health: { score: 90, at: null, targets: [], history: [] },
    running: [],
    lastScan: null,
    issues,
    ...fields,
  };
  return { type: "snapshot", seq: 1, timestamp: NOW, data };
}

const CONNECTION = { quality: "good", transport: "socket", rttMs: 3, retryAtMs: null, reason: "", code: null };

/** @param {{type: string, data?: any, timestamp?: number}[]} events */
function after(...events) {
  const joined = [
    { type: "panel:connection", data: CONNECTION },
    { type: "connected", data: { role: "operator" }, timestamp: NOW },
  ];
  return [...joined, ...events].reduce(apply, initial(NOW));
}

/**
 * @param {string} issueId
 * @param {string | null} from
 * @param {string} to
 * @param {object} [fields]
 */
function transition(issueId, from, to, fields = {}) {
  const said = {
    issueId,
    fingerprint: "",
    title: `trouble ${issueId}`,
    severity: "high",
    type: "capacity",
    actor: "ada",
    from,
    to,
  };
  return { type: "issue", seq: 2, timestamp: NOW + 1000, data: { ...said, ...fields } };
}

const PROGRESS = {
  type: "scan-progress",
  timestamp: NOW,
  data: { scanId: "s", progress: { processed: 3, total: 9 }, step: "http" },
};
const START = { type: "scan-start", timestamp: NOW, data: { scanId: "s", scope: "full", trigger: "rest:ada" } };
const RESULT = {
  type: "scan-result",
  timestamp: NOW,
  data: { scanId: "s", scope: "full", status: "completed", findings: { total: 2 }, collectors: [] },
};

test("Nothing is known before the snapshot, and everything in it after.", () => {
  assert.equal(initial(NOW).ready, false);
  const state = after(snapshot([issue("a")]));
  assert.equal(state.ready, true);
  assert.equal(state.issues.get("a")?.title, "trouble a");
  assert.equal(state.role, "operator");
  assert.equal(state.asOfMs, NOW);
});

test("A scan starts, moves on and ends.", () => {
  const started = after(snapshot([]), START, PROGRESS);
  assert.deepEqual(started.running.get("s")?.progress, { processed: 3, total: 9 });
  assert.equal(started.running.get("s")?.startedAtMs, NOW);
  const ended = apply(started, RESULT);
  assert.equal(ended.running.size, 0);
  assert.equal(ended.lastScan?.scanId, "s");
});

test("Progress of a scan that nobody knows changes nothing.", () => {
  assert.equal(after(snapshot([]), PROGRESS).running.size, 0);
});

test("A new issue appears, is counted and asks for its body.", () => {
  const state = after(snapshot([]), transition("a", null, "open"));
  assert.equal(state.issues.get("a")?.state, "open");
  assert.equal(state.summary.total, 1);
  assert.deepEqual(state.summary.byState["open"], { count: 1, meanSeverity: 4 });
  assert.ok(state.stale.has("a"));
});

test("A transition moves the counts and keeps their means exact.", () => {
  const before = after(
    snapshot([issue("a"), issue("b", { severity: "low" })], {
      summary: { total: 2, byState: { open: { count: 2, meanSeverity: 3 } }, bySeverity: { high: 1, low: 1 } },
    }),
  );
  const state = apply(before, transition("b", "open", "resolved", { severity: "low" }));
  assert.deepEqual(state.summary.byState, {
    open: { count: 1, meanSeverity: 4 },
    resolved: { count: 1, meanSeverity: 2 },
  });
  assert.deepEqual(state.summary.bySeverity, { high: 1, low: 1 });
});

test("A worsened issue is counted by its new severity.", () => {
  const before = after(
    snapshot([issue("a", { severity: "low" })], {
      summary: { total: 1, byState: { open: { count: 1, meanSeverity: 2 } }, bySeverity: { low: 1 } },
    }),
  );
  const state = apply(before, transition("a", "open", "open", { severity: "critical" }));
  assert.deepEqual(state.summary.byState["open"], { count: 1, meanSeverity: 5 });
  assert.deepEqual(state.summary.bySeverity, { low: 0, critical: 1 });
});

test("What the reader asked for shows at once and gives way to what happened.", () => {
  const wished = after(snapshot([issue("a")]), { type: "panel:wished", data: { issueId: "a", to: "acknowledged" } });
  const known = wished.issues.get("a");
  assert.ok(known);
  assert.equal(standing(wished, known), "acknowledged");
  assert.equal(tally(wished).state.get("acknowledged"), 1);
  const happened = apply(wished, transition("a", "open", "resolved"));
  assert.equal(standing(happened, /** @type {any} */ (happened.issues.get("a"))), "resolved");
});

test("A refused wish is taken back with the reason.", () => {
  const notice = { id: 1, tone: "bad", text: "Not done: somebody was faster.", undo: null };
  const state = after(
    snapshot([issue("a")]),
    { type: "panel:wished", data: { issueId: "a", to: "acknowledged" } },
    { type: "panel:refused", data: { issueId: "a", notice } },
  );
  assert.equal(state.wished.size, 0);
  assert.equal(state.notice?.text, notice.text);
  assert.ok(state.stale.has("a"));
});

test("A body that was read before a later message does not undo it.", () => {
  const state = after(snapshot([issue("a")]), transition("a", "open", "resolved"), {
    type: "panel:issues",
    data: { items: [issue("a", { hint: "free some space" })] },
  });
  assert.equal(state.issues.get("a")?.state, "resolved");
  assert.equal(state.issues.get("a")?.hint, "free some space");
});

test("A new reading of the unresolved drops what is gone, and keeps what came meanwhile.", () => {
  const state = after(
    snapshot([issue("a"), issue("b"), issue("r", { state: "resolved" })]),
    transition("c", null, "open"),
    {
      type: "panel:unresolved",
      data: { items: [issue("b", { count: 7 })], askedAtMs: NOW },
    },
  );
  assert.deepEqual([...state.issues.keys()].sort(), ["b", "c", "r"]);
  assert.equal(state.issues.get("b")?.count, 7);
});

test("A snapshot after a gap replaces all that was known.", () => {
  const state = after(
    snapshot([issue("a")]),
    START,
    { type: "panel:wished", data: { issueId: "a", to: "muted" } },
    snapshot([issue("b")]),
  );
  assert.deepEqual([...state.issues.keys()], ["b"]);
  assert.equal(state.running.size, 0);
  assert.equal(state.wished.size, 0);
});

test("Health moves with its history.", () => {
  const state = after(snapshot([]), {
    type: "health",
    timestamp: NOW,
    data: { score: 40, at: "2026-11-22T12:00:00Z", targets: [] },
  });
  assert.equal(state.health.score, 40);
  assert.deepEqual(state.health.history, [{ at: "2026-11-22T12:00:00Z", score: 40 }]);
});

test("A changed row stands out for a while.", () => {
  const changed = after(snapshot([issue("a")]), transition("a", "open", "acknowledged"));
  assert.ok(changed.fresh.has("a"));
  assert.ok(!apply(changed, { type: "panel:tick", data: NOW + FRESH_MS }).fresh.has("a"));
});

test("An unknown message changes nothing but the time of knowing.", () => {
  const state = after(snapshot([]));
  const next = apply(state, { type: "from-the-future", timestamp: NOW + 5, data: {} });
  assert.deepEqual({ ...next, asOfMs: NOW }, state);
  assert.equal(apply(state, { type: "panel:unknown" }), state);
});

test("The state is never changed in place.", () => {
  const state = after(snapshot([issue("a")]));
  const copy = structuredClone(state);
  for (const event of [START, PROGRESS, RESULT, transition("a", "open", "resolved"), snapshot([])]) apply(state, event);
  assert.deepEqual(state, copy);
});

test("The reader sees active issues first, worst first, and narrows them by state, severity, type and words.", () => {
  const issues = [
    issue("low", { severity: "low" }),
    issue("worst", { severity: "critical", type: "availability" }),
    issue("muted", { state: "muted" }),
    issue("done", { state: "resolved" }),
    issue("mine", { state: "in_progress", claimedBy: "ada" }),
  ];
  const state = after(snapshot(issues));
  const seen = (/** @type {object} */ choice) =>
    chosenIssues(apply(state, { type: "panel:chose", data: choice })).map(({ issueId }) => issueId);
  assert.deepEqual(seen({}), ["worst", "mine", "low"]);
  assert.deepEqual(seen({ state: "muted" }), ["muted"]);
  assert.equal(seen({ state: "all" }).length, 5);
  assert.deepEqual(seen({ severity: "high" }), ["worst", "mine"]);
  assert.deepEqual(seen({ type: "availability" }), ["worst"]);
  assert.deepEqual(seen({ text: "ADA mount" }), ["mine"]);
});

test("Counts come from the server's summary, so that they are right beyond what was read.", () => {
  const byState = {
    open: { count: 900, meanSeverity: 3 },
    muted: { count: 2, meanSeverity: 3 },
    resolved: { count: 5, meanSeverity: 1 },
  };
  const counts = tally(after(snapshot([issue("a")], { summary: { total: 907, byState, bySeverity: {} } }))).state;
  assert.deepEqual(
    ["active", "open", "muted", "all"].map((name) => counts.get(name)),
    [900, 900, 2, 907],
  );
});

test("Who may not act is told why.", () => {
  const viewer = apply(after(snapshot([])), { type: "connected", data: { role: "viewer" }, timestamp: NOW });
  assert.match(whyNotAct(viewer), /role operator/);
  assert.match(whyNotAct(initial(NOW)), /connection/);
  assert.equal(whyNotAct(after(snapshot([]))), "");
});

/**
 * @param {string | null} role
 * @param {boolean | null} narrowed
 */
function reader(role, narrowed = false) {
  return apply(after(snapshot([])), { type: "panel:caller", data: { role, narrowed } });
}

test("Viewers watch, analysts read, operators act; a narrowed token only watches, whatever its role.", () => {
  const rights = (/** @type {State} */ state) => [mayRead(state), whyWatching(state) === ""];
  assert.deepEqual(rights(reader("viewer")), [false, false]);
  assert.deepEqual(rights(reader("analyst")), [true, false]);
  assert.deepEqual(rights(reader("operator")), [true, true]);
  assert.deepEqual(rights(reader("admin")), [true, true]);
  assert.deepEqual(rights(reader("operator", true)), [false, false]);
  assert.match(whyNotRead(reader("viewer"), "Past issues"), /Past issues take the role analyst/);
  assert.equal(whyNotRead(reader("analyst"), "Past issues"), "");
});

test("Nothing is claimed about a reader before the server said who it is.", () => {
  for (const state of [reader(null, null), initial(NOW)])
    assert.deepEqual(
      [isUnknown(state), mayRead(state), whyWatching(state), whyNotRead(state, "Past issues")],
      [true, false, "", ""],
    );
  assert.ok(isUnknown(reader("operator", null)), "a token may be narrowed, and rooms do not say so");
  assert.ok(!isUnknown(reader("viewer", null)));
});

test("Another role is another reader; the same one is still who it was.", () => {
  const operator = reader("operator");
  const again = apply(operator, { type: "connected", data: { role: "operator" }, timestamp: NOW });
  assert.equal(again.narrowed, false);
  assert.equal(apply(again, { type: "connected", data: { role: "viewer" }, timestamp: NOW }).narrowed, null);
});

test("What a message carries of an issue's body is shown at once, and what it does not carry stays.", () => {
  const state = after(
    snapshot([issue("a", { hint: "free some space", claimedBy: null })]),
    transition("a", "open", "in_progress", { claimedBy: "ada", count: 3 }),
    transition("b", null, "open", { subject: "http:shop" }),
  );
  const { claimedBy, count, hint } = /** @type {any} */ (state.issues.get("a"));
  assert.deepEqual([claimedBy, count, hint], ["ada", 3, "free some space"]);
  assert.equal(state.issues.get("b")?.subject, "http:shop");
});

test("The room as of now corrects counts and drops what is gone; what was read, wished and resolved stays.", () => {
  const before = after(
    snapshot([issue("a", { history: [] }), issue("b")]),
    transition("r", null, "open"),
    transition("r", "open", "resolved"),
    { type: "panel:wished", data: { issueId: "a", to: "muted" } },
  );
  const fields = { health: { score: 70, at: null, targets: [], history: [] }, schedules: [{ name: "hourly" }] };
  const now = snapshot([issue("a", { count: 2 })], fields);
  const state = apply(before, { ...now, type: "refreshed", data: { ...now.data, whole: true } });
  assert.deepEqual([...state.issues.keys()].sort(), ["a", "r"]);
  assert.deepEqual([state.issues.get("a")?.count, state.issues.get("a")?.history], [2, []]);
  assert.equal(state.wished.get("a"), "muted");
  assert.deepEqual([state.health.score, state.schedules[0]?.name], [70, "hourly"]);
  const partly = apply(before, { ...now, type: "refreshed", data: { ...now.data, whole: false } });
  assert.deepEqual([...partly.issues.keys()].sort(), ["a", "b", "r"]);
});

test("One scan of a scope at a time can be asked for.", () => {
  const running = after(snapshot([]), START);
  assert.match(whyNotScan(running, "full"), /running/);
  assert.equal(whyNotScan(running, "incremental"), "");
  const asked = after(snapshot([]), { type: "panel:scan-asked", data: "full" });
  assert.match(whyNotScan(asked, "full"), /about to start/);
  assert.equal(whyNotScan(apply(apply(asked, START), RESULT), "full"), "");
});

test("A change among a thousand issues leaves the others as they are, so that their rows are not drawn again.", () => {
  const issues = Array.from({ length: 1000 }, (_, place) => issue(`i${place}`));
  const before = after(snapshot(issues));
  const state = apply(before, transition("i7", "open", "acknowledged"));
  const changed = [...state.issues.keys()].filter((name) => state.issues.get(name) !== before.issues.get(name));
  assert.deepEqual(changed, ["i7"]);
});
