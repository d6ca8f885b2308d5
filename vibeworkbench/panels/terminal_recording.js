/**
 * A recording, read and played: asciicast in, bytes, sizes and marks out, at any speed and from any place.
 *
 * Source: https://docs.asciinema.org/manual/asciicast/v3/ (intervals) and v2 (times since the beginning).
 *
 * @typedef {{atS: number, kind: string, text: string}} Moment
 * @typedef {{rows: number, cols: number}} Size
 * @typedef {object} Recording
 * @property {Size} size At its beginning.
 * @property {Moment[]} moments
 * @property {{atS: number, text: string}[]} marks
 * @property {number} durationS
 *
 * @typedef {object} Stage Where it is shown.
 * @property {() => void} reset
 * @property {(size: Size) => void} resize
 * @property {(text: string) => Promise<void>} write Fulfilled once it is on the screen.
 */

/** Nobody waits longer for something to happen; the recording says how long it really was. */
export const LONGEST_IDLE_S = 3;
const AT_ONCE = 256 * 1024;

/**
 * @param {string} text
 * @param {number} [longestIdleS]
 * @returns {Recording}
 */
export function recordingOf(text, longestIdleS = LONGEST_IDLE_S) {
  const lines = text.split("\n").filter((line) => line !== "" && !line.startsWith("#"));
  const header = JSON.parse(lines[0] ?? "{}");
  const size = { cols: header.term?.cols ?? header.width ?? 80, rows: header.term?.rows ?? header.height ?? 24 };
  const moments = [];
  let [atS, writtenS] = [0, 0];
  for (const line of lines.slice(1)) {
    const [time, kind, data] = momentOf(line) ?? [0, "", ""];
    if (kind === "") continue; // The last line of a recording that goes on.
    const waitedS = header.version === 2 ? time - writtenS : time;
    writtenS = time;
    atS += Math.min(Math.max(0, waitedS), longestIdleS);
    moments.push({ atS, kind, text: String(data) });
  }
  const marks = moments.filter(({ kind }) => kind === "m").map((each) => ({ atS: each.atS, text: each.text }));
  return { size, moments, marks, durationS: atS };
}

/**
 * @param {string} line
 * @returns {[number, string, unknown] | null}
 */
function momentOf(line) {
  try {
    const told = JSON.parse(line);
    return Array.isArray(told) && typeof told[0] === "number" && typeof told[1] === "string"
      ? /** @type {any} */ (told)
      : null;
  } catch {
    return null;
  }
}

/**
 * @param {string} text `90x30`
 * @returns {Size | null}
 */
export function sizeOf(text) {
  const found = /^(\d+)x(\d+)$/.exec(text);
  return found === null ? null : { cols: Number(found[1]), rows: Number(found[2]) };
}

/** Shows a recording on a stage. Time is told to it. */
export class Replay {
  isPlaying = false;
  speed = 1;
  atS = 0;
  #recording;
  #stage;
  #next = 0;
  #lastMs = 0;
  /** @type {Promise<void>} */
  #working = Promise.resolve();
  #ended = false;

  /**
   * @param {Recording} recording
   * @param {Stage} stage
   */
  constructor(recording, stage) {
    this.#recording = recording;
    this.#stage = stage;
    this.#begin();
  }

  /** Nothing is shown any more. */
  end() {
    this.#ended = true;
    this.isPlaying = false;
  }

  /** @param {number} nowMs */
  play(nowMs) {
    if (this.atS >= this.#recording.durationS) void this.seek(0);
    this.isPlaying = true;
    this.#lastMs = nowMs;
  }

  pause() {
    this.isPlaying = false;
  }

  /**
   * @param {number} nowMs It is so late now.
   * @returns {Promise<void>} Once the screen shows it.
   */
  tick(nowMs) {
    if (!this.isPlaying) return this.#working;
    this.atS = Math.min(this.#recording.durationS, this.atS + (this.speed * (nowMs - this.#lastMs)) / 1_000);
    this.#lastMs = nowMs;
    if (this.atS >= this.#recording.durationS) this.isPlaying = false;
    return this.#catchUp();
  }

  /**
   * @param {number} toS
   * @returns {Promise<void>} Once the screen shows it.
   */
  seek(toS) {
    const target = Math.max(0, Math.min(toS, this.#recording.durationS));
    const goesBack = target < this.atS;
    this.atS = target;
    if (goesBack) this.#working = this.#working.then(() => this.#begin());
    return this.#catchUp();
  }

  #begin() {
    this.#next = 0;
    if (this.#ended) return;
    this.#stage.reset();
    this.#stage.resize(this.#recording.size);
  }

  #catchUp() {
    this.#working = this.#working.then(() => this.#show());
    return this.#working;
  }

  async #show() {
    const { moments } = this.#recording;
    let text = "";
    for (; this.#next < moments.length && !this.#ended; this.#next += 1) {
      const moment = /** @type {Moment} */ (moments[this.#next]);
      if (moment.atS > this.atS) break;
      if (moment.kind === "o") text += moment.text;
      const size = moment.kind === "r" ? sizeOf(moment.text) : null;
      if (size === null && text.length < AT_ONCE) continue;
      await this.#write(text);
      text = "";
      if (size !== null && !this.#ended) this.#stage.resize(size);
    }
    await this.#write(text);
  }

  /** @param {string} text */
  async #write(text) {
    if (text !== "" && !this.#ended) await this.#stage.write(text);
  }
}
