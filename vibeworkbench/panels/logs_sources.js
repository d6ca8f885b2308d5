/** The sources: who speaks, since when, how its lines are read, what of it could not be read, and what is behind. */

import { html, nothing } from "lit-html";
import { repeat } from "lit-html/directives/repeat.js";
import { logText } from "./log_parts.js";
import { explanation } from "./logs_explain.js";
import { EVERYTHING } from "./logs_choice.js";
import { closeButton, empty, fact, walker } from "./panel_controls.js";
import { absolute, bytes, counted, grouped, relative } from "./words.js";

/**
 * @typedef {import("./logs_state.js").State} State
 * @typedef {import("./logs_state.js").Source} Source
 * @typedef {import("./logs.js").Acts} Acts
 */

/**
 * @param {State} state
 * @param {Acts} acts
 */
export function sourceView(state, acts) {
  const { items, loading, failure } = state.sources;
  const again = html`<button type="button" class="vw-button" @click=${() => acts.show("sources")}>Try again</button>`;
  const open = items.some((each) => isOpen(state, each));
  return html`
    <ul class="vw-template-rows vw-source-rows" aria-label="Sources" @keydown=${walker(".vw-source-row")}>
      ${repeat(
        items,
        ({ kind, source }) => `${kind}:${source}`,
        (source, place) => row(state, source, open ? isOpen(state, source) : place === 0, acts),
      )}
    </ul>
    ${failure !== "" ? empty("Sources could not be read", failure, again) : nothing}
    ${failure === "" && items.length === 0 ? (loading === "first" ? html`<p class="vw-log-end" role="status">Reading sources…</p>` : nobody()) : nothing}
  `;
}

function nobody() {
  return empty(
    "Nobody has spoken yet",
    "A worker, a build, a container, a followed file or the journal appears here with its first line.",
  );
}

/**
 * @param {State} state
 * @param {Source} source
 */
function isOpen({ source: open }, { kind, source }) {
  return open !== null && open.kind === kind && open.source === source;
}

/**
 * @param {State} state
 * @param {Source} source
 * @param {boolean} reachable
 * @param {Acts} acts
 */
function row(state, source, reachable, acts) {
  const on = isOpen(state, source);
  return html`<li>
    <button
      type="button"
      class="vw-source-row"
      data-source=${`${source.kind}:${source.source}`}
      aria-expanded=${on}
      tabindex=${reachable ? 0 : -1}
      @click=${() => acts.openSource(on ? null : source)}
    >
      <span class="vw-speaks" data-state=${source.state}><i aria-hidden="true"></i>${source.state}</span>
      <span class="vw-template-what">
        <span class="vw-title">${source.source}</span>
        <span class="vw-meta">
          <span class="vw-subject">${source.kind}</span> <span>${layoutName(source.layout)}</span>
          ${source.filesBehindBytes ? html`<span class="vw-flag">${bytes(source.filesBehindBytes)} behind</span>` : nothing}
          ${source.rejected > 0 ? html`<span class="vw-flag">${grouped(source.rejected)} rejected</span>` : nothing}
        </span>
      </span>
      <span class="vw-count">${counted(source.lines, "line")}</span>
      <span class="vw-when" title=${`Last line ${absolute(source.lastAt)}`}
        >${relative(source.lastAt, state.nowMs)}</span
      >
    </button>
  </li>`;
}

/**
 * @param {any} layout A name, or what describes one.
 * @returns {string}
 */
function layoutName(layout) {
  if (!layout) return "";
  if (typeof layout === "string") return layout;
  return Array.isArray(layout) ? layout.map(layoutName).join(", ") : String(layout.name ?? layout.kind ?? "");
}

/**
 * @param {State} state
 * @param {Source} source
 * @param {Acts} acts
 */
export function sourceDetails(state, source, acts) {
  const name = `${source.kind}:${source.source}`;
  return html`<aside class="vw-details" aria-label="Source" data-open-source=${name}>
    <div class="vw-details-head">
      <span class="vw-speaks" data-state=${source.state}><i aria-hidden="true"></i>${source.state}</span>
      ${closeButton("Close the source", () => acts.openSource(null))}
    </div>
    <h3 class="vw-details-title">${source.source}</h3>
    <p class="vw-subject">${source.kind}</p>
    <div class="vw-ways">
      <button type="button" class="vw-button vw-first" @click=${() => acts.lines({ ...EVERYTHING, source: name })}>
        Show its lines
      </button>
      <button
        type="button"
        class="vw-button"
        @click=${() => acts.lines({ ...EVERYTHING, source: name, level: "error" })}
      >
        Only its errors
      </button>
    </div>
    <dl class="vw-facts">
      ${fact("Lines", grouped(source.lines))} ${fact("First line", absolute(source.firstAt))}
      ${fact("Last line", relative(source.lastAt, state.nowMs))}
      ${fact("Behind", source.filesBehindBytes ? bytes(source.filesBehindBytes) : null)}
      ${fact("Rejected", source.rejected > 0 ? counted(source.rejected, "line") : null)}
    </dl>
    ${layout(source.layout)} ${rejected(source)}
  </aside>`;
}

/** @param {any} layout */
function layout(layout) {
  if (!layout) return nothing;
  return html`<section>
    <h4>How its lines are read</h4>
    ${typeof layout === "string" ? html`<p>${layout}</p>` : explanation(layout)}
  </section>`;
}

/** @param {Source} source */
function rejected({ rejected: count, rejectedSample }) {
  if (count === 0 || !rejectedSample) return nothing;
  const text = typeof rejectedSample === "string" ? rejectedSample : JSON.stringify(rejectedSample, null, 1);
  return html`<section>
    <h4>One that was rejected</h4>
    <pre class="vw-log-whole">${logText(text)}</pre>
  </section>`;
}
