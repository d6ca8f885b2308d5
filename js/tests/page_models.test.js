import assert from "node:assert/strict";
import { test } from "node:test";
import { PlainModel, PlainModels } from "../../vibeworkbench/panels/page_models.js";
import { referred, stateOf } from "../../vibeworkbench/panels/page_state.js";

/**
 * @param {PlainModel} model
 * @param {string} names
 */
function heardBy(model, names) {
  /** @type {unknown[]} */
  const heard = [];
  const act = (/** @type {unknown} */ _model, /** @type {unknown} */ value) => void heard.push(value);
  model.on(names, act);
  return { heard, act };
}

test("Listeners hear of values that change, by name and in all.", () => {
  const model = new PlainModel({ value: 1, title: "a" });
  const value = heardBy(model, "change:value change:title");
  const all = heardBy(model, "change");
  model.set("value", 2);
  model.set({ value: 2, title: "b" });
  model.set("value", 2);
  assert.deepEqual(value.heard, [2, "b"]);
  assert.equal(all.heard.length, 2);
  assert.equal(model.get("value"), 2);
});

test("A listener hears of a change when all values have changed.", () => {
  const model = new PlainModel({ from: 0, to: 1 });
  /** @type {number[][]} */
  const seen = [];
  model.on("change:from", () => void seen.push([model.get("from"), model.get("to")]));
  model.set({ from: 5, to: 6 });
  assert.deepEqual(seen, [[5, 6]]);
});

test("Listeners leave by name, by function, by context, or all together.", () => {
  const model = new PlainModel({});
  const context = {};
  const one = heardBy(model, "change:a");
  const other = heardBy(model, "change:a");
  const mine = heardBy(model, "change:b");
  model.on("change:a", one.act, context);
  model.off(null, null, context);
  model.off("change:a", one.act);
  model.set({ a: 1, b: 1 });
  assert.deepEqual([one.heard, other.heard, mine.heard], [[], [1], [1]]);
  model.off("change:a", null);
  model.set({ a: 2, b: 2 });
  assert.deepEqual([other.heard, mine.heard], [[1], [1, 2]]);
  model.off(null, null);
  model.set({ b: 3 });
  assert.deepEqual(mine.heard, [1, 2]);
});

test("A listener that leaves while it is told disturbs nobody.", () => {
  const model = new PlainModel({ a: 0 });
  const once = () => model.off("change:a", once);
  model.on("change:a", once);
  const other = heardBy(model, "change:a");
  model.set("a", 1);
  assert.deepEqual(other.heard, [1]);
});

test("Binary parts of a state are back in their places, and the page's own copy stays as it is.", () => {
  const kept = { name: "", module: "", state: { raw: null, deep: [{}] } };
  const buffers = [
    { path: ["raw"], data: "AAH/" },
    { path: ["deep", 0, "part"], data: "" },
  ];
  const state = stateOf({ ...kept, buffers });
  assert.deepEqual([...new Uint8Array(state["raw"].buffer)], [0, 1, 255]);
  assert.equal(state["deep"][0].part.byteLength, 0);
  assert.equal(kept.state.raw, null);
});

test("References to widgets are Jupyter's and anywidget's, and nothing else.", () => {
  assert.deepEqual(["IPY_MODEL_a", "anywidget:b", "c", 4, null].map(referred), ["a", "b", null, null, null]);
});

test("A widget is handed its layout as a model, like anywhere in Jupyter.", async () => {
  const models = new PlainModels({
    a: { name: "AnyModel", module: "anywidget", state: { layout: "IPY_MODEL_b", other: "IPY_MODEL_b" } },
    b: { name: "LayoutModel", module: "@jupyter-widgets/base", state: { width: "50%" } },
  });
  const widget = await models.get_model("a");
  assert.equal(widget.get("layout").get("width"), "50%");
  assert.equal(widget.get("other"), "IPY_MODEL_b");
  await assert.rejects(models.get_model("c"), /no widget c/);
});
