/** What the reader of the logs panel asked for: as a question to REST, and as a judgement of lines that arrive. Pure. */

/**
 * @typedef {import("./logs_state.js").LogLine} LogLine
 *
 * @typedef {object} Choice
 * @property {string} text Words and quoted phrases, all of which must occur.
 * @property {string} level Lowest level; empty for all.
 * @property {string} source `kind:source`; empty for all.
 * @property {string} instance Of the source; empty for all.
 * @property {string} template A template's id; empty for all.
 * @property {number} lastS So many seconds back from now; 0 when `from` and `to` say it, or nothing does.
 * @property {string} from RFC 3339; empty for the beginning.
 * @property {string} to RFC 3339; empty for now and what comes.
 */

/** @type {Choice} */
export const EVERYTHING = Object.freeze({
  text: "",
  level: "",
  source: "",
  instance: "",
  template: "",
  lastS: 0,
  from: "",
  to: "",
});

/** Time ranges that a reader can take with one grasp. */
export const RANGES = /** @type {[number, string][]} */ ([
  [0, "Any time"],
  [900, "Last 15 min"],
  [3600, "Last hour"],
  [6 * 3600, "Last 6 hours"],
  [86400, "Last 24 hours"],
  [7 * 86400, "Last 7 days"],
]);

/** Levels by how serious they are; the numbers are OpenTelemetry's. */
const WEIGHT = { unknown: 0, trace: 1, debug: 5, info: 9, notice: 10, warning: 13, error: 17, critical: 21, fatal: 22 };

/**
 * @param {string} level
 * @returns {number}
 */
export function weightOf(level) {
  return WEIGHT[/** @type {keyof typeof WEIGHT} */ (level)] ?? 0;
}

/**
 * @param {string} text
 * @returns {string[]} The words and phrases in lower case.
 */
export function termsOf(text) {
  const found = text.toLowerCase().matchAll(/"([^"]+)"|([^\s"]+)/g);
  return [...found].map(([, phrase, word]) => (phrase ?? word ?? "").trim()).filter(Boolean);
}

const KINDS = new Set(["worker", "build", "container", "files", "journal"]);

/**
 * @param {string} source `kind:source`, or a name alone.
 * @returns {{kind: string, source: string}}
 */
export function partsOf(source) {
  const [kind = "", ...rest] = source.split(":");
  return rest.length > 0 && KINDS.has(kind) ? { kind, source: rest.join(":") } : { kind: "", source };
}

/**
 * @param {Choice} choice
 * @param {number} nowMs
 * @returns {Record<string, string>} The query of REST.
 */
export function queryOf({ text, level, source, instance, template, lastS, from, to }, nowMs) {
  const whose = partsOf(source);
  const begin = lastS > 0 ? new Date(nowMs - 1000 * lastS).toISOString() : from;
  const asked = { text: text.trim(), level, ...whose, instance, template, from: begin, to };
  return Object.fromEntries(Object.entries(asked).filter(([, value]) => value !== ""));
}

/**
 * @param {Choice} choice
 * @returns {boolean} Whether lines that arrive from now on can be among what was asked for.
 */
export function isOpen({ to }) {
  return to === "";
}

/**
 * @param {Choice} choice
 * @returns {(line: LogLine) => boolean} Whether a line that arrives is among what was asked for.
 */
export function judgeOf(choice) {
  const terms = termsOf(choice.text);
  const floor = weightOf(choice.level);
  const { kind, source } = partsOf(choice.source);
  return (line) =>
    (kind === "" || kind === line.kind) &&
    (source === "" || source === line.source) &&
    (choice.instance === "" || choice.instance === line.instance) &&
    (choice.template === "" || choice.template === line.templateId) &&
    (choice.level === "" || weightOf(line.level) >= floor) &&
    (terms.length === 0 || holds(line.message.toLowerCase(), terms));
}

/**
 * @param {string} message
 * @param {string[]} terms
 */
function holds(message, terms) {
  return terms.every((term) => message.includes(term));
}

/**
 * @param {Choice} choice
 * @returns {boolean} Whether it leaves anything out.
 */
export function isNarrow(choice) {
  return Object.keys(EVERYTHING).some((name) => Boolean(choice[/** @type {keyof Choice} */ (name)]));
}

/**
 * @param {string} search Of the page's address, such as `?template=abc`.
 * @returns {Partial<Choice>} What the address asks for.
 */
export function choiceFrom(search) {
  const asked = new URLSearchParams(search);
  /** @type {Record<string, string>} */
  const found = {};
  for (const name of ["text", "level", "source", "instance", "template", "from", "to"]) {
    const value = asked.get(name);
    if (value) found[name] = value;
  }
  return found;
}
