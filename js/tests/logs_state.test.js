import assert from "node:assert/strict";
import { test } from "node:test";
import { choiceFrom, isOpen, judgeOf, queryOf, termsOf, EVERYTHING } from "../../vibeworkbench/panels/logs_choice.js";
import {
  ROWS_KEPT,
  WAITING_KEPT,
  apply,
  initial,
  isLive,
  isSkipped,
  olderThan,
} from "../../vibeworkbench/panels/logs_state.js";

/** @typedef {import("../../vibeworkbench/panels/logs_state.js").State} State */

const NOW = Date.parse("2026-11-28T12:00:00Z");

/**
 * @param {number} number
 * @param {object} [fields]
 * @returns {any}
 */
function line(number, fields = {}) {
  const at = new Date(NOW + 1_000 * number).toISOString();
  const plain = { lineId: String(number), receivedAt: at, timestamp: at, kind: "worker", source: "fetcher" };
  return { ...plain, instance: "", stream: "", level: "info", message: `line ${number}`, templateId: "t1", ...fields };
}

/** @param {number} from @param {number} to Oldest first. */
const lines = (from, to) => Array.from({ length: to - from + 1 }, (_, place) => line(from + place));

/** @param {...{type: string, data?: any}} events */
function after(...events) {
  const connection = { quality: "good", transport: "socket", rttMs: 3, retryAtMs: null, reason: "", code: null };
  const joined = [
    { type: "panel:connection", data: connection },
    { type: "connected", data: { role: "analyst" } },
    { type: "panel:asked", data: { more: false } },
  ];
  return [...joined, ...events].reduce(apply, initial(NOW));
}

/** @param {number} from @param {number} to */
const said = (from, to, skipped = 0) => ({ type: "lines", data: { lines: lines(from, to), skipped } });
/** @param {any[]} items @param {object} [fields] */
const page = (items, fields = {}) => ({
  type: "panel:page",
  data: { asked: 1, more: false, items, nextCursor: null, ...fields },
});
/** @param {State} state */
const ids = (state) => state.rows.map(({ lineId }) => lineId);

test("Lines that come stand above those that were there, newest first, and each once.", () => {
  const state = after(page([line(2), line(1)]), said(2, 4));
  assert.deepEqual(ids(state), ["4", "3", "2", "1"]);
  assert.ok(isLive(state));
});

test("What the server skipped is said at its place.", () => {
  const state = after(page([line(1)]), said(2, 2, 40));
  assert.deepEqual(
    state.rows.map((row) => (isSkipped(row) ? `${row.skipped} by ${row.why}` : row.lineId)),
    ["2", "40 by server", "1"],
  );
});

test("While the reader holds the list what comes is counted, and shown on resume.", () => {
  const held = after(page([line(1)]), { type: "panel:held", data: true }, said(2, 3), said(4, 4, 5));
  assert.deepEqual([ids(held), held.waitingCount], [["1"], 8]);
  const resumed = apply(held, { type: "panel:held", data: false });
  assert.deepEqual(
    ids(resumed).filter((id) => !id.startsWith("skipped")),
    ["4", "3", "2", "1"],
  );
  assert.deepEqual([resumed.waitingCount, resumed.held], [0, false]);
});

test("A long pause keeps so many lines and no more, and says how many are left out.", () => {
  let state = after(page([line(0)]), { type: "panel:held", data: true });
  for (let round = 0; round < 20; round += 1) state = apply(state, said(1 + 100 * round, 100 + 100 * round));
  assert.deepEqual([state.waiting.length, state.waitingCount], [WAITING_KEPT, 2_000]);
  const { rows } = apply(state, { type: "panel:held", data: false });
  const left = rows.find(isSkipped);
  assert.deepEqual([left && isSkipped(left) && left.skipped, rows.length], [1_500, WAITING_KEPT + 2]);
});

test("Who has gone down the list is not moved; at the top again what came is shown.", () => {
  const down = after(page([line(1)]), { type: "panel:scrolled", data: true }, said(2, 2));
  assert.deepEqual([ids(down), down.waitingCount], [["1"], 1]);
  assert.deepEqual(ids(apply(down, { type: "panel:scrolled", data: false })), ["2", "1"]);
  const both = [
    { type: "panel:held", data: true },
    { type: "panel:scrolled", data: false },
  ].reduce(apply, down);
  assert.deepEqual([ids(both), both.waitingCount], [["1"], 1]);
});

test("Memory is bounded at both ends, and older lines are found again.", () => {
  let state = after(page([line(0)], { nextCursor: "c" }));
  for (let round = 0; round < 30; round += 1) state = apply(state, said(1 + 100 * round, 100 + 100 * round));
  assert.equal(state.rows.length, ROWS_KEPT);
  assert.equal(state.nextCursor, null);
  assert.equal(olderThan(state), new Date(NOW + 1_000 * 1_001 + 1).toISOString());

  const full = after(page(lines(0, ROWS_KEPT - 1).reverse(), { nextCursor: "c" }));
  const further = apply(full, page([line(-1), line(-2)], { more: true }));
  assert.equal(further.rows.length, ROWS_KEPT);
  assert.deepEqual([further.rows.at(-1)?.lineId, further.trimmed, isLive(further)], ["-2", true, false]);
});

test("An answer to an earlier question changes nothing.", () => {
  const state = after(page([line(1)]), { type: "panel:asked", data: { more: false } });
  assert.equal(apply(state, page([line(9)])), state);
  assert.equal(apply(state, { type: "panel:failed", data: { asked: 1, message: "late" } }), state);
});

test("After the connection was away the newest lines join those that were there, or take their place.", () => {
  const state = after(page([line(2), line(1)]));
  const caught = (/** @type {any[]} */ items) =>
    apply(state, { type: "panel:caught-up", data: { asked: 1, items, nextCursor: "n" } });
  assert.deepEqual(ids(caught([line(4), line(3), line(2)])), ["4", "3", "2", "1"]);
  assert.deepEqual(ids(caught([line(9), line(8)])), ["9", "8"]);
});

test("Only what was asked for comes in live.", () => {
  const asked = { level: "warning", source: "worker:fetcher", text: 'reset "by peer"', template: "t1" };
  const fits = judgeOf({ ...EVERYTHING, ...asked });
  const good = line(1, { level: "error", message: "Connection RESET by peer" });
  assert.ok(fits(good));
  for (const wrong of [{ level: "info" }, { source: "other" }, { message: "reset peer by" }, { templateId: "t2" }])
    assert.ok(!fits({ ...good, ...wrong }), JSON.stringify(wrong));
});

test("A time range that has ended takes in nothing new.", () => {
  const state = after({ type: "panel:chose", data: { to: "2026-11-28T11:00:00Z" } }, said(1, 1));
  assert.ok(!isOpen(state.choice));
  assert.deepEqual([ids(state), state.waitingCount], [[], 0]);
});

test("A choice becomes a query of REST, and an address becomes a choice.", () => {
  const choice = { ...EVERYTHING, text: " a b ", source: "files:app:one", lastS: 60 };
  assert.deepEqual(queryOf(choice, NOW), {
    text: "a b",
    kind: "files",
    source: "app:one",
    from: "2026-11-28T11:59:00.000Z",
  });
  assert.deepEqual(choiceFrom("?template=t1&level=error&else=1"), { template: "t1", level: "error" });
  assert.deepEqual(termsOf('one "two three" four'), ["one", "two three", "four"]);
});

test("A template that is open is told more about, and no other one.", () => {
  const open = after({ type: "panel:template", data: { templateId: "t1", text: "a" } });
  const read = apply(open, { type: "panel:template-read", data: { templateId: "t1", explanation: { masks: 1 } } });
  assert.deepEqual(read.template?.explanation, { masks: 1 });
  assert.equal(apply(open, { type: "panel:template-read", data: { templateId: "t2" } }), open);
});

test("Templates and sources say when they could not be read, and go on when they can.", () => {
  const failed = after({ type: "panel:templates-asked", data: {} }, { type: "panel:templates-failed", data: "no" });
  assert.deepEqual([failed.templates.failure, failed.templates.loading], ["no", ""]);
  const read = apply(failed, { type: "panel:templates", data: { items: [{ templateId: "a" }], nextCursor: null } });
  assert.deepEqual([read.templates.failure, read.templates.items.length], ["", 1]);
  const opened = after(
    { type: "panel:source", data: { kind: "worker", source: "a", lines: 1 } },
    { type: "panel:sources", data: [{ kind: "worker", source: "a", lines: 2 }] },
  );
  assert.equal(opened.source?.lines, 2);
});
