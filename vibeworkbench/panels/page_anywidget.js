/**
 * Hosts anywidgets without a kernel: loads a widget's program, binds it to its model, draws its views and undoes them.
 *
 * The same host stands behind both kinds of pages: those with nothing but anywidgets and those with Jupyter's controls.
 *
 * Source: the anywidget front-end module specification (AFM), https://anywidget.dev/en/afm/, and anywidget 0.11.
 */

import { addressToReload } from "./credentials.js";
import { referred } from "./page_state.js";

/**
 * @typedef {object} Model What a program's model proxy stands on: ours or Backbone's.
 * @property {(name: string) => any} get
 * @property {(name: any, value?: any) => unknown} set
 * @property {(names: string, act: (...given: any[]) => void, context?: unknown) => unknown} on
 * @property {(names: string | null, act: ((...given: any[]) => void) | null, context?: unknown) => unknown} off
 *
 * @typedef {{get_model: (id: string) => Promise<any>}} Models Where models are found by id.
 * @typedef {{initialize?: (given: any) => any, render?: (given: any) => any}} Program
 */

/** What is said where a message to Python would have been needed. */
export const NEEDS_KERNEL = "This needs a kernel, and published pages have none.";

/**
 * @param {Model} model
 * @param {Models} models
 * @param {unknown} context Whose listeners `off` removes.
 * @returns What the program sees: changes stay on this page, and nobody listens to what is sent.
 */
function proxied(model, models, context) {
  return {
    get: (/** @type {string} */ name) => model.get(name),
    set: (/** @type {any} */ name, /** @type {any} */ value) => void model.set(name, value),
    on: (/** @type {string} */ names, /** @type {() => void} */ act) => void model.on(names, act, context),
    off: (/** @type {string | null} */ names, /** @type {(() => void) | null} */ act) =>
      void model.off(names ?? null, act ?? null, context),
    save_changes: () => {},
    send: () => {},
    widget_manager: { get_model: (/** @type {string} */ id) => models.get_model(id) },
  };
}

/** One model with its program. */
export class Binding {
  #model;
  #models;
  #bindingOf;
  #ending = new AbortController();
  /** @type {Promise<{program: Program, exports: unknown}>} */
  #ready;

  /**
   * @param {Model} model
   * @param {{esm: string | undefined, css: string | undefined}} files
   * @param {Models} models
   * @param {(id: string) => Promise<Binding>} bindingOf
   */
  constructor(model, files, models, bindingOf) {
    this.#model = model;
    this.#models = models;
    this.#bindingOf = bindingOf;
    this.#ready = this.#initialized(files);
    this.#ready.catch(() => {}); // Whoever draws a view hears of it.
  }

  /**
   * A view of the model is drawn in `el` until `signal` says that it is no longer wanted.
   *
   * @param {HTMLElement} el
   * @param {AbortSignal} signal
   */
  async draw(el, signal) {
    const { program } = await this.#ready;
    if (signal.aborted || !program.render) return;
    const context = {};
    const given = { ...this.#given(context), el, signal, host: this.#host(signal) };
    const undo = await program.render(given);
    const end = () => {
      this.#model.off(null, null, context);
      if (typeof undo === "function") undo();
    };
    if (signal.aborted) end();
    else signal.addEventListener("abort", end, { once: true });
  }

  /** @returns {Promise<unknown>} What the program's `initialize` offers to others. */
  async exports() {
    return (await this.#ready).exports;
  }

  /** The program's own undo has run. */
  end() {
    this.#ending.abort();
  }

  /** @param {{esm: string | undefined, css: string | undefined}} files */
  async #initialized({ esm, css }) {
    const [program] = await Promise.all([programAt(esm), styledBy(css)]);
    const context = {};
    const { signal } = this.#ending;
    const answer = await program.initialize?.({ ...this.#given(context), signal });
    signal.addEventListener("abort", () => {
      this.#model.off(null, null, context);
      if (typeof answer === "function") answer();
    });
    return { program, exports: answer !== null && typeof answer === "object" ? answer : undefined };
  }

  /** @param {object} context */
  #given(context) {
    const invoke = () => Promise.reject(new Error(NEEDS_KERNEL));
    return { model: proxied(this.#model, this.#models, context), experimental: { invoke } };
  }

  /** @param {AbortSignal} signal */
  #host(signal) {
    return {
      getModel: async (/** @type {string} */ reference) =>
        proxied(await this.#models.get_model(idOf(reference)), this.#models, {}),
      getWidget: async (/** @type {string} */ reference) => {
        const binding = await this.#bindingOf(idOf(reference));
        return {
          exports: await binding.exports(),
          render: (/** @type {{el: HTMLElement, signal?: AbortSignal}} */ view) =>
            binding.draw(view.el, view.signal ?? signal),
        };
      },
    };
  }
}

/** @param {string} reference */
function idOf(reference) {
  const id = referred(reference);
  if (id === null) throw new TypeError(`${JSON.stringify(reference)} refers to no widget`);
  return id;
}

/**
 * @param {string} path Relative to the page.
 * @returns {string} Where the browser gets it. The page's own files are for its readers only: a reader for whom a token
 *   vouches shows it in the address, since neither an import nor an element sends a header. Static files are for all.
 */
export function addressOf(path) {
  const url = new URL(path, document.baseURI);
  return path.startsWith("../") ? url.href : addressToReload(url);
}

/** @type {Map<string, Promise<Program>>} */
const programs = new Map();

/**
 * @param {string | undefined} esm Relative to the page.
 * @returns {Promise<Program>} Loaded once, made anew for each model when it is a factory.
 */
async function programAt(esm) {
  if (esm === undefined) throw new Error("The widget has no program that this page could load.");
  const url = addressOf(esm);
  const loaded = programs.get(url) ?? import(url);
  programs.set(url, loaded);
  const found = await loaded;
  if (typeof found.default === "function") return found.default();
  return found.default ?? found;
}

/** @type {Map<string, Promise<void>>} */
const styleSheets = new Map();

/**
 * @param {string | undefined} css Relative to the page.
 * @returns {Promise<void>} Once it applies, or could not be had: then the widget is drawn without it.
 */
function styledBy(css) {
  if (css === undefined) return Promise.resolve();
  const known = styleSheets.get(css);
  if (known) return known;
  /** @type {Promise<void>} */
  const applied = new Promise((resolve) => {
    const link = Object.assign(document.createElement("link"), { rel: "stylesheet", href: addressOf(css) });
    link.addEventListener("load", () => resolve());
    link.addEventListener("error", () => resolve());
    document.head.append(link);
  });
  styleSheets.set(css, applied);
  return applied;
}

/**
 * Says in place of a widget that it could not be drawn; why stands in the console.
 *
 * @param {HTMLElement} el
 * @param {unknown} error
 */
export function undrawn(el, error) {
  console.error(error);
  const said = document.createElement("p");
  said.className = "vw-left-out";
  said.textContent = "This part of the page could not be drawn.";
  el.replaceChildren(said);
}
