/** How values are said: names of states, spans of time, numbers. Everything the panels show goes through here. */

/** The weight of a severity in means and in sorting. */
export const SEVERITY_WEIGHT = { info: 1, low: 2, medium: 3, high: 4, critical: 5 };

/** Severities, worst first. */
export const SEVERITIES = /** @type {const} */ (["critical", "high", "medium", "low", "info"]);

/** States of an issue. */
export const STATE_WORD = {
  open: "open",
  acknowledged: "acknowledged",
  in_progress: "in progress",
  muted: "muted",
  resolved: "resolved",
};

/** @type {Record<string, string>} How a collector's look ended. */
export const LOOK_WORD = { ok: "ok", partial: "partly", failed: "failed", timed_out: "out of time", skipped: "skipped" };

/** Connection quality. */
export const QUALITY_WORD = {
  connecting: "Connecting",
  good: "Live",
  slow: "Live, slow",
  reconnecting: "Reconnecting",
  offline: "Offline",
  closed: "Not connected",
};

/**
 * @param {number | string | null | undefined} at Unix milliseconds or an RFC 3339 instant.
 * @returns {number} Unix milliseconds, NaN for nothing.
 */
export function milliseconds(at) {
  return typeof at === "number" ? at : Date.parse(at ?? "");
}

/**
 * @param {number} spanMs
 * @returns {string} The span in its largest unit, such as `3 min`.
 */
export function span(spanMs) {
  const seconds = Math.max(0, spanMs) / 1000;
  if (seconds < 1) return `${Math.round(Math.max(0, spanMs))} ms`;
  if (seconds < 10) return `${seconds.toFixed(1)} s`;
  if (seconds < 90) return `${Math.round(seconds)} s`;
  if (seconds < 90 * 60) return `${Math.round(seconds / 60)} min`;
  if (seconds < 36 * 3600) return `${Math.round(seconds / 3600)} h`;
  return `${Math.round(seconds / 86400)} d`;
}

/**
 * @param {number | string | null | undefined} at
 * @param {number} nowMs
 * @returns {string} For instance `just now`, `5 min ago`, `in 3 h`; a dash for nothing.
 */
export function relative(at, nowMs) {
  const ms = milliseconds(at);
  if (Number.isNaN(ms)) return "–";
  const distanceMs = nowMs - ms;
  if (Math.abs(distanceMs) < 10_000) return "just now";
  return distanceMs > 0 ? `${span(distanceMs)} ago` : `in ${span(-distanceMs)}`;
}

/**
 * @param {number | string | null | undefined} at
 * @returns {string} Date and time in the reader's zone and language; a dash for nothing.
 */
export function absolute(at) {
  const ms = milliseconds(at);
  return Number.isNaN(ms) ? "–" : new Date(ms).toLocaleString(undefined, { dateStyle: "medium", timeStyle: "medium" });
}

/**
 * @param {number | string | null | undefined} at
 * @returns {string} Time of day in the reader's zone; a dash for nothing.
 */
export function clock(at) {
  const ms = milliseconds(at);
  return Number.isNaN(ms) ? "–" : new Date(ms).toLocaleTimeString(undefined, { timeStyle: "medium" });
}

/** @param {number} count */
export function grouped(count) {
  return count.toLocaleString();
}

/**
 * @param {number} count
 * @param {string} one
 * @param {string} [many]
 * @returns {string} For instance `1 issue`, `2 issues`.
 */
export function counted(count, one, many = `${one}s`) {
  return `${grouped(count)} ${count === 1 ? one : many}`;
}

/**
 * @param {string} scanTrigger For instance `rest:ada`, `schedule:full`.
 * @returns {string} For people.
 */
export function triggerWord(scanTrigger) {
  const [kind, who] = scanTrigger.split(/:(.*)/s);
  if (kind === "schedule") return `schedule “${who ?? ""}”`;
  return who ? `by ${who}` : scanTrigger;
}

/**
 * A value of an issue's evidence as text.
 *
 * @param {unknown} value
 * @returns {string}
 */
export function evidenceText(value) {
  if (typeof value === "string") return value;
  if (typeof value === "number") return Number.isInteger(value) ? grouped(value) : String(Number(value.toPrecision(5)));
  if (Array.isArray(value) && value.every((each) => typeof each !== "object")) return value.map(evidenceText).join("\n");
  return JSON.stringify(value, null, 1);
}
