/**
 * What a member of a terminal decides, without a socket: where in the stream it stands, what it acknowledges, when it comes
 * back, and what of its own output is no typing.
 *
 * @typedef {Record<keyof typeof TIMING, number>} Timing
 * @typedef {"resume" | "snapshot" | "tail"} SyncKind
 */

/** The protocol that the server is asked to speak. */
export const PROTOCOL = "room-terminal.v1";

/** Times in milliseconds. */
export const TIMING = Object.freeze({
  /** First step of the backoff and its ceiling. */
  backoffBase: 500,
  backoffCap: 30_000,
  /** A connection that lived this long makes the next wait short again. */
  stable: 10_000,
  /** Longest opening handshake. */
  handshake: 10_000,
  /** Between two pings of ours. */
  ping: 15_000,
  /** From being welcomed to the first ping. */
  settle: 1_000,
  /** Silence after a ping that means death; the same after waking up, when the connection is suspect. */
  pong: 10_000,
  check: 3_000,
  /** What was parsed is acknowledged at the latest then. */
  ack: 100,
  /** Smoothed round-trip time from which a connection is called slow. */
  slow: 400,
  /** Without a connection for this long we say offline rather than reconnecting. */
  offline: 30_000,
});

/** What was parsed is acknowledged at once when it is so much: less than what a slow viewer may be sent unasked. */
export const ACK_BYTES = 384 * 1024;

/** Nobody whom the server knows. */
export const UNKNOWN = 4401;
/** Close codes after which coming back would change nothing. */
export const FINAL = new Map([
  [4400, "The server did not understand this page."],
  [UNKNOWN, "You are not logged in."],
  [4403, "This terminal is not open to you."],
  [4404, "There is no such terminal, or it has ended."],
]);

/**
 * The wait before a retry: a uniform draw below an exponentially growing ceiling.
 *
 * Source: Brooker, "Exponential Backoff And Jitter", AWS Architecture Blog, 2015 ("full jitter").
 *
 * @param {number} attempt Failed tries since the last connection that lasted.
 * @param {Pick<Timing, "backoffBase" | "backoffCap">} timing
 * @param {number} random In [0, 1).
 * @returns {number} Milliseconds.
 */
export function retryDelay(attempt, { backoffBase, backoffCap }, random) {
  return random * Math.min(backoffCap, backoffBase * 2 ** attempt);
}

/** Where in a terminal's stream its viewer stands. */
export class Position {
  /** @type {string | null} */
  epoch = null;
  /** Offset of the next byte that is new. */
  received = 0;
  /** Offset up to which everything was parsed. */
  parsed = 0;
  acked = 0;
  /** Counts the beginnings; what was parsed of an earlier one does not count any more. */
  generation = 0;
  /** Bytes that come first and are known already. */
  #known = 0;
  /** Where a snapshot ends: it makes sense as a whole alone, and is counted as what it stands for. */
  #until = 0;

  /** @returns {{epoch: string, offset: number} | null} What a reconnect says so that it gets exactly what it missed. */
  get resume() {
    return this.epoch === null || this.received < this.#until ? null : { epoch: this.epoch, offset: this.received };
  }

  /**
   * @param {string} epoch
   * @returns {boolean} Whether it is another shell than before.
   */
  enter(epoch) {
    const isNew = this.epoch !== null && this.epoch !== epoch;
    if (this.epoch !== epoch) this.#begin(0);
    if (isNew) this.#until = 0;
    this.epoch = epoch;
    return isNew;
  }

  /**
   * The next bytes begin at `offset`.
   *
   * @param {number} offset
   * @param {SyncKind} kind
   * @param {number} [until] Where a snapshot ends.
   * @returns {boolean} Whether the screen begins anew, because they do not continue what is there.
   */
  sync(offset, kind, until = 0) {
    this.#until = until;
    this.#known = 0;
    if (kind === "resume" && offset <= this.received && this.generation > 0) {
      this.#known = this.received - offset;
      return false;
    }
    this.#begin(offset);
    return true;
  }

  /** @param {number} offset */
  #begin(offset) {
    this.generation += 1;
    this.received = this.parsed = this.acked = offset;
  }

  /**
   * @param {Uint8Array} bytes As they came.
   * @returns {Uint8Array} Those for the screen: what it knows already is left out.
   */
  take(bytes) {
    const known = Math.min(this.#known, bytes.length);
    this.#known -= known;
    this.received += bytes.length - known;
    return known === 0 ? bytes : bytes.subarray(known);
  }

  /**
   * @param {number} upTo Offset up to which everything was parsed.
   * @param {number} generation In which it came.
   * @returns {number} Bytes that wait to be acknowledged.
   */
  parse(upTo, generation) {
    if (generation === this.generation) this.parsed = Math.max(this.parsed, upTo);
    return this.parsed - this.acked;
  }
}

/* eslint-disable no-control-regex */
const STRING_END = "(?:\\x07|\\x1b\\\\)";
/** What a terminal answers by itself: attributes, positions, modes, colours, sizes, versions, focus. */
const REPLY = new RegExp(
  [
    "\\x1b\\[[?>=]?[\\d;]*c", // DA1, DA2, DA3
    "\\x1b\\[\\??[\\d;]*[Rn]", // cursor position and device status
    "\\x1b\\[\\??[\\d;]*\\$y", // DECRPM
    "\\x1b\\[[\\d;]*t", // window reports
    "\\x1b\\[[IO]", // focus
    `\\x1bP(?:[01]\\$r|>\\||[01]\\+r)[^\\x1b\\x07]*${STRING_END}`, // DECRQSS, XTVERSION, XTGETTCAP
    `\\x1b\\](?:4|1[0-9]|52)[;\\d][^\\x1b\\x07]*${STRING_END}`, // colours, clipboard
  ].join("|"),
  "g",
);
/** What a mouse does: no typing of who only watches. */
const MOUSE = /\x1b\[(?:<[\d;]+[Mm]|M[\s\S]{3}|[\d;]+M)/g;

/**
 * @param {string} data What the terminal on this page wants to send.
 * @returns {string} What of it somebody typed.
 */
export function typedOf(data) {
  return data.startsWith("\x1b") ? data.replace(REPLY, "").replace(MOUSE, "") : data;
}
