/** The containers: how each stands, what it uses, how often it was started again. */

import { html, nothing } from "lit-html";
import { repeat } from "lit-html/directives/repeat.js";
import { live } from "lit-html/directives/live.js";
import { chosen } from "./containers_state.js";
import { plain } from "./log_text.js";
import { course } from "./log_parts.js";
import { empty, walker } from "./panel_controls.js";
import { absolute, bytes, counted, grouped, relative } from "./words.js";

/**
 * @typedef {import("./containers_state.js").State} State
 * @typedef {import("./containers_state.js").Container} Container
 * @typedef {import("./containers.js").Acts} Acts
 */

/** @param {Container} container */
export function standing({ state, health, score }) {
  const word = health && health !== "none" && state === "running" ? health : state || "unknown";
  return html`<span
    class="vw-stands"
    data-mood=${mood(state, score)}
    title=${score === undefined ? word : `${word}, ${score} of 100`}
    ><i aria-hidden="true"></i>${word}</span
  >`;
}

/**
 * @param {string} state
 * @param {number | undefined} score
 */
function mood(state, score) {
  if (score === undefined) return state === "running" ? "good" : "unknown";
  if (score >= 90) return state === "running" ? "good" : "unknown";
  if (score >= 70) return "fair";
  return score >= 40 ? "poor" : "bad";
}

/**
 * @param {State} state
 * @param {Acts} acts
 */
export function containerList(state, acts) {
  const rows = chosen(state);
  const stop = rows.some(({ containerId }) => containerId === state.selected) ? state.selected : rows[0]?.containerId;
  return html`<section class="vw-containers-main" aria-label="Containers">
    <div class="vw-filters vw-container-search">
      <input
        type="search"
        placeholder="Search containers"
        aria-label="Search containers"
        spellcheck="false"
        .value=${live(state.text)}
        @input=${(/** @type {any} */ event) => acts.search(event.target.value)}
      />
      <span class="vw-why vw-end">${tally(state)}</span>
    </div>
    <ul
      class="vw-container-rows"
      aria-label=${counted(rows.length, "container")}
      @keydown=${walker(".vw-container-row")}
    >
      ${repeat(
        rows,
        ({ containerId }) => containerId,
        (container) => row(state, container, container.containerId === stop, acts),
      )}
    </ul>
    ${rows.length === 0 ? nobody(state, acts) : nothing}
  </section>`;
}

/** @param {State} state */
function tally({ containers }) {
  const all = [...containers.values()];
  const running = all.filter(({ state }) => state === "running").length;
  return all.length === 0 ? "" : `${grouped(running)} of ${grouped(all.length)} running`;
}

/**
 * @param {State} state
 * @param {Container} container
 * @param {boolean} reachable
 * @param {Acts} acts
 */
function row(state, container, reachable, acts) {
  const { containerId, containerName, image, reasons, restarts, lastSeenAt, latest } = container;
  const on = state.selected === containerId;
  const courses = state.courses.get(containerId);
  const cpu = latest?.cpuPercent ?? null;
  const memory = latest?.memoryBytes ?? null;
  const limit = latest?.memoryLimitBytes ?? null;
  const highestCpu = Math.max(100, 100 * (latest?.cpuLimit ?? 0), ...(courses?.cpu ?? []).map((value) => value ?? 0));
  const highestMemory = limit ?? Math.max(1, ...(courses?.memory ?? []).map((value) => 1.2 * (value ?? 0)));
  return html`<li>
    <button
      type="button"
      class="vw-container-row"
      data-container=${containerId}
      aria-expanded=${on}
      tabindex=${reachable ? 0 : -1}
      @click=${() => acts.select(on ? null : containerId)}
    >
      ${standing(container)}
      <span class="vw-container-what">
        <span class="vw-title">${plain(containerName)}</span>
        <span class="vw-meta"
          >${image ? html`<span class="vw-subject">${plain(image)}</span>` : nothing}
          ${reasons?.[0] ? html`<span class="vw-flag">${plain(reasons[0])}</span>` : nothing}</span
        >
      </span>
      <span class="vw-use">
        ${course(courses?.cpu ?? [], highestCpu, "Processor")}
        <span class="vw-number" title="Of one processor"
          >${cpu === null ? "–" : `${Number(cpu.toPrecision(3))} %`}</span
        >
      </span>
      <span class="vw-use" data-of="memory">
        ${course(courses?.memory ?? [], highestMemory, "Memory")}
        <span class="vw-number" title=${limit ? `of ${bytes(limit)}` : "No limit"}
          >${memory === null ? "–" : bytes(memory)}</span
        >
      </span>
      <span class="vw-count" title="Started again by its engine">${restarts ? `↻ ${grouped(restarts)}` : ""}</span>
      <span class="vw-when" title=${`Last heard of ${absolute(lastSeenAt)}`}>${relative(lastSeenAt, state.nowMs)}</span>
    </button>
  </li>`;
}

/**
 * @param {State} state
 * @param {Acts} acts
 */
function nobody({ text, engine, failure, loading }, acts) {
  if (failure !== "")
    return empty(
      "Containers could not be read",
      failure,
      html`<button type="button" class="vw-button" @click=${acts.again}>Try again</button>`,
    );
  if (loading) return html`<p class="vw-log-end" role="status">Reading containers…</p>`;
  if (text !== "")
    return empty(
      "No container fits",
      "Names, images and states are searched.",
      html`<button type="button" class="vw-button" @click=${() => acts.search("")}>Clear the search</button>`,
    );
  const here =
    engine?.state === "connected" ? "The engine of this server runs none." : "This server has no container engine.";
  return empty(
    "No container yet",
    html`${engine === null ? "" : here} <code>vibeworkbench agent</code> on another machine brings its containers here.`,
  );
}
