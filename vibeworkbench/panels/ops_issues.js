/** The list of issues with its filters. */

import { html, nothing } from "lit-html";
import { guard } from "lit-html/directives/guard.js";
import { live } from "lit-html/directives/live.js";
import { repeat } from "lit-html/directives/repeat.js";
import { standing } from "./ops_choice.js";
import { select, walker } from "./panel_controls.js";
import { mayRead, whyNotRead, whyWatching } from "./rights.js";
import { PAGE_ROWS } from "./ops_state.js";
import { SEVERITIES, STATE_WORD, absolute, counted, grouped, relative } from "./words.js";

/**
 * @typedef {import("./ops_state.js").State} State
 * @typedef {import("./ops_state.js").Issue} Issue
 * @typedef {import("./ops.js").Acts} Acts
 */

const TABS = /** @type {const} */ ([
  ["active", "Active"],
  ["open", "Open"],
  ["acknowledged", "Acknowledged"],
  ["in_progress", "In progress"],
  ["muted", "Muted"],
  ["resolved", "Resolved"],
  ["all", "All"],
]);

/** Rows that may stand out at the same time. */
const FRESH_SHOWN = 12;

/** @param {string} severity */
export function severityChip(severity) {
  return html`<span class="vw-severity" data-severity=${severity}>${severity}</span>`;
}

/** @param {keyof typeof STATE_WORD} stands */
export function stateChip(stands) {
  return html`<span class="vw-state" data-state=${stands}>${STATE_WORD[stands]}</span>`;
}

/**
 * @param {State} state
 * @param {{issues: Issue[], tally: ReturnType<typeof import("./ops_choice.js").tally>}} chosen
 * @param {Acts} acts
 */
export function issueList(state, chosen, acts) {
  const rows = chosen.issues.slice(0, state.choice.shown);
  const reachable = rows.some((issue) => issue.issueId === state.selected) ? state.selected : rows[0]?.issueId;
  return html`
    <section class="vw-issues" aria-labelledby=${`${acts.id}-issues`}>
      ${head(state, chosen.tally, acts)} ${filters(state, chosen.tally, acts)}
      <ul class="vw-rows" aria-label=${counted(chosen.issues.length, "issue")} @keydown=${walker(".vw-row")}>
        ${repeat(
          rows,
          (issue) => issue.issueId,
          (issue) => row(state, issue, issue.issueId === reachable, acts),
        )}
      </ul>
      ${chosen.issues.length === 0 ? nobody(state, acts) : nothing} ${more(chosen.issues.length, state, acts)}
      ${chosen.issues.length > 0 ? elsewhere(state, chosen.tally) : nothing}
    </section>
  `;
}

/**
 * @param {State} state
 * @param {ReturnType<typeof import("./ops_choice.js").tally>} tally
 * @param {Acts} acts
 */
function head(state, tally, acts) {
  return html`
    <div class="vw-issues-head">
      <h3 id=${`${acts.id}-issues`}>Issues</h3>
      <div class="vw-severities" role="group" aria-label="Active issues by severity">
        ${SEVERITIES.map((severity) => {
          const count = tally.severity.get(severity) ?? 0;
          const on = state.choice.severity === severity;
          return html`<button
            type="button"
            class="vw-tally"
            data-severity=${severity}
            aria-pressed=${on}
            ?data-none=${count === 0}
            title=${on ? "Show all severities" : `Show ${severity} and worse`}
            @click=${() => acts.choose({ severity: on ? "any" : severity })}
          >
            <b>${grouped(count)}</b> ${severity}
          </button>`;
        })}
      </div>
    </div>
  `;
}

/**
 * @param {State} state
 * @param {ReturnType<typeof import("./ops_choice.js").tally>} tally
 * @param {Acts} acts
 */
function filters(state, tally, acts) {
  const { choice } = state;
  return html`
    <div class="vw-filters">
      <div class="vw-tabs" role="group" aria-label="State">
        ${TABS.map(
          ([name, label]) =>
            html`<button
              type="button"
              aria-pressed=${choice.state === name}
              @click=${() => acts.choose({ state: name })}
            >
              ${label} <span class="vw-number">${grouped(tally.state.get(name) ?? 0)}</span>
            </button>`,
        )}
      </div>
      <div class="vw-find">
        <input
          type="search"
          placeholder="Search issues"
          aria-label="Search issues"
          .value=${live(choice.text)}
          @input=${(/** @type {any} */ event) => acts.choose({ text: event.target.value })}
        />
        ${select("Type", choice.type, [["", "All types"], ...tally.types.map((type) => [type, type])], (type) => acts.choose({ type }))}
        ${select(
          "Sort",
          choice.sort,
          [
            ["severity", "Worst first"],
            ["newest", "Newest first"],
            ["oldest", "Oldest first"],
            ["count", "Most often"],
          ],
          (sort) => acts.choose({ sort: /** @type {any} */ (sort) }),
        )}
      </div>
    </div>
  `;
}

/**
 * @param {State} state
 * @param {Issue} issue
 * @param {boolean} reachable Whether Tab stops here; the arrow keys reach the others.
 * @param {Acts} acts
 */
function row(state, issue, reachable, acts) {
  const stands = standing(state, issue);
  const selected = state.selected === issue.issueId;
  // Where everything changes nothing stands out, and the browser would paint hundreds of fading rows.
  const fresh = state.fresh.size <= FRESH_SHOWN ? state.fresh.get(issue.issueId) : undefined;
  const seen = relative(issue.lastSeenAt, state.nowMs);
  return guard(
    [issue, stands, selected, reachable, fresh, seen],
    () =>
      html`<li>
        <button
          type="button"
          class="vw-row"
          data-issue=${issue.issueId}
          data-severity=${issue.severity}
          data-state=${stands}
          ?data-fresh=${fresh !== undefined}
          aria-expanded=${selected}
          tabindex=${reachable ? 0 : -1}
          @click=${() => acts.select(selected ? null : issue.issueId)}
        >
          ${severityChip(issue.severity)}
          <span class="vw-what">
            <span class="vw-title">${issue.title}</span>
            <span class="vw-meta">
              <span class="vw-subject">${issue.subject ?? issue.type}</span>
              ${issue.claimedBy ? html`<span>claimed by ${issue.claimedBy}</span>` : nothing}
              ${issue.flapping ? html`<span class="vw-flag">flapping</span>` : nothing}
            </span>
          </span>
          ${stateChip(stands)}
          <span class="vw-count" title="Times seen"
            >${(issue.count ?? 1) > 1 ? `×${grouped(issue.count ?? 1)}` : ""}</span
          >
          <span class="vw-when" title=${`Last seen ${absolute(issue.lastSeenAt)}`}>${seen}</span>
        </button>
      </li>`,
  );
}

/**
 * @param {State} state
 * @param {Acts} acts
 */
function nobody(state, acts) {
  const { choice } = state;
  const narrowed = choice.text !== "" || choice.type !== "" || choice.severity !== "any";
  if (narrowed)
    return html`<div class="vw-empty">
      <p class="vw-empty-title">No issue matches</p>
      <p>Nothing ${choice.state === "all" ? "" : "in this state "}fits these filters.</p>
      <button type="button" class="vw-button" @click=${() => acts.choose({ text: "", type: "", severity: "any" })}>
        Clear the filters
      </button>
    </div>`;
  if (state.lastScan === null) return neverScanned(state, acts);
  if (choice.state === "active")
    return html`<div class="vw-empty" data-mood="well">
      <svg class="vw-well" viewBox="0 0 48 48" aria-hidden="true">
        <circle cx="24" cy="24" r="21" />
        <path d="m15 25 6 6 12-13" />
      </svg>
      <p class="vw-empty-title">All is well</p>
      <p>No active issue. The last scan looked ${relative(state.lastScan.completedAt, state.nowMs)}.</p>
    </div>`;
  const why = choice.state === "resolved" || choice.state === "all" ? whyNotRead(state, "Past issues") : "";
  if (why)
    return html`<div class="vw-empty">
      <p class="vw-empty-title">None while you watched</p>
      <p>What resolves while you watch appears here. ${why}</p>
    </div>`;
  return html`<div class="vw-empty">
    <p class="vw-empty-title">None</p>
    <p>${choice.state === "all" ? "No issue was ever filed." : `No issue is ${STATE_WORD[choice.state]}.`}</p>
  </div>`;
}

/**
 * @param {State} state
 * @param {Acts} acts
 */
function neverScanned(state, acts) {
  const watching = acts.readOnly || whyWatching(state) !== "";
  const coming = watching
    ? "What the first scan finds will appear here."
    : "A full scan looks at this machine and every target.";
  return html`<div class="vw-empty">
    <p class="vw-empty-title">${watching ? "No scan yet" : "Nothing has been looked at yet"}</p>
    <p>${state.running.size > 0 ? "The first scan is on its way." : coming}</p>
  </div>`;
}

/**
 * What of the chosen issues is not here, and whose role it takes.
 *
 * @param {State} state
 * @param {ReturnType<typeof import("./ops_choice.js").tally>} tally
 */
function elsewhere(state, tally) {
  if (mayRead(state)) return nothing;
  const past = state.choice.state === "resolved" || state.choice.state === "all";
  const here = [...state.issues.values()].filter((issue) => issue.state !== "resolved").length;
  const all = (tally.state.get("active") ?? 0) + (tally.state.get("muted") ?? 0);
  const rest = here < all ? `The ${grouped(here)} worst of ${grouped(all)} are here.` : "";
  const why = past ? whyNotRead(state, "Past issues") : rest && whyNotRead(state, "The others");
  if (!why) return nothing;
  return html`<p class="vw-elsewhere">${rest} ${why} ${past ? "What resolves while you watch stays here." : ""}</p>`;
}

/**
 * @param {number} total
 * @param {State} state
 * @param {Acts} acts
 */
function more(total, state, acts) {
  const { shown } = state.choice;
  if (total <= shown) return nothing;
  return html`<button
    type="button"
    class="vw-button vw-more"
    @click=${() => acts.choose({ shown: shown + 2 * PAGE_ROWS })}
  >
    Show more (${grouped(total - shown)} left)
  </button>`;
}
