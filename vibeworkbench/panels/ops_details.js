/** The details of one issue: what it is, what it rests on, what became of it, and what can be done. */

import { html, nothing } from "lit-html";
import { VERBS, standing, whyNotAct } from "./ops_choice.js";
import { SHOWN, isOfLogs, logEvidence } from "./ops_logs.js";
import { closeButton, fact } from "./panel_controls.js";
import { whyNotRead, whyWatching } from "./rights.js";
import { severityChip, stateChip } from "./ops_issues.js";
import { STATE_WORD, absolute, counted, evidenceName, evidenceText, grouped, relative } from "./words.js";

/**
 * @typedef {import("./ops_state.js").State} State
 * @typedef {import("./ops_state.js").Issue} Issue
 * @typedef {import("./ops_choice.js").Verb} Verb
 * @typedef {import("./ops.js").Acts} Acts
 */

/** @type {Record<Verb, string>} */
const VERB_WORD = { acknowledge: "Acknowledge", claim: "Claim", resolve: "Resolve…", mute: "Mute…", reopen: "Reopen…" };

const MUTES = [
  ["1", "1 hour"],
  ["4", "4 hours"],
  ["24", "1 day"],
  ["168", "1 week"],
  ["720", "30 days"],
];

/**
 * @param {State} state
 * @param {Issue} issue
 * @param {Acts} acts
 */
export function details(state, issue, acts) {
  const stands = standing(state, issue);
  return html`
    <aside class="vw-details" aria-label="Issue details" data-issue=${issue.issueId}>
      <div class="vw-details-head">
        ${severityChip(issue.severity)} ${stateChip(stands)}
        ${issue.flapping ? html`<span class="vw-flag">flapping</span>` : nothing}
        ${closeButton("Close details", () => acts.select(null))}
      </div>
      <h3 class="vw-details-title">${issue.title}</h3>
      ${issue.subject ? html`<p class="vw-subject">${issue.subject}</p>` : nothing}
      ${issue.hint ? html`<p class="vw-hint">${issue.hint}</p>` : nothing} ${actions(state, issue, acts)}
      ${facts(issue, state.nowMs)} ${evidence(issue, state.nowMs)} ${history(issue, state)}
    </aside>
  `;
}

/**
 * @param {State} state
 * @param {Issue} issue
 * @param {Acts} acts
 */
function actions(state, issue, acts) {
  if (acts.readOnly || state.role === null || whyWatching(state) !== "") return nothing;
  const why = state.wished.has(issue.issueId) ? "The server is asked." : whyNotAct(state);
  return html`
    <div class="vw-verbs">
      ${VERBS[standing(state, issue)].map(
        (verb, place) =>
          html`<button
            type="button"
            class=${place === 0 ? "vw-button vw-first" : "vw-button"}
            data-verb=${verb}
            aria-disabled=${why !== ""}
            aria-expanded=${state.form === verb}
            aria-describedby=${why === "" ? nothing : `${acts.id}-verbs`}
            title=${why}
            @click=${() => (why === "" ? begin(verb, state, issue, acts) : acts.tell(why))}
          >
            ${VERB_WORD[verb]}
          </button>`,
      )}
    </div>
    ${why === "" ? nothing : html`<p class="vw-why" id=${`${acts.id}-verbs`}>${why}</p>`}
    ${state.form !== null && why === "" ? form(state.form, issue, acts) : nothing}
  `;
}

/**
 * @param {Verb} verb
 * @param {State} state
 * @param {Issue} issue
 * @param {Acts} acts
 */
function begin(verb, state, issue, acts) {
  if (verb === "acknowledge" || verb === "claim") acts.act(issue, verb, {});
  else acts.form(state.form === verb ? null : verb);
}

/**
 * @param {Verb} verb
 * @param {Issue} issue
 * @param {Acts} acts
 */
function form(verb, issue, acts) {
  return html`<form class="vw-form" @submit=${(/** @type {SubmitEvent} */ event) => submit(event, verb, issue, acts)}>
    ${
      verb === "resolve"
        ? html`<label
            >What made it well?<textarea name="resolution" rows="2" required maxlength="2000"></textarea>
          </label>`
        : nothing
    }
    ${
      verb === "mute"
        ? html`<label
            >Silent for<select name="hours">
              ${MUTES.map(([hours, text]) => html`<option value=${hours} ?selected=${hours === "24"}>${text}</option>`)}
            </select></label
          >`
        : nothing
    }
    ${verb === "reopen" ? html`<p>It goes back to everybody as open${issue.claimedBy ? `; ${issue.claimedBy} no longer has it` : ""}.</p>` : nothing}
    ${verb === "resolve" ? nothing : html`<label>Note <span class="vw-optional">optional</span><input name="note" maxlength="2000" /></label>`}
    <div class="vw-form-end">
      <button type="submit" class="vw-button vw-first">${VERB_WORD[verb].replace("…", "")}</button>
      <button type="button" class="vw-button" @click=${() => acts.form(null)}>Cancel</button>
    </div>
  </form>`;
}

/**
 * @param {SubmitEvent} event
 * @param {Verb} verb
 * @param {Issue} issue
 * @param {Acts} acts
 */
function submit(event, verb, issue, acts) {
  event.preventDefault();
  const given = new FormData(/** @type {HTMLFormElement} */ (event.target));
  /** @type {Record<string, string>} */
  const body = {};
  const note = String(given.get("note") ?? "").trim();
  if (note) body["note"] = note;
  if (verb === "resolve") body["resolution"] = String(given.get("resolution") ?? "").trim();
  if (verb === "mute") body["until"] = new Date(Date.now() + Number(given.get("hours")) * 3_600_000).toISOString();
  if (verb !== "resolve" || body["resolution"]) acts.act(issue, verb, body);
}

/**
 * @param {Issue} issue
 * @param {number} nowMs
 */
function facts(issue, nowMs) {
  const since = (/** @type {string | undefined | null} */ at) =>
    html`<span title=${absolute(at)}>${relative(at, nowMs)}</span>`;
  return html`<dl class="vw-facts">
    <div>
      <dt>First seen</dt>
      <dd>${since(issue.firstSeenAt)}</dd>
    </div>
    <div>
      <dt>Last seen</dt>
      <dd>${since(issue.lastSeenAt)}</dd>
    </div>
    <div>
      <dt>Seen</dt>
      <dd>${counted(issue.count ?? 1, "time")}</dd>
    </div>
    ${fact("Claimed by", issue.claimedBy)}
    ${
      issue.state === "muted"
        ? html`<div>
            <dt>Muted until</dt>
            <dd>${absolute(issue.mutedUntil)}</dd>
          </div>`
        : nothing
    }
    ${fact("Resolution", issue.state === "resolved" ? issue.resolution : null)} ${fact("Note", issue.note)}
    ${
      issue.reopenedCount
        ? html`<div>
            <dt>Came back</dt>
            <dd>${counted(issue.reopenedCount, "time")}</dd>
          </div>`
        : nothing
    }
    ${fact("Type", issue.type)} ${fact("Check", issue.check)} ${fact("Collector", issue.collector)}
  </dl>`;
}

/**
 * @param {Issue} issue
 * @param {number} nowMs
 */
function evidence({ evidence: told = {} }, nowMs) {
  const ofLogs = isOfLogs(told);
  const entries = Object.entries(told).filter(([name]) => !ofLogs || !SHOWN.has(name));
  return html`${ofLogs ? logEvidence(told, nowMs) : nothing}
  ${
    entries.length === 0
      ? nothing
      : html`<section>
          <h4>Evidence</h4>
          <dl class="vw-evidence">
            ${entries.map(
              ([name, value]) =>
                html`<dt>${evidenceName(name)}</dt>
                  <dd>${evidenceText(name, value)}</dd>`,
            )}
          </dl>
        </section>`
  }`;
}

/**
 * @param {Issue} issue
 * @param {State} state
 */
function history(issue, state) {
  const lines = [...(issue.history ?? [])].reverse();
  return html`<section>
    <h4>History ${lines.length > 1 ? html`<span class="vw-number">${grouped(lines.length)}</span>` : nothing}</h4>
    ${issue.history === undefined ? html`<p class="vw-why">${whyNotRead(state, "Earlier changes") || "Reading…"}</p>` : nothing}
    <ol class="vw-history">
      ${lines.map(
        ({ at, from, to, actor, note }) =>
          html`<li data-state=${to}>
            <span class="vw-history-what">${happened(from, to)}</span> by ${actor}
            <time datetime=${at} title=${absolute(at)}>${relative(at, state.nowMs)}</time>
            ${note ? html`<q>${note}</q>` : nothing}
          </li>`,
      )}
    </ol>
  </section>`;
}

/**
 * @param {string | null} from
 * @param {string} to
 */
function happened(from, to) {
  if (from === null) return "filed";
  if (from === to) return "changed";
  return STATE_WORD[/** @type {keyof typeof STATE_WORD} */ (to)];
}
