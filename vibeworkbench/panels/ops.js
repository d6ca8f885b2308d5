/**
 * The ops panel, an anywidget: the rooms' messages go through `apply`, and the screen is drawn from the state once a frame.
 *
 *     rooms → apply(state, event) → one frame later: draw → buttons → REST → rooms
 */

import { html, nothing, render as draw } from "lit-html";
import { chosenIssues, tally } from "./ops_choice.js";
import { details } from "./ops_details.js";
import { issueList } from "./ops_issues.js";
import { bar, connectionNote } from "./ops_bar.js";
import { overview, skeleton } from "./ops_overview.js";
import { OpsSource } from "./ops_source.js";
import { isPublished } from "./credentials.js";
import { serverOf } from "./rest.js";
import panelCss from "./panel.css";
import frameCss from "./ops.css";
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
 *
 * @typedef {{get: (name: string) => any, on: (name: string, act: () => void) => void, off: (name: string, act: () => void) => void}} Model
 */

/** How often the live region may speak: a screen reader cannot follow fifty changes a second. */
const SPEAK_MS = 1_500;

let panels = 0;

/**
 * The panel is drawn in `el` and stays live. Whenever its connection, or the instant of what it shows, is another one,
 * `el` gets the event `vibeworkbench:connection` with `detail` `{quality, transport, asOfMs}`, which the page may show.
 *
 * @param {{model: Model, el: HTMLElement}} context
 * @returns {() => void} Its undo: connections closed, listeners and style gone.
 */
function render({ model, el }) {
  const unstyle = styled();
  const root = el.appendChild(document.createElement("div"));
  root.className = "vw-panel vw-ops";
  root.addEventListener("focusin", (event) => suppressShortcuts(/** @type {HTMLElement} */ (event.target)));
  const voice = el.appendChild(document.createElement("p"));
  voice.className = "vw-quiet";
  voice.setAttribute("aria-live", "polite");

  let frame = 0;
  const redraw = () => (frame ||= requestAnimationFrame(paint));
  const source = new OpsSource(serverOf(), redraw);
  const acts = actsOf(source, model, root);
  const announce = announcer(el);
  const paint = () => {
    frame = 0;
    configure(root, model);
    announce(source.state);
    draw(panel(source.state, { ...acts, readOnly: Boolean(model.get("read_only")) }, model.get("title")), root);
  };
  const speak = setInterval(() => speakTo(voice, source.state), SPEAK_MS);
  const tick = setInterval(() => source.tick(), 1_000);
  const close = (/** @type {KeyboardEvent} */ event) =>
    event.key === "Escape" && source.state.selected !== null && acts.select(null);
  root.addEventListener("keydown", close);
  for (const name of ["title", "height", "read_only"]) model.on(`change:${name}`, redraw);
  redraw();

  return () => {
    for (const name of ["title", "height", "read_only"]) model.off(`change:${name}`, redraw);
    clearInterval(speak);
    clearInterval(tick);
    cancelAnimationFrame(frame);
    source.close();
    root.remove();
    voice.remove();
    unstyle();
  };
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
 * @param {Model} model
 * @param {HTMLElement} root
 * @returns {Acts}
 */
function actsOf(source, model, root) {
  return {
    id: `vw-ops-${(panels += 1)}`,
    readOnly: Boolean(model.get("read_only")),
    loginUrl: isPublished()
      ? ""
      : `${source.server}login?next=${encodeURIComponent(location.pathname + location.search)}`,
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

/**
 * @param {HTMLElement} root
 * @param {Model} model
 */
function configure(root, model) {
  const height = model.get("height");
  root.style.height = height;
  root.toggleAttribute("data-filled", Boolean(height));
  root.setAttribute("role", "region");
  root.setAttribute("aria-label", model.get("title"));
}

/**
 * @param {HTMLElement} el
 * @returns {(state: State) => void} Says on `el` how the panel is connected, when that has changed.
 */
function announcer(el) {
  let told = "";
  return ({ connection: { quality, transport }, asOfMs }) => {
    const detail = { quality, transport, asOfMs };
    const news = JSON.stringify(detail);
    if (news === told) return;
    told = news;
    el.dispatchEvent(new CustomEvent("vibeworkbench:connection", { bubbles: true, composed: true, detail }));
  };
}

/**
 * @param {HTMLElement} voice
 * @param {State} state
 */
function speakTo(voice, { said }) {
  if (voice.textContent !== said) voice.textContent = said;
}

/**
 * JupyterLab's notebook shortcuts (Enter, a, x, d d ...) are not meant while somebody works in the panel. Their selectors
 * match the focused element itself, so the mark that switches them off must stand there and not on the panel.
 *
 * @param {HTMLElement} focused
 */
function suppressShortcuts(focused) {
  focused.dataset["lmSuppressShortcuts"] = "true";
}

let styledPanels = 0;
const sheet = new CSSStyleSheet();

/** The style sheet is in the document once, however many panels there are. */
function styled() {
  if (styledPanels === 0) {
    sheet.replaceSync([panelCss, frameCss, overviewCss, issuesCss, detailsCss].join("\n"));
    document.adoptedStyleSheets.push(sheet);
  }
  styledPanels += 1;
  return () => {
    styledPanels -= 1;
    if (styledPanels === 0) document.adoptedStyleSheets = document.adoptedStyleSheets.filter((each) => each !== sheet);
  };
}

export default { render };
