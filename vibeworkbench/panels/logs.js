/**
 * The logs panel, an anywidget: search, live lines, templates, sources, and how a line was understood.
 *
 *     REST, room → apply(state, event) → one frame later: draw → search, buttons → REST
 */

import { html, nothing } from "lit-html";
import { explainView } from "./logs_explain.js";
import { lineView } from "./logs_lines.js";
import { record } from "./logs_record.js";
import { searchBar } from "./logs_search.js";
import { LogsSource } from "./logs_source.js";
import { sourceDetails, sourceView } from "./logs_sources.js";
import { templateDetails, templateView } from "./logs_templates.js";
import { choiceFrom } from "./logs_choice.js";
import { connected, connectionNote, watching } from "./panel_connection.js";
import { loginUrlOf, mount } from "./panel_frame.js";
import { whyNotRead } from "./rights.js";
import { serverOf } from "./server_address.js";
import { grouped } from "./words.js";
import panelCss from "./panel.css";
import frameCss from "./panel_frame.css";
import controlsCss from "./panel_controls.css";
import linesCss from "./log_lines.css";
import logsCss from "./logs.css";

/**
 * @typedef {import("./logs_state.js").State} State
 * @typedef {import("./logs_choice.js").Choice} Choice
 * @typedef {object} LineActs What a reader can do with lines.
 * @property {(choice: Partial<Choice>, typed?: boolean) => void} choose
 * @property {() => void} again The last question is asked again.
 * @property {() => void} more
 * @property {(held: boolean) => void} hold
 * @property {(scrolled: boolean) => void} scroll
 * @property {() => void} top The newest lines are shown.
 * @property {(line: import("./logs_state.js").LogLine | null) => void} select
 * @property {(choice: Partial<Choice>) => void} [lines] Shows the lines of a choice.
 * @property {(line: string, source: string) => void} [explain]
 * @property {string} [empty] What is said where there never was a line.
 *
 * @typedef {object} OwnActs
 * @property {string} id Begins the ids of this panel's elements.
 * @property {string} loginUrl
 * @property {() => void} retry
 * @property {(view: import("./logs_state.js").ViewName) => void} show
 * @property {(choice: Partial<Choice>) => void} lines
 * @property {(template: import("./logs_state.js").Template | null) => void} openTemplate
 * @property {(sort: import("./logs_state.js").TemplateSort) => void} sortTemplates
 * @property {() => void} moreTemplates
 * @property {(source: import("./logs_state.js").Source | null) => void} openSource
 * @property {(line: string, source: string) => void} explain
 *
 * @typedef {LineActs & OwnActs} Acts What a reader can do.
 */

const VIEWS = /** @type {const} */ ([
  ["lines", "Lines"],
  ["templates", "Templates"],
  ["sources", "Sources"],
  ["explain", "Explain a line"],
]);

let panels = 0;

/**
 * @param {{model: import("./panel_frame.js").Model, el: HTMLElement}} context
 * @returns {() => void} Its undo.
 */
function render(context) {
  const { model, el } = context;
  const asked = { ...model.get("choice"), ...choiceFrom(globalThis.location.search) };
  /** @type {import("./panel_frame.js").Panel<State>} */
  const logs = {
    name: "logs",
    styles: [panelCss, frameCss, controlsCss, linesCss, logsCss],
    traits: ["title", "height"],
    sourceOf: (changed) => new LogsSource(serverOf(), changed, asked),
    viewOf: (source, root) => {
      const acts = actsOf(source, root);
      const leave = answerLinks(el, acts);
      leaving.set(el, leave);
      return {
        drawn: (state) => panel(state, acts, model.get("title")),
        escape: () => back(source.state, acts),
      };
    },
  };
  const undo = mount(context, logs);
  return () => {
    leaving.get(el)?.();
    undo();
  };
}

/** @type {WeakMap<HTMLElement, () => void>} */
const leaving = new WeakMap();

/**
 * Another panel of this page that names lines finds them here, and needs no other page.
 *
 * @param {HTMLElement} el
 * @param {Acts} acts
 * @returns {() => void} Its undo.
 */
function answerLinks(el, acts) {
  const answer = (/** @type {Event} */ event) => {
    if (event.defaultPrevented) return;
    event.preventDefault();
    acts.lines(/** @type {CustomEvent} */ (event).detail);
    el.scrollIntoView({ behavior: "smooth" });
  };
  document.addEventListener("vibeworkbench:logs", answer);
  return () => document.removeEventListener("vibeworkbench:logs", answer);
}

/**
 * @param {State} state
 * @param {Acts} acts
 */
function back(state, acts) {
  if (state.selected !== null) acts.select(null);
  else if (state.template !== null) acts.openTemplate(null);
  else if (state.source !== null) acts.openSource(null);
}

/**
 * @param {State} state
 * @param {Acts} acts
 * @param {string} title
 */
function panel(state, acts, title) {
  const loading = !state.ready && ["connecting", "good", "slow", "reconnecting"].includes(state.connection.quality);
  return html`
    <header class="vw-bar">
      <h2>${title}</h2>
      ${connected(state)} ${narrowed(state)}
    </header>
    ${connectionNote(state, acts)} ${loading ? skeleton() : nothing} ${state.ready ? body(state, acts) : nothing}
  `;
}

/** @param {State} state */
function narrowed(state) {
  const why = whyNotRead(state, "Search, templates and sources");
  return why === "" ? nothing : watching(why);
}

function skeleton() {
  return html`<div class="vw-skeleton vw-log-skeleton" aria-hidden="true">
      ${Array.from({ length: 8 }, () => html`<i></i>`)}
    </div>
    <p class="vw-quiet" role="status">Loading</p>`;
}

/**
 * @param {State} state
 * @param {Acts} acts
 */
function body(state, acts) {
  const open = details(state, acts);
  const limited = whyNotRead(state, "x") !== "";
  return html`<div
    class="vw-body"
    ?data-past=${state.connection.transport === null && state.connection.quality !== "closed"}
  >
    ${limited ? nothing : tabs(state, acts)}
    <div class="vw-desk" ?data-open=${open !== nothing}>
      <section class="vw-logs-main" aria-label=${VIEWS.find(([name]) => name === state.view)?.[1] ?? ""}>
        ${state.view === "explain" ? nothing : searchBar(state, acts, limited)} ${shown(state, acts)}
      </section>
      ${open}
    </div>
  </div>`;
}

/**
 * @param {State} state
 * @param {Acts} acts
 */
function tabs(state, acts) {
  /** @type {Record<string, number>} */
  const counts = { sources: state.sources.items.length };
  return html`<div class="vw-tabs vw-views" role="tablist" aria-label="What is shown" @keydown=${walkTabs}>
    ${VIEWS.map(
      ([name, label]) =>
        html`<button
          type="button"
          role="tab"
          aria-selected=${state.view === name}
          aria-pressed=${state.view === name}
          tabindex=${state.view === name ? 0 : -1}
          @click=${() => acts.show(name)}
        >
          ${label} ${counts[name] ? html`<span class="vw-number">${grouped(counts[name])}</span>` : nothing}
        </button>`,
    )}
  </div>`;
}

/** @param {KeyboardEvent} event Arrow keys move between tabs. */
function walkTabs(event) {
  const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
  if (step === undefined) return;
  const all = /** @type {HTMLElement[]} */ ([
    .../** @type {HTMLElement} */ (event.currentTarget).querySelectorAll("[role=tab]"),
  ]);
  const next = all[(all.findIndex((each) => each === event.target) + step + all.length) % all.length];
  event.preventDefault();
  next?.click();
  next?.focus();
}

/**
 * @param {State} state
 * @param {Acts} acts
 */
function shown(state, acts) {
  if (state.view === "templates") return templateView(state, acts);
  if (state.view === "sources") return sourceView(state, acts);
  return state.view === "explain" ? explainView(state, acts) : lineView(state, acts);
}

/**
 * @param {State} state
 * @param {Acts} acts
 */
function details(state, acts) {
  if (state.view === "lines" && state.selected) return record(state, state.selected, acts);
  if (state.view === "templates" && state.template) return templateDetails(state, state.template, acts);
  return state.view === "sources" && state.source ? sourceDetails(state, state.source, acts) : nothing;
}

/**
 * @param {LogsSource} source
 * @param {HTMLElement} root
 * @returns {Acts}
 */
function actsOf(source, root) {
  const focus = (/** @type {string} */ selector) =>
    requestAnimationFrame(() => /** @type {HTMLElement | null} */ (root.querySelector(selector))?.focus());
  const scrollTop = () => {
    const list = root.querySelector(".vw-log-rows");
    if (list) list.scrollTop = 0;
  };
  return {
    id: `vw-logs-${(panels += 1)}`,
    loginUrl: loginUrlOf(source.server),
    retry: () => source.retry(),
    show: (view) => source.show(view),
    choose: (choice, typed) => {
      scrollTop();
      source.choose(choice, typed);
    },
    lines: (choice) => {
      source.show("lines");
      source.choose(choice);
    },
    again: () => void source.search(),
    more: () => void source.more(),
    hold: (held) => {
      if (!held) scrollTop();
      source.learn({ type: "panel:held", data: held });
    },
    scroll: (scrolled) => source.learn({ type: "panel:scrolled", data: scrolled }),
    top: () => {
      scrollTop();
      if (source.state.trimmed) void source.search();
      source.learn({ type: "panel:held", data: false });
    },
    select: (line) => {
      const before = source.state.selected;
      source.learn({ type: "panel:selected", data: line });
      const row = line ?? before;
      if (row !== null) focus(`.vw-log-row[data-line="${CSS.escape(row.lineId)}"]`);
    },
    openTemplate: (template) => {
      const before = source.state.template;
      source.openTemplate(template);
      const row = template ?? before;
      if (row) focus(`[data-template="${CSS.escape(row.templateId)}"]`);
    },
    sortTemplates: (sort) => void source.readTemplates({ sort }),
    moreTemplates: () => void source.readTemplates({ more: true }),
    openSource: (each) => source.learn({ type: "panel:source", data: each }),
    explain: (line, from) => {
      source.show("explain");
      void source.explain(line, from);
    },
  };
}

export default { render };
