/** The bar of the ops panel: how it is connected, and what its reader can start. */

import { html, nothing } from "lit-html";
import { whyNotScan } from "./ops_choice.js";
import { connected, watching } from "./panel_connection.js";
import { whyWatching } from "./rights.js";

/**
 * @typedef {import("./ops_state.js").State} State
 * @typedef {import("./ops.js").Acts} Acts
 */

/**
 * @param {State} state
 * @param {string} title
 * @param {Acts} acts
 */
export function bar(state, title, acts) {
  return html`
    <header class="vw-bar">
      <h2>${title}</h2>
      ${connected(state)} ${scanning(state, acts)}
    </header>
  `;
}

/**
 * The buttons, or why there are none; nothing while it is not known who the reader is.
 *
 * @param {State} state
 * @param {Acts} acts
 */
function scanning(state, acts) {
  const why = acts.readOnly ? "Read-only" : whyWatching(state);
  if (why !== "") return watching(why);
  if (state.role === null) return nothing;
  return html`<div class="vw-scan-buttons">
    ${scanButton(state, "full", "Full scan", acts)} ${scanButton(state, "incremental", "Incremental scan", acts)}
  </div>`;
}

/**
 * @param {State} state
 * @param {"full" | "incremental"} scope
 * @param {string} label
 * @param {Acts} acts
 */
function scanButton(state, scope, label, acts) {
  const why = whyNotScan(state, scope);
  const what = scope === "full" ? "Look at everything" : "Look at what is new since the last scan";
  const describedBy = `${acts.id}-${scope}`;
  return html`<button
      type="button"
      class=${scope === "full" ? "vw-button vw-first" : "vw-button"}
      data-scope=${scope}
      aria-disabled=${why !== ""}
      aria-describedby=${describedBy}
      title=${why || what}
      @click=${() => (why === "" ? acts.scan(scope) : acts.tell(why))}
    >
      ${label}
    </button>
    <span class="vw-quiet" id=${describedBy}>${why || what}</span>`;
}
