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
export const LOOK_WORD = {
  ok: "ok",
  partial: "partly",
  failed: "failed",
  timed_out: "out of time",
  skipped: "skipped",
};

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
 * For names, ids and instants, which no language orders in a way of its own; a comparison by language costs a page as much
 * time as drawing it, when it is the first.
 *
 * @param {string} one
 * @param {string} other
 * @returns {number} Below zero where the first comes first.
 */
export function inOrder(one, other) {
  return one < other ? -1 : Number(one > other);
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
  return written(at, { dateStyle: "medium", timeStyle: "medium" });
}

/**
 * @param {number | string | null | undefined} at
 * @returns {string} Time of day in the reader's zone; a dash for nothing.
 */
export function clock(at) {
  return written(at, { timeStyle: "medium" });
}

/**
 * @param {number | string | null | undefined} at
 * @param {Intl.DateTimeFormatOptions} style Of the date, the time or both.
 * @returns {string} The instant as the reader's language writes it, in the reader's zone; a dash for nothing.
 */
export function written(at, style) {
  const ms = milliseconds(at);
  if (Number.isNaN(ms)) return "–";
  const instant = new Date(ms);
  return isWarm ? instant.toLocaleString(undefined, style) : plainly(instant, style);
}

/**
 * @param {Date} instant
 * @param {Intl.DateTimeFormatOptions} style
 */
function plainly(instant, { dateStyle, timeStyle }) {
  const two = (/** @type {number} */ part) => String(part).padStart(2, "0");
  const date = [instant.getFullYear(), two(instant.getMonth() + 1), two(instant.getDate())].join("-");
  const seconds = timeStyle === "short" ? [] : [two(instant.getSeconds())];
  const time = [two(instant.getHours()), two(instant.getMinutes()), ...seconds].join(":");
  return [...(dateStyle ? [date] : []), ...(timeStyle ? [time] : [])].join(" ");
}

let isWarm = false;
/** By then a page has been drawn. */
const DRAWN_MS = 2_000;

/**
 * Numbers and times are written as the reader's language does from now on. What is drawn before is written plainly: the
 * browser takes a tenth of a second for the first of them, as long as for all else that a page shows.
 */
export function warm() {
  new Date().toLocaleString(undefined, { dateStyle: "medium" });
  isWarm = true;
}

const warming = setTimeout(warm, DRAWN_MS);
if (typeof warming === "object") /** @type {any} */ (warming).unref(); // Node waits for no timer of ours.

/** @param {number} count */
export function grouped(count) {
  return isWarm ? count.toLocaleString() : String(count);
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
 * A value of an issue's evidence as text, with the unit that the end of its name states.
 *
 * @param {string} name For instance `free_bytes`, `used_ratio`, `timeoutS`.
 * @param {unknown} value
 * @returns {string}
 */
export function evidenceText(name, value) {
  if (typeof value === "string") return value;
  if (typeof value === "number") return measure(name, value);
  if (Array.isArray(value) && value.every((each) => typeof each !== "object"))
    return value.map((each) => evidenceText(name, each)).join("\n");
  if (value !== null && typeof value === "object" && Object.values(value).every((each) => typeof each !== "object"))
    return Object.entries(value)
      .map(([key, each]) => `${evidenceName(key)}: ${evidenceText(key, each)}`)
      .join("\n");
  return JSON.stringify(value, null, 1);
}

/**
 * @param {string} name
 * @param {number} value
 */
function measure(name, value) {
  const unit = name.match(/(?:_|(?=[A-Z]))([a-zA-Z]+)$/)?.[1]?.toLowerCase();
  if (unit === "ratio") return `${Number((100 * value).toPrecision(3))} %`;
  if (unit === "bytes") return bytes(value);
  if (unit === "s") return span(1000 * value);
  if (unit === "ms") return span(value);
  return Number.isInteger(value) && Math.abs(value) >= 10_000 && unit !== "pid"
    ? grouped(value)
    : String(Number(value.toPrecision(6)));
}

/**
 * @param {number} count
 * @returns {string} For instance `3.1 GiB`.
 */
export function bytes(count) {
  const steps = Math.min(5, Math.max(0, Math.floor(Math.log2(Math.max(1, Math.abs(count))) / 10)));
  const unit = ["B", "KiB", "MiB", "GiB", "TiB", "PiB"][steps];
  return `${Number((count / 1024 ** steps).toPrecision(3))} ${unit}`;
}

/**
 * @param {string} name Of a piece of evidence.
 * @returns {string} In words, without the unit that its value shows.
 */
export function evidenceName(name) {
  const words = name.replace(/_/g, " ").replace(/([a-z])([A-Z])/g, (_, low, high) => `${low} ${high.toLowerCase()}`);
  return words.replace(/ (?:ratio|bytes|ms|s)$/, "");
}
