import assert from "node:assert/strict";
import { test } from "node:test";
import { COURSE_POINTS, apply, chosen, initial, stacked } from "../../vibeworkbench/panels/containers_state.js";

const NOW = Date.parse("2026-11-28T12:00:00Z");

/** @param {string} name @param {object} [fields] @returns {any} */
const container = (name, fields = {}) => ({
  containerId: name.repeat(4),
  containerName: name,
  image: `${name}:1`,
  state: "running",
  score: 100,
  reasons: [],
  ...fields,
});

/** @param {...{type: string, data?: any}} events */
const after = (...events) => [{ type: "connected", data: { role: "viewer" } }, ...events].reduce(apply, initial(NOW));
/** @param {object} fields */
const sample = (fields) => ({
  type: "samples",
  data: { samples: [{ containerId: "shop", containerName: "shop", timestamp: NOW, ...fields }] },
});

test("A late member is told how the containers stand, and samples go on from there.", () => {
  const state = after(
    { type: "snapshot", data: { containers: [container("db")], engine: { state: "connected", reason: "" } } },
    sample({ state: "running", cpuPercent: 12, memoryBytes: 5 }),
    sample({ state: "exited", exitCode: 1 }),
  );
  assert.equal(state.engine?.state, "connected");
  const shop = state.containers.get("shop");
  assert.deepEqual([shop?.state, shop?.exitCode, shop?.latest?.cpuPercent], ["exited", 1, 12]);
  assert.deepEqual(state.courses.get("shop"), { cpu: [12], memory: [5] });
});

test("A course keeps so many points and no more, and goes on from what REST told.", () => {
  const told = { containerId: "shop", series: { cpuPercent: { mean: [1, null, 3] } } };
  let state = after({ type: "panel:courses", data: [told] });
  assert.deepEqual(state.courses.get("shop"), { cpu: [1, null, 3], memory: [] });
  for (let number = 0; number < 100; number += 1) state = apply(state, sample({ cpuPercent: number }));
  const course = state.courses.get("shop");
  assert.deepEqual([course?.cpu.length, course?.cpu.at(-1)], [COURSE_POINTS, 99]);
});

test("The worst stand first, and a search narrows them.", () => {
  const containers = [container("a"), container("b", { score: 0 }), container("c", { state: "exited" })];
  const state = after({ type: "panel:containers", data: containers });
  assert.deepEqual(
    chosen(state).map(({ containerName }) => containerName),
    ["b", "a", "c"],
  );
  const searched = apply(state, { type: "panel:text", data: "EXITED c" });
  assert.deepEqual(
    chosen(searched).map(({ containerName }) => containerName),
    ["c"],
  );
});

test("Errors of the container that is open are counted as they come, and then read again.", () => {
  const report = { containerId: "shop", timestamp: NOW, type: "E", message: "m" };
  const state = after(
    { type: "panel:selected", data: "shop" },
    { type: "errors", data: { errors: [report, { ...report, count: 3 }, { ...report, containerId: "other" }] } },
  );
  assert.deepEqual([state.errors.length, state.errors[0]?.count, state.stale], [1, 4, true]);
  const read = apply(state, { type: "panel:errors", data: { containerId: "shop", items: [] } });
  assert.deepEqual([read.errors, read.stale], [[], false]);
  assert.equal(apply(read, { type: "panel:errors", data: { containerId: "other", items: [{}] } }), read);
});

test("A report of a process changes what it tells, and nothing else.", () => {
  const state = after(
    { type: "panel:selected", data: "shop" },
    { type: "processes", data: { processes: [{ containerId: "shop", processId: "1", timestamp: NOW, name: "web" }] } },
    { type: "processes", data: { processes: [{ containerId: "shop", processId: "1", timestamp: NOW, exitCode: 2 }] } },
  );
  assert.deepEqual([state.processes.length, state.processes[0]?.name, state.processes[0]?.exitCode], [1, "web", 2]);
});

test("Another container begins with nothing of the one before.", () => {
  const state = after(
    { type: "panel:selected", data: "shop" },
    { type: "panel:errors", data: { containerId: "shop", items: [{ errorId: "e" }] } },
    { type: "panel:tab", data: "errors" },
    { type: "panel:selected", data: "db" },
  );
  assert.deepEqual([state.errors, state.tab], [[], "lines"]);
});

test("Counts by level are piled in buckets, empty ones included.", () => {
  const counts = [
    { bucketAt: "2026-11-28T10:00:00Z", level: "error", count: 2 },
    { bucketAt: "2026-11-28T11:00:00Z", level: "info", count: 5 },
  ];
  const { levels, buckets } = stacked({
    bucketS: 1800,
    from: "2026-11-28T10:00:00Z",
    to: "2026-11-28T12:00:00Z",
    counts,
  });
  assert.deepEqual(levels, ["error", "info"]);
  assert.deepEqual(buckets, [
    [2, 0],
    [0, 0],
    [0, 5],
    [0, 0],
  ]);
});
