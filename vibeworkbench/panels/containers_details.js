/** One container: its lines live, its errors, its processes, and what it is. */

import { html, nothing } from "lit-html";
import { standing } from "./containers_list.js";
import { course, logText } from "./log_parts.js";
import { plain } from "./log_text.js";
import { message, record } from "./logs_record.js";
import { lineView } from "./logs_lines.js";
import { closeButton, empty, fact } from "./panel_controls.js";
import { mayRead, whyNotRead } from "./rights.js";
import { absolute, bytes, counted, grouped, relative } from "./words.js";

/**
 * @typedef {import("./containers_state.js").State} State
 * @typedef {import("./containers_state.js").Container} Container
 * @typedef {import("./containers.js").Acts} Acts
 */

const TABS = /** @type {const} */ ([
  ["lines", "Lines"],
  ["errors", "Errors"],
  ["processes", "Processes"],
  ["about", "About"],
]);

/**
 * @param {State} state
 * @param {Container} container
 * @param {Acts} acts
 */
export function containerDetails(state, container, acts) {
  return html`<aside
    class="vw-details vw-container"
    aria-label="Container"
    data-open-container=${container.containerId}
  >
    <div class="vw-details-head">
      ${standing(container)}
      ${container.score === undefined ? nothing : html`<span class="vw-why">${container.score} of 100</span>`}
      ${closeButton("Close the container", () => acts.select(null))}
    </div>
    <h3 class="vw-details-title">${plain(container.containerName)}</h3>
    ${container.image ? html`<p class="vw-subject">${plain(container.image)}</p>` : nothing}
    ${(container.reasons ?? []).map((reason) => html`<p class="vw-hint">${capital(plain(reason))}.</p>`)}
    ${courses(state, container)}
    <div class="vw-tabs" role="group" aria-label="Of this container">
      ${TABS.map(
        ([name, label]) =>
          html`<button type="button" aria-pressed=${state.tab === name} @click=${() => acts.tab(name)}>
            ${label} ${count(state, name)}
          </button>`,
      )}
    </div>
    ${shown(state, container, acts)}
  </aside>`;
}

/** @param {string} text */
function capital(text) {
  return text.charAt(0).toUpperCase() + text.slice(1);
}

/**
 * @param {State} state
 * @param {string} tab
 */
function count(state, tab) {
  const many = tab === "errors" ? state.errors.length : tab === "processes" ? state.processes.length : 0;
  return many > 0 ? html`<span class="vw-number">${grouped(many)}</span>` : nothing;
}

/**
 * @param {State} state
 * @param {Container} container
 */
function courses(state, { containerId, latest }) {
  const known = state.courses.get(containerId);
  if (!known || !latest) return nothing;
  const highest = (/** @type {(number | null)[]} */ values, /** @type {number} */ least) =>
    Math.max(least, ...values.map((value) => value ?? 0));
  const limit = latest.memoryLimitBytes ?? null;
  return html`<div class="vw-courses">
    <figure class="vw-course-large">
      ${course(known.cpu, highest(known.cpu, 100 * (latest.cpuLimit ?? 1)), "Processor")}
      <figcaption>
        <span>processor</span
        ><span>${latest.cpuPercent == null ? "–" : `${Number(latest.cpuPercent.toPrecision(3))} %`}</span>
      </figcaption>
    </figure>
    <figure class="vw-course-large">
      ${course(known.memory, limit ?? highest(known.memory, 1), "Memory")}
      <figcaption>
        <span>memory</span
        ><span
          >${latest.memoryBytes == null ? "–" : bytes(latest.memoryBytes)}${limit ? ` of ${bytes(limit)}` : ""}</span
        >
      </figcaption>
    </figure>
  </div>`;
}

/**
 * @param {State} state
 * @param {Container} container
 * @param {Acts} acts
 */
function shown(state, container, acts) {
  if (state.tab === "lines") return lines(state, acts);
  if (state.tab === "errors") return errors(state);
  return state.tab === "processes" ? processes(state) : about(state, container);
}

/**
 * @param {State} state
 * @param {Acts} acts
 */
function lines({ lines: known }, acts) {
  if (known === null) return nothing;
  if (known.selected !== null) return record(known, known.selected, acts.ofLines);
  return html`<div class="vw-container-lines">${lineView(known, acts.ofLines)}</div>`;
}

/** @param {State} state */
function errors(state) {
  const { errors: all, nowMs } = state;
  if (all.length === 0)
    return nothingOf(
      state,
      "errors",
      "No error was reported",
      "Ends that are failures, and what agents report, stand here.",
    );
  return html`<ul class="vw-samples">
    ${all.map(
      (error) =>
        html`<li class="vw-container-error" data-error=${error.errorId}>
          <p>
            <b>${plain(error.type)}</b> <span class="vw-number">×${grouped(error.count)}</span>
            <time class="vw-why vw-end" title=${absolute(error.lastSeenAt)}>${relative(error.lastSeenAt, nowMs)}</time>
          </p>
          ${message(error.stack ? `${error.message}\n${error.stack}` : error.message)}
        </li>`,
    )}
  </ul>`;
}

/** @param {State} state */
function processes(state) {
  if (state.processes.length === 0)
    return nothingOf(state, "processes", "No process was reported", "Agents report the processes within a container.");
  return html`<ul class="vw-processes">
    ${state.processes.map(
      (process) =>
        html`<li ?data-ended=${process.endedAt !== null}>
          <span class="vw-number">${process.processId}</span>
          <span class="vw-process-what" title=${plain(process.command ?? "")}
            ><b>${plain(process.name ?? "")}</b> <code>${logText(process.command ?? "")}</code></span
          >
          <span class="vw-number"
            >${process.endedAt === null ? use(process) : `ended${process.exitCode === null ? "" : ` with ${process.exitCode}`}`}</span
          >
        </li>`,
    )}
  </ul>`;
}

/** @param {import("./containers_state.js").Process} process */
function use({ cpuPercent, memoryBytes }) {
  const parts = [
    cpuPercent === null ? "" : `${Number(cpuPercent.toPrecision(3))} %`,
    memoryBytes === null ? "" : bytes(memoryBytes),
  ];
  return parts.filter(Boolean).join(" · ");
}

/**
 * @param {State} state
 * @param {string} what
 * @param {string} title
 * @param {string} text
 */
function nothingOf(state, what, title, text) {
  if (mayRead(state)) return empty(title, text);
  return empty("None while you watched", `${whyNotRead(state, `Earlier ${what}`)} What comes appears here.`);
}

/**
 * @param {State} state
 * @param {Container} container
 */
function about({ nowMs }, container) {
  const { latest } = container;
  const since = (/** @type {string | null | undefined} */ at) =>
    at ? html`<span title=${absolute(at)}>${relative(at, nowMs)}</span>` : null;
  const size = (/** @type {number | null | undefined} */ value) => (value == null ? null : bytes(value));
  return html`<dl class="vw-facts">
      ${fact("State", container.state)} ${fact("Health", container.health === "none" ? "no check" : container.health)}
      ${fact("Exit code", container.exitCode)} ${fact("Memory used up", container.oomKilled ? "yes" : null)}
      ${fact("Restarts", container.restarts === undefined ? null : counted(container.restarts, "time"))}
      ${fact("Restarts lately", container.restartsLately || null)} ${fact("Started", since(container.startedAt))}
      ${fact("Ended", since(container.finishedAt))} ${fact("First heard of", since(container.firstSeenAt))}
      ${fact("Last heard of", since(container.lastSeenAt))} ${fact("Processes", latest?.processes ?? null)}
      ${fact("Received", size(latest?.networkReceivedBytes))} ${fact("Sent", size(latest?.networkSentBytes))}
      ${fact("Read", size(latest?.blockReadBytes))} ${fact("Written", size(latest?.blockWrittenBytes))}
    </dl>
    <dl class="vw-facts">${fact("Id", html`<code>${container.containerId}</code>`)}</dl>
    ${pairs("Labels", container.labels)} ${pairs("Environment", container.environment)}`;
}

/**
 * @param {string} title
 * @param {Record<string, string> | undefined} told
 */
function pairs(title, told) {
  const entries = Object.entries(told ?? {});
  if (entries.length === 0) return nothing;
  return html`<section>
    <h4>${title}</h4>
    <dl class="vw-evidence">
      ${entries.map(
        ([name, value]) =>
          html`<dt>${logText(name)}</dt>
            <dd>${logText(value)}</dd>`,
      )}
    </dl>
  </section>`;
}
