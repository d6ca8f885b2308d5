/**
 * The containers panel, an anywidget: how each container stands, what it uses, what it says.
 *
 *     REST, rooms → apply(state, event) → one frame later: draw → buttons → REST
 */

import { html, nothing } from "lit-html";
import { containerDetails } from "./containers_details.js";
import { levelChart } from "./containers_levels.js";
import { containerList } from "./containers_list.js";
import { ContainersSource } from "./containers_source.js";
import { connected, connectionNote, watching } from "./panel_connection.js";
import { loginUrlOf, mount } from "./panel_frame.js";
import { whyNotRead } from "./rights.js";
import { serverOf } from "./server_address.js";
import panelCss from "./panel.css";
import frameCss from "./panel_frame.css";
import controlsCss from "./panel_controls.css";
import linesCss from "./log_lines.css";
import containersCss from "./containers.css";

/**
 * @typedef {import("./containers_state.js").State} State
 * @typedef {object} Acts What a reader can do.
 * @property {string} loginUrl
 * @property {() => void} retry
 * @property {() => void} again
 * @property {(text: string) => void} search
 * @property {(containerId: string | null) => void} select
 * @property {(tab: import("./containers_state.js").Tab) => void} tab
 * @property {import("./logs.js").LineActs} ofLines
 */

/**
 * @param {{model: import("./panel_frame.js").Model, el: HTMLElement}} context
 * @returns {() => void} Its undo.
 */
function render(context) {
  const { model } = context;
  /** @type {import("./panel_frame.js").Panel<State>} */
  const containers = {
    name: "containers",
    styles: [panelCss, frameCss, controlsCss, linesCss, containersCss],
    traits: ["title", "height"],
    sourceOf: (changed) => new ContainersSource(serverOf(), changed),
    viewOf: (source, root) => {
      const acts = actsOf(source, root);
      return { drawn: (state) => panel(state, acts, model.get("title")), escape: () => back(source.state, acts) };
    },
  };
  return mount(context, containers);
}

/**
 * @param {State} state
 * @param {Acts} acts
 */
function back({ lines, selected, tab }, acts) {
  if (tab === "lines" && lines?.selected) acts.ofLines.select(null);
  else if (selected !== null) acts.select(null);
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
      ${connected(state)} ${limited(state)}
    </header>
    ${connectionNote(state, acts)} ${loading ? skeleton() : nothing} ${state.ready ? body(state, acts) : nothing}
  `;
}

/** @param {State} state */
function limited(state) {
  const why = whyNotRead(state, "Earlier lines, errors and uses");
  return why === "" ? nothing : watching(why);
}

function skeleton() {
  return html`<div class="vw-card vw-skeleton" aria-hidden="true"><i></i><i></i><i></i></div>
    <p class="vw-quiet" role="status">Loading</p>`;
}

/**
 * @param {State} state
 * @param {Acts} acts
 */
function body(state, acts) {
  const open = state.selected === null ? undefined : state.containers.get(state.selected);
  return html`<div
    class="vw-body"
    ?data-past=${state.connection.transport === null && state.connection.quality !== "closed"}
  >
    ${engine(state)} ${levelChart(state)}
    <div class="vw-desk" ?data-open=${open !== undefined}>
      ${containerList(state, acts)} ${open === undefined ? nothing : containerDetails(state, open, acts)}
    </div>
  </div>`;
}

/** @param {State} state */
function engine({ engine: told }) {
  if (told?.state !== "failing") return nothing;
  return html`<div class="vw-banner" data-quality="reconnecting" role="status">
    <span>The container engine of this server does not answer as it should. ${told.reason}</span>
  </div>`;
}

/**
 * @param {ContainersSource} source
 * @param {HTMLElement} root
 * @returns {Acts}
 */
function actsOf(source, root) {
  const focus = (/** @type {string} */ selector) =>
    requestAnimationFrame(() => /** @type {HTMLElement | null} */ (root.querySelector(selector))?.focus());
  return {
    loginUrl: loginUrlOf(source.server),
    retry: () => source.retry(),
    again: () => void source.read(),
    search: (text) => source.learn({ type: "panel:text", data: text }),
    select: (containerId) => {
      const before = source.state.selected;
      source.select(containerId);
      const row = containerId ?? before;
      if (row !== null) focus(`.vw-container-row[data-container="${CSS.escape(row)}"]`);
    },
    tab: (tab) => source.learn({ type: "panel:tab", data: tab }),
    ofLines: lineActs(() => source.lines, root, focus),
  };
}

/**
 * @param {() => import("./logs_source.js").LogsSource | null} lines
 * @param {HTMLElement} root
 * @param {(selector: string) => void} focus
 * @returns {import("./logs.js").LineActs}
 */
function lineActs(lines, root, focus) {
  const top = () => {
    const list = root.querySelector(".vw-log-rows");
    if (list) list.scrollTop = 0;
  };
  return {
    empty: "What this container says appears here as it comes.",
    choose: (choice) => lines()?.choose(choice),
    again: () => void lines()?.search(),
    more: () => void lines()?.more(),
    hold: (held) => {
      if (!held) top();
      lines()?.learn({ type: "panel:held", data: held });
    },
    scroll: (scrolled) => lines()?.learn({ type: "panel:scrolled", data: scrolled }),
    top: () => {
      top();
      if (lines()?.state.trimmed) void lines()?.search();
      lines()?.learn({ type: "panel:held", data: false });
    },
    select: (line) => {
      const before = lines()?.state.selected;
      lines()?.learn({ type: "panel:selected", data: line });
      // The record stands in place of the list: who works by keyboard goes on there, and back.
      if (line !== null) focus(".vw-log-record .vw-close");
      else if (before) focus(`.vw-log-row[data-line="${CSS.escape(before.lineId)}"]`);
    },
  };
}

export default { render };
