/**
 * The ops panel, an anywidget: the rooms' messages go through `apply`, and the screen is drawn from the state once a frame.
 *
 *     rooms → apply(state, event) → one frame later: draw → buttons → REST → rooms
 */

import { html, nothing } from "lit-html";
import { chosenIssues, tally } from "./ops_choice.js";
import { details } from "./ops_details.js";
import { issueList } from "./ops_issues.js";
import { bar } from "./ops_bar.js";
import { overview, skeleton } from "./ops_overview.js";
import { OpsSource } from "./ops_source.js";
import { connectionNote } from "./panel_connection.js";
import { loginUrlOf, mount } from "./panel_frame.js";
import { serverOf } from "./server_address.js";
import panelCss from "./panel.css";
import frameCss from "./panel_frame.css";
import controlsCss from "./panel_controls.css";
import linesCss from "./log_lines.css";
import opsCss from "./ops.css";
import overviewCss from "./ops_overview.css";
import issuesCss from "./ops_issues.css";
import detailsCss from "./ops_details.css";

/**
 * @typedef {import("./ops_state.js").State} State
 * @typedef {import("./ops_state.js").Issue} Issue
 * @typedef {object} Acts What a reader can do.
 * @property {string} id Begins the ids of this panel's elements.
 * @property {boolean} readOnly
 * @property {string} loginUrl Empty on published pages, which say themselves how their reader is let in again.
 * @property {() => void} retry
 * @property {(text: string) => void} tell What a button that cannot be used now says when it is pressed.
 * @property {(scope: "full" | "incremental") => void} scan
 * @property {(issue: Issue, verb: import("./ops_choice.js").Verb, body: Record<string, string>) => void} act
 * @property {(change: Partial<State["choice"]>) => void} choose
 * @property {(issueId: string | null) => void} select
 * @property {(verb: import("./ops_choice.js").Verb | null) => void} form
 */

let panels = 0;

/**
 * @param {{model: import("./panel_frame.js").Model, el: HTMLElement}} context
 * @returns {() => void} Its undo.
 */
function render(context) {
  const { model } = context;
  /** @type {import("./panel_frame.js").Panel<State>} */
  const ops = {
    name: "ops",
    styles: [panelCss, frameCss, controlsCss, linesCss, opsCss, overviewCss, issuesCss, detailsCss],
    traits: ["title", "height", "read_only"],
    sourceOf: (changed) => new OpsSource(serverOf(), changed),
    viewOf: (source, root) => {
      const acts = actsOf(source, root);
      return {
        drawn: (state) => panel(state, { ...acts, readOnly: Boolean(model.get("read_only")) }, model.get("title")),
        escape: () => source.state.selected !== null && acts.select(null),
      };
    },
  };
  return mount(context, ops);
}

/**
 * @param {State} state
 * @param {Acts} acts
 * @param {string} title
 */
function panel(state, acts, title) {
  const selected = state.selected === null ? undefined : state.issues.get(state.selected);
  const loading = !state.ready && ["connecting", "good", "slow", "reconnecting"].includes(state.connection.quality);
  return html`
    ${bar(state, title, acts)} ${connectionNote(state, acts)} ${loading ? skeleton() : nothing}
    ${
      state.ready
        ? html`<div class="vw-body" ?data-past=${state.connection.transport === null}>
            ${overview(state)}
            <div class="vw-desk" ?data-open=${selected !== undefined}>
              ${issueList(state, { issues: chosenIssues(state), tally: tally(state) }, acts)}
              ${selected === undefined ? nothing : details(state, selected, acts)}
            </div>
          </div>`
        : nothing
    }
    ${notice(state, acts)}
  `;
}

/**
 * @param {State} state
 * @param {Acts} acts
 */
function notice({ notice: shown, issues }, acts) {
  if (shown === null) return nothing;
  const undone = shown.undo === null ? undefined : issues.get(shown.undo.issueId);
  return html`<div class="vw-notice" data-tone=${shown.tone} role="status">
    <span>${shown.text}</span>
    ${undone === undefined ? nothing : html`<button type="button" class="vw-link" @click=${() => acts.act(undone, "reopen", {})}>Undo</button>`}
  </div>`;
}

/**
 * @param {OpsSource} source
 * @param {HTMLElement} root
 * @returns {Omit<Acts, "readOnly">}
 */
function actsOf(source, root) {
  return {
    id: `vw-ops-${(panels += 1)}`,
    loginUrl: loginUrlOf(source.server),
    retry: () => source.retry(),
    tell: (text) => source.tell(text),
    scan: (scope) => source.scan(scope),
    act: (issue, verb, body) => source.act(issue, verb, body),
    choose: (choice) => source.choose(choice),
    form: (verb) => {
      source.learn({ type: "panel:form", data: verb });
      requestAnimationFrame(() =>
        /** @type {HTMLElement | null} */ (
          root.querySelector(".vw-form textarea, .vw-form select, .vw-form input, .vw-form button")
        )?.focus(),
      );
    },
    select: (issueId) => {
      const before = source.state.selected;
      source.learn({ type: "panel:selected", data: issueId });
      const row = issueId ?? before;
      if (row !== null)
        requestAnimationFrame(() =>
          /** @type {HTMLElement | null} */ (root.querySelector(`.vw-row[data-issue="${CSS.escape(row)}"]`))?.focus(),
        );
    },
  };
}

export default { render };
