/** Pieces that show logs: a line's text, its level, a template's text, a course over time. */

import { html, nothing, svg } from "lit-html";
import { marked, spansOf } from "./log_text.js";
import { absolute, counted, milliseconds, span } from "./words.js";

/** @typedef {{from: string, bucketS: number, counts: number[]}} Spark */

/** Levels, most serious first. */
export const LEVELS = /** @type {const} */ ([
  "fatal",
  "critical",
  "error",
  "warning",
  "notice",
  "info",
  "debug",
  "trace",
  "unknown",
]);

/** @param {string} level */
export function levelChip(level) {
  return html`<span class="vw-level" data-level=${level}>${level === "unknown" ? "–" : level}</span>`;
}

/**
 * @param {string} text As a stranger wrote it.
 * @param {string[]} [words] What stands out.
 */
export function logText(text, words = []) {
  return marked(spansOf(text), words).map((each) =>
    each.look === "" ? each.text : html`<span class=${each.look}>${each.text}</span>`,
  );
}

/**
 * @param {string} text With wildcards such as `<ip>` and `<*>`.
 */
export function templateText(text) {
  return text
    .split(/(<[a-z*][a-z0-9_*-]{0,30}>)/i)
    .map((part, place) => (place % 2 === 1 ? html`<i class="vw-wild">${part}</i>` : logText(part)));
}

/**
 * How often something was seen, bucket by bucket.
 *
 * @param {Spark | null | undefined} spark
 * @param {string} [size] `large` where it stands alone.
 */
export function bars(spark, size = "") {
  if (!spark || spark.counts.length === 0) return nothing;
  const { from, bucketS, counts } = spark;
  const highest = Math.max(1, ...counts);
  const total = counts.reduce((sum, count) => sum + count, 0);
  const label = `${counted(total, "time")} since ${absolute(from)}, at most ${counted(Math.max(...counts), "time")} in ${span(1000 * bucketS)}`;
  const high = 20;
  const bar = (/** @type {number} */ count, /** @type {number} */ place) => {
    const tall = count === 0 ? 0.5 : Math.max(1.5, (high * count) / highest);
    return svg`<rect x=${place + 0.1} y=${(high - tall).toFixed(2)} width="0.8" height=${tall.toFixed(2)} ?data-none=${count === 0}/>`;
  };
  return html`<svg
    class="vw-bars"
    data-size=${size || nothing}
    viewBox=${`0 0 ${counts.length} ${high}`}
    preserveAspectRatio="none"
    role="img"
    aria-label=${label}
  >
    <title>${label}</title>
    ${counts.map(bar)}
  </svg>`;
}

/**
 * A measure over time as a line; gaps where nothing was measured.
 *
 * @param {(number | null)[]} values
 * @param {number} highest The value at the upper edge.
 * @param {string} label
 */
export function course(values, highest, label) {
  const last = values.length - 1;
  if (last < 1) return html`<span class="vw-course" aria-hidden="true"></span>`;
  let path = "";
  let drawing = false;
  for (const [place, value] of values.entries()) {
    if (value !== null) {
      const y = 19 - 18 * Math.min(1, Math.max(0, value / highest));
      path += `${drawing ? "L" : "M"}${((100 * place) / last).toFixed(1)} ${y.toFixed(1)}`;
    }
    drawing = value !== null;
  }
  return html`<svg class="vw-course" viewBox="0 0 100 20" preserveAspectRatio="none" role="img" aria-label=${label}>
    <title>${label}</title>
    ${svg`<path d=${path}/>`}
  </svg>`;
}

/**
 * @param {string | null | undefined} at
 * @param {number} nowMs
 * @returns {string} Time of day to the millisecond in the reader's zone; to the second with the day where it is not today.
 */
export function stamp(at, nowMs) {
  const ms = milliseconds(at);
  if (Number.isNaN(ms)) return "–";
  const instant = new Date(ms);
  const two = (/** @type {number} */ number) => String(number).padStart(2, "0");
  const clock = `${two(instant.getHours())}:${two(instant.getMinutes())}:${two(instant.getSeconds())}`;
  if (instant.toDateString() === new Date(nowMs).toDateString())
    return `${clock}.${String(instant.getMilliseconds()).padStart(3, "0")}`;
  return `${two(instant.getMonth() + 1)}-${two(instant.getDate())} ${clock}`;
}
