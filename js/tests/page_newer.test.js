import assert from "node:assert/strict";
import { test } from "node:test";
import { AGAIN_MS, Newer, SPREAD_MS } from "../../vibeworkbench/panels/page_newer.js";

const SHOWN = "2026-11-23T02:00:00.000001+00:00";
const NEWER = "2026-11-23T03:00:00Z";
const NEWEST = "2026-11-23T04:00:00Z";

/** A reader before a page, whose time and browser the test plays. */
class Reader {
  busy = false;
  good = true;
  tried = 0;
  /** @type {string[]} */
  seen = [];
  /** @type {{act: () => void, delayMs: number}[]} */
  waiting = [];

  /** @param {string | null} shownAt */
  constructor(shownAt = SHOWN) {
    this.newer = new Newer(Date.parse(shownAt ?? "") || 0, {
      good: async () => this.good,
      busy: () => this.busy,
      offer: () => void this.seen.push("offer"),
      reload: () => void this.seen.push("reload"),
      later: (act, delayMs) => void this.waiting.push({ act, delayMs }),
      random: () => 0.5,
      tried: () => this.tried,
      trying: (atMs) => void (this.tried = atMs),
    });
  }

  /** Time goes on until nothing waits. */
  async pass() {
    for (const { act } of this.waiting.splice(0)) await act();
  }
}

test("A newer page is shown by itself, not by all readers at once.", async () => {
  const reader = new Reader();
  reader.newer.heard(NEWER);
  assert.deepEqual(reader.seen, []);
  assert.equal(reader.waiting[0]?.delayMs, SPREAD_MS / 2);
  await reader.pass();
  assert.deepEqual(reader.seen, ["reload"]);
  assert.equal(reader.tried, Date.parse(NEWER));
});

test("The page that is shown, an older one and none are no news.", async () => {
  const reader = new Reader();
  for (const at of [SHOWN, "2026-11-22T00:00:00Z", null, undefined, "never"]) reader.newer.heard(at);
  assert.deepEqual(reader.waiting, []);
  assert.equal(reader.newer.waits, false);
});

test("Whoever waits for a first page gets it.", async () => {
  const reader = new Reader(null);
  reader.newer.heard(SHOWN);
  await reader.pass();
  assert.deepEqual(reader.seen, ["reload"]);
});

test("A reader who is in the middle of something is asked, and not interrupted until he has finished.", async () => {
  const reader = new Reader();
  reader.busy = true;
  reader.newer.heard(NEWER);
  await reader.pass();
  assert.deepEqual(reader.seen, ["offer"]);
  reader.busy = false;
  await reader.newer.proceed();
  assert.deepEqual(reader.seen, ["offer", "reload"]);
});

test("A page that cannot be had is asked for again later.", async () => {
  const reader = new Reader();
  reader.good = false;
  reader.newer.heard(NEWER);
  await reader.pass();
  assert.deepEqual(reader.seen, []);
  assert.deepEqual(
    reader.waiting.map(({ delayMs }) => delayMs),
    [AGAIN_MS],
  );
  reader.good = true;
  await reader.pass();
  assert.deepEqual(reader.seen, ["reload"]);
});

test("A page that comes back old after a reload is not loaded again and again.", async () => {
  const reader = new Reader();
  reader.tried = Date.parse(NEWER);
  reader.newer.heard(NEWER);
  await reader.newer.proceed();
  await reader.pass();
  assert.deepEqual(reader.seen, ["offer"]);
  reader.newer.heard(NEWEST);
  await reader.pass();
  assert.deepEqual(reader.seen, ["offer", "reload"]);
});
