/**
 * Jupyter's own controls on a page without a kernel: boxes, sliders, tabs, links, outputs, and anywidgets among them.
 *
 * Loaded by the pages that show such controls, and by no others.
 */

import * as base from "@jupyter-widgets/base";
import * as controls from "@jupyter-widgets/controls";
import { Widget } from "@lumino/widgets";
import { Binding, undrawn } from "./page_anywidget.js";
import { inlineMarkup } from "./page_markup.js";
import { stateOf } from "./page_state.js";

/**
 * @typedef {import("./page_state.js").KeptWidgets} KeptWidgets
 * @typedef {(root: ParentNode) => void} DrawFigures
 */

/** The models of a page, by id: what Jupyter's widgets call their manager. */
export class Models {
  #kept;
  #drawFigures;
  /** @type {Map<string, Promise<base.WidgetModel>>} */
  #models = new Map();
  /** @type {Map<string, Binding>} */
  #bindings = new Map();

  /**
   * @param {KeptWidgets} kept
   * @param {DrawFigures} drawFigures
   */
  constructor(kept, drawFigures) {
    this.#kept = kept;
    this.#drawFigures = drawFigures;
    // Links are drawn nowhere; they work as soon as they are made, like everything else.
    for (const id of Object.keys(kept)) this.get_model(id).catch((error) => console.error(error));
  }

  /**
   * A view of the model is drawn in `el`; what goes wrong is said there.
   *
   * @param {HTMLElement} el
   * @param {string} id
   */
  async draw(el, id) {
    try {
      const view = await this.create_view(await this.get_model(id));
      el.replaceChildren();
      Widget.attach(view.luminoWidget, el);
    } catch (error) {
      undrawn(el, error);
    }
  }

  /**
   * The outputs of an Output widget, rendered with the page, are put into `el`.
   *
   * @param {HTMLElement} el
   * @param {string} id
   */
  drawOutputs(el, id) {
    const rendered = document.querySelector(`template[data-vw-output="${CSS.escape(id)}"]`);
    if (!(rendered instanceof HTMLTemplateElement)) return;
    el.replaceChildren(rendered.content.cloneNode(true));
    this.#drawFigures(el);
    for (const inner of /** @type {NodeListOf<HTMLElement>} */ (el.querySelectorAll("[data-vw-model]")))
      void this.draw(inner, inner.dataset["vwModel"] ?? "");
  }

  /**
   * @param {string} id
   * @returns {Promise<Binding>} An anywidget with its program.
   */
  async binding(id) {
    const model = await this.get_model(id);
    const known = this.#bindings.get(id);
    if (known) return known;
    const { esm, css } = this.#kept[id] ?? {};
    const binding = new Binding(model, { esm, css }, this, (other) => this.binding(other));
    this.#bindings.set(id, binding);
    return binding;
  }

  // --- What Jupyter's widgets ask of their manager (base.IWidgetManager) ---

  /**
   * @param {string} id
   * @returns {Promise<any>}
   */
  get_model(id) {
    const known = this.#models.get(id);
    if (known) return known;
    const made = this.#made(id);
    this.#models.set(id, made);
    return made;
  }

  /** @param {string} id */
  has_model(id) {
    return id in this.#kept;
  }

  /**
   * @param {base.WidgetModel} model
   * @param {unknown} [options]
   * @returns {Promise<any>}
   */
  create_view(model, options = {}) {
    const made = model.state_change.then(async () => {
      const View = viewClass(model);
      const view = new View({ model, options });
      view.listenTo(model, "destroy", view.remove);
      await view.render();
      return view;
    });
    model.state_change = made.then(
      () => {},
      () => {},
    );
    return made;
  }

  /** Nobody answers a message. */
  callbacks() {
    return {};
  }

  /** @param {string} url */
  async resolveUrl(url) {
    return url;
  }

  /** @param {string} source */
  inline_sanitize(source) {
    return inlineMarkup(source);
  }

  /** @returns {Promise<never>} */
  async new_widget() {
    throw new Error("a page without a kernel has no widgets but its own");
  }

  /** @param {string} id */
  async #made(id) {
    const kept = this.#kept[id];
    if (!kept) throw new Error(`this page has no widget ${id}`);
    await undefined; // Models refer to each other: all of them are registered before one of them is made.
    const Model = modelClass(kept);
    /** @type {any} */
    const manager = this;
    const attributes = await Model._deserialize_state(stateOf(kept), manager);
    const model = new Model(attributes, { widget_manager: manager, model_id: id });
    model.name = kept.name;
    model.module = kept.module;
    return model;
  }
}

/** A model whose views our own code draws. */
class DrawnModel extends base.DOMWidgetModel {}

/** An anywidget in the company of Jupyter's controls. */
class AnyView extends base.DOMWidgetView {
  #ending = new AbortController();

  render() {
    const { signal } = this.#ending;
    const { widget_manager: models, model_id: id } = this.model;
    // Its neighbours do not wait for its program.
    void (
      /** @type {any} */ (models)
        .binding(id)
        .then((/** @type {Binding} */ binding) => binding.draw(this.el, signal))
        .catch((/** @type {unknown} */ error) => undrawn(this.el, error))
    );
  }

  remove() {
    this.#ending.abort();
    return super.remove();
  }
}

/** What an Output widget had captured when the page was rendered. */
class OutputView extends base.DOMWidgetView {
  render() {
    this.el.classList.add("jp-OutputArea", "jp-Cell-outputArea");
    /** @type {any} */ (this.model.widget_manager).drawOutputs(this.el, this.model.model_id);
  }
}

/** A widget of a package that this page does not have. */
class ForeignView extends base.DOMWidgetView {
  render() {
    const { module } = /** @type {{module: string}} */ (/** @type {unknown} */ (this.model));
    this.el.classList.add("vw-left-out");
    this.el.textContent = `Widgets of ${module} cannot be shown on a page without a kernel.`;
  }
}

/** @type {Record<string, Record<string, any>>} */
const PACKAGES = {
  "@jupyter-widgets/base": base,
  "@jupyter-widgets/controls": controls,
};
/** @type {Record<string, typeof base.DOMWidgetView>} */
const DRAWN = { anywidget: AnyView, "@jupyter-widgets/output": OutputView };

/**
 * @param {import("./page_state.js").KeptWidget} kept
 * @returns {any}
 */
function modelClass({ module, name }) {
  return PACKAGES[module]?.[name] ?? DrawnModel;
}

/**
 * @param {base.WidgetModel} model
 * @returns {any}
 */
function viewClass(model) {
  const module = model.get("_view_module");
  return PACKAGES[module]?.[model.get("_view_name")] ?? DRAWN[module] ?? ForeignView;
}
