/**
 * Text that strangers wrote, made fit to be shown: a log line may hold what a terminal would obey, or what turns the
 * reading direction so that a line seems to say something else. Colours become classes; the rest is made visible.
 *
 * Source: ECMA-48 (5th edition, 1991), clause 5.4 (control sequences) and 8.3.117 (SGR); Unicode Standard Annex 9,
 * section 2 (directional formatting characters); Boucher and Anderson, "Trojan Source", 2021.
 */

/**
 * @typedef {object} Span A piece of text of one look.
 * @property {string} text
 * @property {string} look Class names; empty for plain text.
 */

/** Characters of a record that are shown before somebody asks for more. */
export const LINE_CHARACTERS = 2_000;

const ESCAPES =
  // eslint-disable-next-line no-control-regex -- those are what is looked for
  /(?:\x1b\[|\x9b)([0-?]*)[ -/]*([@-~])|\x1b[\]PX^_][^\x07\x1b]*(?:\x07|\x1b\\)|\x1b[ -/]*[0-~]/g;
const UNSEEN = /[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u2069\ufeff]/g;
const COLOURS = ["black", "red", "green", "yellow", "blue", "magenta", "cyan", "white"];

/**
 * @param {string} text
 * @returns {Span[]} The same text in order; together the spans hold nothing that a browser or terminal would obey.
 */
export function spansOf(text) {
  /** @type {Span[]} */
  const spans = [];
  const look = new Look();
  let from = 0;
  for (const match of text.matchAll(ESCAPES)) {
    add(spans, text.slice(from, match.index), look.classes);
    if (match[2] === "m") look.obey(match[1] ?? "");
    from = match.index + match[0].length;
  }
  add(spans, text.slice(from), look.classes);
  return spans;
}

/**
 * @param {string} text
 * @returns {string} The text alone, in one line.
 */
export function plain(text) {
  return spansOf(text)
    .map((span) => span.text)
    .join("")
    .replace(/\s+/g, " ");
}

/**
 * @param {Span[]} spans
 * @param {string} text
 * @param {string} look
 */
function add(spans, text, look) {
  let from = 0;
  for (const match of text.matchAll(UNSEEN)) {
    if (match[0] === "\r" && (text[match.index + 1] === "\n" || match.index + 1 === text.length)) {
      if (match.index > from) spans.push({ text: text.slice(from, match.index), look });
    } else {
      if (match.index > from) spans.push({ text: text.slice(from, match.index), look });
      spans.push({ text: named(match[0]), look: "vw-unseen" });
    }
    from = match.index + match[0].length;
  }
  if (from < text.length) spans.push({ text: text.slice(from), look });
}

/**
 * @param {string} character
 * @returns {string} Its picture, or its number where it has none.
 */
function named(character) {
  const code = character.charCodeAt(0);
  if (code < 0x20) return String.fromCharCode(0x2400 + code);
  if (code === 0x7f) return "\u2421";
  return `U+${code.toString(16).toUpperCase().padStart(4, "0")}`;
}

/** What the sequences so far have made of the text. */
class Look {
  #colour = "";
  #bold = false;
  #faint = false;

  get classes() {
    const names = [
      this.#colour && `vw-ansi-${this.#colour}`,
      this.#bold && "vw-ansi-bold",
      this.#faint && "vw-ansi-faint",
    ];
    return names.filter(Boolean).join(" ");
  }

  /** @param {string} parameters */
  obey(parameters) {
    const numbers = parameters.split(/[;:]/).map(Number);
    for (let place = 0; place < numbers.length; place += 1) {
      const number = numbers[place] ?? 0;
      if (number === 38 || number === 48)
        place += numbers[place + 1] === 5 ? 2 : 4; // Colours of no fixed contrast are left out.
      else this.#set(number);
    }
  }

  /** @param {number} number */
  #set(number) {
    if (number === 0) ((this.#colour = ""), (this.#bold = this.#faint = false));
    else if (number === 1) this.#bold = true;
    else if (number === 2) this.#faint = true;
    else if (number === 22) this.#bold = this.#faint = false;
    else if (number === 39) this.#colour = "";
    else if (number >= 30 && number <= 37) this.#colour = COLOURS[number - 30] ?? "";
    else if (number >= 90 && number <= 97) this.#colour = COLOURS[number - 90] ?? "";
  }
}

/**
 * The spans with the searched words marked.
 *
 * @param {Span[]} spans
 * @param {string[]} words In lower case.
 * @returns {Span[]}
 */
export function marked(spans, words) {
  if (words.length === 0) return spans;
  const pattern = new RegExp(words.map((word) => word.replace(/[.*+?^${}()|[\]\\]/g, "\\$&")).join("|"), "gi");
  return spans.flatMap(({ text, look }) => {
    /** @type {Span[]} */
    const cut = [];
    let from = 0;
    for (const match of text.matchAll(pattern)) {
      if (match.index > from) cut.push({ text: text.slice(from, match.index), look });
      cut.push({ text: match[0], look: `${look} vw-found`.trim() });
      from = match.index + match[0].length;
    }
    if (from < text.length) cut.push({ text: text.slice(from), look });
    return cut;
  });
}
