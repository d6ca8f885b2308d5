/** The templates: what is said over and over, how often, since when, and what is new. */

import { html, nothing } from "lit-html";
import { guard } from "lit-html/directives/guard.js";
import { repeat } from "lit-html/directives/repeat.js";
import { bars, levelChip, logText, templateText } from "./log_parts.js";
import { explanation } from "./logs_explain.js";
import { EVERYTHING, isNarrow } from "./logs_choice.js";
import { closeButton, empty, fact, select, walker } from "./panel_controls.js";
import { absolute, counted, grouped, milliseconds, relative } from "./words.js";

/**
 * @typedef {import("./logs_state.js").State} State
 * @typedef {import("./logs_state.js").Template} Template
 * @typedef {import("./logs.js").Acts} Acts
 */

/** A template first seen within this time is marked as new. */
const NEW_MS = 24 * 3_600_000;

const SORTS = [
  ["lastSeen", "Seen last"],
  ["count", "Most often"],
  ["new", "New ones"],
  ["firstSeen", "First seen"],
];

/**
 * @param {State} state
 * @param {Acts} acts
 */
export function templateView(state, acts) {
  const { items, loading, failure, sort, nextCursor } = state.templates;
  const stop = items.some(({ templateId }) => templateId === state.template?.templateId)
    ? state.template?.templateId
    : items[0]?.templateId;
  return html`
    <div class="vw-live">
      <span class="vw-why"
        >${items.length === 0 ? "" : `${counted(items.length, "template")}${nextCursor === null ? "" : " so far"}`}</span
      >
      <span class="vw-end"
        >${select("Order", sort, SORTS, (each) => acts.sortTemplates(/** @type {any} */ (each)))}</span
      >
    </div>
    <ul
      class="vw-template-rows"
      aria-label="Templates"
      aria-busy=${loading === "first"}
      @keydown=${walker(".vw-template-row")}
    >
      ${repeat(
        items,
        ({ templateId }) => templateId,
        (template) => row(state, template, template.templateId === stop, acts),
      )}
    </ul>
    ${
      nextCursor === null || failure !== ""
        ? nothing
        : html`<button type="button" class="vw-button vw-more" @click=${acts.moreTemplates}>
            ${loading === "more" ? "Reading…" : "Show more"}
          </button>`
    }
    ${below(state, acts)}
  `;
}

/**
 * @param {State} state
 * @param {Template} template
 * @param {boolean} reachable
 * @param {Acts} acts
 */
function row(state, template, reachable, acts) {
  const on = state.template?.templateId === template.templateId;
  const seen = relative(template.lastSeenAt, state.nowMs);
  const isNew = state.nowMs - milliseconds(template.firstSeenAt) < NEW_MS;
  return guard(
    [template, on, reachable, seen, isNew],
    () =>
      html`<li>
        <button
          type="button"
          class="vw-template-row"
          data-template=${template.templateId}
          aria-expanded=${on}
          tabindex=${reachable ? 0 : -1}
          @click=${() => acts.openTemplate(on ? null : template)}
        >
          ${levelChip(template.level)}
          <span class="vw-template-what">
            <span class="vw-template-text">${templateText(template.text)}</span>
            <span class="vw-meta">
              ${isNew ? html`<span class="vw-flag">new</span>` : nothing}
              <span class="vw-subject">${sourceNames(template).join(", ")}</span>
            </span>
          </span>
          ${bars(template.sparkline) || html`<span></span>`}
          <span class="vw-count">${grouped(template.count)}</span>
          <span class="vw-when" title=${`Last seen ${absolute(template.lastSeenAt)}`}>${seen}</span>
        </button>
      </li>`,
  );
}

/**
 * @param {Template} template
 * @returns {string[]}
 */
function sourceNames({ sources }) {
  return (sources ?? []).map((each) => (typeof each === "string" ? each : `${each.kind}:${each.source}`));
}

/**
 * @param {State} state
 * @param {Acts} acts
 */
function below({ templates: { items, loading, failure }, choice }, acts) {
  const again = html`<button type="button" class="vw-button" @click=${() => acts.show("templates")}>Try again</button>`;
  if (failure !== "") return empty("Templates could not be read", failure, again);
  if (items.length > 0) return nothing;
  if (loading === "first") return html`<p class="vw-log-end" role="status">Reading templates…</p>`;
  if (isNarrow(choice))
    return empty(
      "No template fits",
      "Nothing was said over and over that fits these filters.",
      html`<button
        type="button"
        class="vw-button"
        @click=${() => {
          acts.choose({ ...EVERYTHING });
          acts.show("templates");
        }}
      >
        Clear all filters
      </button>`,
    );
  return empty("No templates yet", "They are mined from the lines as these come in; nobody has to write a pattern.");
}

/**
 * @param {State} state
 * @param {Template} template
 * @param {Acts} acts
 */
export function templateDetails(state, template, acts) {
  const since = (/** @type {string} */ at) => html`<span title=${absolute(at)}>${relative(at, state.nowMs)}</span>`;
  return html`<aside class="vw-details" aria-label="Template" data-open-template=${template.templateId}>
    <div class="vw-details-head">
      ${levelChip(template.level)}
      ${state.nowMs - milliseconds(template.firstSeenAt) < NEW_MS ? html`<span class="vw-flag">new</span>` : nothing}
      ${closeButton("Close the template", () => acts.openTemplate(null))}
    </div>
    <p class="vw-template-whole">${templateText(template.text)}</p>
    <div class="vw-ways">
      <button
        type="button"
        class="vw-button vw-first"
        @click=${() => acts.lines({ ...EVERYTHING, template: template.templateId })}
      >
        Show its lines
      </button>
    </div>
    <figure class="vw-bars-large">${bars(template.sparkline, "large")}${edges(state, template)}</figure>
    <dl class="vw-facts">
      ${fact("Seen", counted(template.count, "time"))} ${fact("First seen", since(template.firstSeenAt))}
      ${fact("Last seen", since(template.lastSeenAt))} ${fact("Sources", sourceNames(template).join(", "))}
      ${fact("Id", html`<code>${template.templateId}</code>`)}
    </dl>
    ${samples(template)}
    ${
      template.explanation
        ? html`<section>
            <h4>How its lines are understood</h4>
            ${explanation(template.explanation)}
          </section>`
        : nothing
    }
  </aside>`;
}

/**
 * @param {State} state
 * @param {Template} template
 */
function edges({ nowMs }, { sparkline }) {
  if (!sparkline || sparkline.counts.length === 0) return nothing;
  const toMs = milliseconds(sparkline.from) + 1_000 * sparkline.bucketS * sparkline.counts.length;
  return html`<figcaption>
    <span>${relative(sparkline.from, nowMs)}</span><span>at most ${grouped(Math.max(...sparkline.counts))}</span
    ><span>${toMs >= nowMs ? "now" : relative(toMs, nowMs)}</span>
  </figcaption>`;
}

/** @param {Template} template */
function samples({ samples: all }) {
  if (!all || all.length === 0) return nothing;
  return html`<section>
    <h4>Lines of it</h4>
    <ul class="vw-samples">
      ${all.map((sample) => html`<li><pre>${logText(sample)}</pre></li>`)}
    </ul>
  </section>`;
}
