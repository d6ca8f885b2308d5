/** Pages whose widgets are nothing but anywidgets: their models, and the views drawn in their places. */

import { Binding, undrawn } from "./page_anywidget.js";
import { referred, stateOf } from "./page_state.js";

/**
 * @typedef {import("./page_state.js").KeptWidgets} KeptWidgets
 * @typedef {{names: string, act: (...given: any[]) => void, context: unknown}} Listener
 */

/** A model nobody else shares: values, and listeners to their changes, as far as Backbone's models are used by anywidgets. */
export class PlainModel {
  #values;
  /** @type {{name: string, act: (...given: any[]) => void, context: unknown}[]} */
  #listeners = [];

  /** @param {Record<string, any>} values */
  constructor(values) {
    this.#values = values;
  }

  /** @param {string} name */
  get(name) {
    return this.#values[name];
  }

  /**
   * The values are set; listeners to those that changed have heard of it.
   *
   * @param {string | Record<string, any>} name
   * @param {any} [value]
   */
  set(name, value) {
    const given = typeof name === "string" ? { [name]: value } : name;
    const changed = Object.entries(given).filter(([key, each]) => !Object.is(this.#values[key], each));
    for (const [key, each] of changed) this.#values[key] = each;
    for (const [key, each] of changed) this.#tell(`change:${key}`, each);
    if (changed.length > 0) this.#tell("change");
  }

  /**
   * @param {string} names One event or several with spaces between.
   * @param {(...given: any[]) => void} act
   * @param {unknown} [context]
   */
  on(names, act, context) {
    for (const name of names.split(/\s+/)) this.#listeners.push({ name, act, context });
  }

  /**
   * @param {string | null} names `null` (like the others): whichever.
   * @param {((...given: any[]) => void) | null} act
   * @param {unknown} [context]
   */
  off(names, act, context) {
    const named = names?.split(/\s+/);
    this.#listeners = this.#listeners.filter(
      (each) =>
        (named && !named.includes(each.name)) || (act && act !== each.act) || (context && context !== each.context),
    );
  }

  /**
   * @param {string} name
   * @param {any} [value]
   */
  #tell(name, value) {
    for (const each of [...this.#listeners]) if (each.name === name) each.act.call(each.context, this, value);
  }
}

/** The models of a page, by id. */
export class PlainModels {
  /** @type {Map<string, PlainModel>} */
  #models = new Map();
  /** @type {Map<string, Binding>} */
  #bindings = new Map();
  #kept;

  /** @param {KeptWidgets} kept */
  constructor(kept) {
    this.#kept = kept;
    for (const [id, widget] of Object.entries(kept)) this.#models.set(id, new PlainModel(stateOf(widget)));
    for (const model of this.#models.values()) {
      const layout = this.#models.get(referred(model.get("layout")) ?? "");
      if (layout) model.set("layout", layout); // Jupyter's widgets hand it out as a model, too.
    }
  }

  /** @param {string} id */
  async get_model(id) {
    const model = this.#models.get(id);
    if (!model) throw new Error(`this page has no widget ${id}`);
    return model;
  }

  /**
   * A view of the model is drawn in `el`; what goes wrong is said there.
   *
   * @param {HTMLElement} el
   * @param {string} id
   */
  async draw(el, id) {
    try {
      laidOut(el, (await this.get_model(id)).get("layout"));
      await (await this.#binding(id)).draw(el, new AbortController().signal);
    } catch (error) {
      undrawn(el, error);
    }
  }

  /**
   * @param {string} id
   * @returns {Promise<Binding>}
   */
  async #binding(id) {
    const model = await this.get_model(id);
    const known = this.#bindings.get(id);
    if (known) return known;
    const { esm, css } = this.#kept[id] ?? {};
    const binding = new Binding(model, { esm, css }, this, (other) => this.#binding(other));
    this.#bindings.set(id, binding);
    return binding;
  }
}

/**
 * The element has the layout's CSS properties.
 *
 * @param {HTMLElement} el
 * @param {unknown} layout
 */
function laidOut(el, layout) {
  if (!(layout instanceof PlainModel)) return;
  for (const name of LAYOUT) {
    const value = layout.get(name);
    if (typeof value === "string") el.style.setProperty(name.replaceAll("_", "-"), value);
  }
}

/** Source: ipywidgets 8.1, `Layout`. */
const LAYOUT = (
  "align_content align_items align_self border_top border_right border_bottom border_left bottom display flex flex_flow " +
  "grid_area grid_auto_columns grid_auto_flow grid_auto_rows grid_column grid_gap grid_row grid_template_areas " +
  "grid_template_columns grid_template_rows height justify_content justify_items left margin max_height max_width " +
  "min_height min_width object_fit object_position order overflow padding right top visibility width"
).split(" ");
