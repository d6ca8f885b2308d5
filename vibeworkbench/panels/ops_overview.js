/** The upper half of the ops panel: health, the scan that runs or ran last, and what comes next. */

import { html, nothing, svg } from "lit-html";
import { LOOK_WORD, absolute, counted, grouped, inOrder, milliseconds, relative, span, triggerWord } from "./words.js";

/**
 * @typedef {import("./ops_state.js").State} State
 * @typedef {import("./ops_state.js").Scan} Scan
 * @typedef {import("./ops_state.js").Running} Running
 */

/** Targets shown before the rest folds away. */
const TARGETS_SHOWN = 5;

/** Grey shapes in the places of what is being loaded. */
export function skeleton() {
  return html`<div class="vw-overview" aria-hidden="true">
      ${[1, 2, 3].map(() => html`<div class="vw-card vw-skeleton"><i></i><i></i><i></i></div>`)}
    </div>
    <p class="vw-quiet" role="status">Loading</p>`;
}

/** @param {State} state */
export function overview(state) {
  return html`<div class="vw-overview">${health(state)} ${scans(state)} ${targets(state)} ${schedules(state)}</div>`;
}

// --- Health ---

/** @param {number | null} score */
function mood(score) {
  if (score === null) return ["unknown", "Not yet known"];
  if (score >= 90) return ["good", "Healthy"];
  if (score >= 70) return ["fair", "Needs a look"];
  return score >= 40 ? ["poor", "Troubled"] : ["bad", "Critical"];
}

/** @param {State} state */
function health({ health: { score, at, history }, nowMs }) {
  const [tone, word] = mood(score);
  return html`<section class="vw-card vw-health" data-mood=${tone} aria-label="Health">
    <h3>Health</h3>
    <div class="vw-score">
      <b>${score === null ? "–" : Math.round(score)}</b>
      <span class="vw-score-words"
        ><span class="vw-mood">${word}</span
        >${score !== null && at ? html`<time title=${absolute(at)}>${relative(at, nowMs)}</time>` : nothing}</span
      >
    </div>
    ${sparkline(history, nowMs)}
  </section>`;
}

/**
 * @param {{at: string, score: number | null}[]} history
 * @param {number} nowMs
 */
function sparkline(history, nowMs) {
  const points = history.flatMap(({ at, score }) => (score === null ? [] : [{ atMs: milliseconds(at), score }]));
  const first = points[0];
  const last = points.at(-1);
  if (first === undefined || last === undefined) return html`<p class="vw-why">History begins with the first scan.</p>`;
  const endMs = Math.max(nowMs, last.atMs, first.atMs + 1);
  const x = (/** @type {number} */ atMs) => (200 * (atMs - first.atMs)) / (endMs - first.atMs);
  const y = (/** @type {number} */ score) => 42 - 0.4 * score;
  // The score holds until the next scan says otherwise: steps, not slopes.
  const steps = points.map(
    ({ atMs, score }, place) =>
      `${place ? `H${x(atMs).toFixed(1)}` : `M${x(atMs).toFixed(1)} ${y(score).toFixed(1)}`}V${y(score).toFixed(1)}`,
  );
  const line = `${steps.join("")}H200`;
  const lowest = Math.min(...points.map(({ score }) => score));
  const label = `Score over the last ${span(endMs - first.atMs)}: now ${Math.round(last.score)}, lowest ${Math.round(lowest)}`;
  return html`<figure class="vw-spark" title=${label}>
    <svg viewBox="0 0 200 44" preserveAspectRatio="none" role="img" aria-label=${label}>
      ${svg`<path class="vw-spark-area" d="${line}V44H0Z"/><path class="vw-spark-line" d="${line}"/>`}
    </svg>
    <figcaption>
      <span>${span(endMs - first.atMs)} ago</span><span>lowest ${Math.round(lowest)}</span><span>now</span>
    </figcaption>
  </figure>`;
}

/** @param {State} state */
function targets({ health: { targets: all } }) {
  if (all.length === 0) return nothing;
  const worstFirst = [...all].sort(
    (one, other) => (one.score ?? 101) - (other.score ?? 101) || inOrder(one.target, other.target),
  );
  const rest = worstFirst.slice(TARGETS_SHOWN);
  return html`<section class="vw-card vw-targets" aria-label="Targets">
    <h3>Targets <span class="vw-number">${grouped(all.length)}</span></h3>
    <ul>
      ${worstFirst.slice(0, TARGETS_SHOWN).map(target)}
    </ul>
    ${
      rest.length > 0
        ? html`<details>
            <summary>${counted(rest.length, "more", "more")}</summary>
            <ul>
              ${rest.map(target)}
            </ul>
          </details>`
        : nothing
    }
  </section>`;
}

/** @param {import("./ops_state.js").TargetHealth} health */
function target({ target: name, score, worst, issues }) {
  const [tone] = mood(score);
  const title =
    score === null
      ? `${name}: not yet looked at`
      : issues === 0
        ? `${name}: no issue`
        : `${name}: ${counted(issues, "issue")}, worst ${worst ?? "unknown"}`;
  return html`<li data-mood=${tone} title=${title}>
    <span class="vw-target-name">${name}</span>
    <span class="vw-meter" aria-hidden="true"
      ><i style=${`width:${score === null ? 0 : Math.max(2, score)}%`}></i
    ></span>
    <span class="vw-number">${score === null ? "–" : Math.round(score)}</span>
  </li>`;
}

// --- Scans ---

/** @param {State} state */
function scans(state) {
  const running = [...state.running.values()];
  return html`<section class="vw-card vw-scans" aria-label="Scans">
    <h3>${running.length > 0 ? "Scanning now" : "Last scan"}</h3>
    ${running.map((scan) => progress(scan, state.nowMs))}
    ${state.lastScan === null ? never(running.length) : lastScan(state.lastScan, running.length > 0, state.nowMs)}
  </section>`;
}

/** @param {number} running */
function never(running) {
  return running > 0 ? nothing : html`<p class="vw-why">Nothing has been looked at yet.</p>`;
}

/**
 * @param {Running} scan
 * @param {number} nowMs
 */
function progress({ scope, trigger, startedAtMs, progress: { processed, total }, step }, nowMs) {
  const known = total > 0;
  const ratio = known ? Math.min(1, processed / total) : 0;
  return html`<div class="vw-progress" data-scope=${scope}>
    <div class="vw-line">
      <b>${scope}</b> <span>${triggerWord(trigger)}</span>
      <span class="vw-number vw-end">${span(nowMs - startedAtMs)}</span>
    </div>
    <div
      class="vw-track"
      role="progressbar"
      aria-label=${`${scope} scan`}
      aria-valuemin="0"
      aria-valuemax="100"
      aria-valuenow=${known ? Math.round(100 * ratio) : nothing}
      ?data-unknown=${!known}
    >
      <i style=${known ? `width:${(100 * ratio).toFixed(1)}%` : ""}></i>
    </div>
    <div class="vw-line vw-why">
      <span>${step || "Starting"}</span>
      ${known ? html`<span class="vw-number vw-end">${grouped(processed)} of ${grouped(total)}</span>` : nothing}
    </div>
  </div>`;
}

/**
 * @param {Scan} scan
 * @param {boolean} aside Whether it stands below a running one.
 * @param {number} nowMs
 */
function lastScan(scan, aside, nowMs) {
  const tookMs = milliseconds(scan.completedAt) - milliseconds(scan.startedAt);
  const slowestMs = Math.max(1, ...scan.collectors.map(({ durationMs }) => durationMs));
  return html`<div class="vw-last" ?data-aside=${aside} data-scan=${scan.scanId} data-status=${scan.status}>
    <div class="vw-line">
      <b>${scan.scope}</b>
      <span class="vw-outcome" data-status=${scan.status}>${scan.status}</span>
      <time class="vw-end" title=${absolute(scan.completedAt)}>${relative(scan.completedAt, nowMs)}</time>
    </div>
    ${
      aside
        ? nothing
        : html`<dl class="vw-sums">
            ${sum(scan.findings.total, "findings")} ${sum(scan.issuesFiled, "filed")}
            ${sum(scan.issuesResolved, "resolved")} ${sum(scan.processedLogs, "records")}
            <div>
              <dd>${Number.isNaN(tookMs) ? "–" : span(tookMs)}</dd>
              <dt>took</dt>
            </div>
          </dl>`
    }
    <ul class="vw-collectors" aria-label="Collectors">
      ${scan.collectors.map((run) => collector(run, slowestMs))}
    </ul>
  </div>`;
}

/**
 * @param {import("./ops_state.js").CollectorRun} run
 * @param {number} slowestMs
 */
function collector({ name, state, durationMs, reason }, slowestMs) {
  const word = LOOK_WORD[/** @type {keyof typeof LOOK_WORD} */ (state)];
  return html`<li data-look=${state} title=${reason || `${name}: ${word} in ${span(durationMs)}`}>
    <span class="vw-collector-name">${name}</span>
    <span class="vw-meter" aria-hidden="true">
      <i style=${`width:${Math.max(1, (100 * durationMs) / slowestMs).toFixed(1)}%`}></i>
    </span>
    <span class="vw-look">${state === "ok" ? span(durationMs) : word}</span>
  </li>`;
}

/**
 * @param {number} count
 * @param {string} name
 */
function sum(count, name) {
  return html`<div>
    <dd>${grouped(count)}</dd>
    <dt>${name}</dt>
  </div>`;
}

/** @param {State} state */
function schedules({ schedules: all, nowMs }) {
  if (all.length === 0) return nothing;
  return html`<section class="vw-card vw-schedules" aria-label="Schedules">
    <h3>Coming up</h3>
    <ul>
      ${all.map(
        ({ name, cron, scope, timezone, nextFireAt }) =>
          html`<li title=${`${scope} scan, ${cron} (${timezone})`}>
            <span><b>${name}</b> <code>${cron}</code> <span class="vw-why">${timezone}</span></span>
            <time class="vw-end" title=${absolute(nextFireAt)}>${relative(nextFireAt, nowMs)}</time>
          </li>`,
      )}
    </ul>
  </section>`;
}
