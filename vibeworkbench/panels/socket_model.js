/**
 * What a member of a room decides, without a socket: which messages are new, when to come back, and when not to.
 *
 * @typedef {{type: string, seq: number, timestamp: number, data: any}} Message
 * @typedef {Record<keyof typeof TIMING, number>} Timing
 */

/** Times in milliseconds. */
export const TIMING = Object.freeze({
  /** Between two pings of ours. */
  ping: 10_000,
  /** From being welcomed to the first ping. */
  settle: 500,
  /** Silence after a ping that means death. */
  pong: 10_000,
  /** The same after waking up, when the connection is suspect. */
  check: 4_000,
  /** Longest opening handshake. */
  handshake: 10_000,
  /** First step of the backoff and its ceiling. */
  backoffBase: 1_000,
  backoffCap: 30_000,
  /** A connection that lived this long makes the next retry immediate again. */
  stable: 5_000,
  /** Smoothed round-trip time from which a connection is called slow. */
  slow: 400,
  /** Without a connection for this long we say offline rather than reconnecting. */
  offline: 30_000,
  /** Between two tries to get from polling back to the WebSocket. */
  upgrade: 60_000,
  /** How long the server may hold a poll. */
  poll: 25_000,
});

/** Nobody whom the server knows; or somebody whose rights have just changed, and who is let in again as what they are. */
export const UNKNOWN = 4401;
/** Close codes after which coming back would change nothing. */
export const FINAL = new Map([
  [4400, "The server did not understand this page."],
  [UNKNOWN, "You are not logged in."],
  [4403, "What is shown here is not open to you."],
  [4404, "There is no such room."],
]);
export const TOO_FAST = 4429;
/** HTTP statuses that mean the same. */
export const HTTP_FINAL = new Map([
  [400, 4400],
  [401, 4401],
  [403, 4403],
  [404, 4404],
]);

/**
 * The wait before a retry: none before the first, then a uniform draw below an exponentially growing ceiling.
 *
 * Source: Brooker, "Exponential Backoff And Jitter", AWS Architecture Blog, 2015 ("full jitter").
 *
 * @param {number} attempt Failed tries since the last stable connection.
 * @param {Pick<Timing, "backoffBase" | "backoffCap">} timing
 * @param {number} random In [0, 1).
 * @returns {number} Milliseconds.
 */
export function retryDelay(attempt, timing, random) {
  return attempt === 0 ? 0 : random * Math.min(timing.backoffCap, timing.backoffBase * 2 ** (attempt - 1));
}

/** How far the room has been read, and which messages are new. */
export class History {
  /** @type {string | null} */
  epoch = null;
  /** @type {number | null} */
  seq = null;
  #newest = "";
  /** @type {number | null} The last message that is known from elsewhere and may still come. */
  #known = null;

  /** @returns {Record<string, string>} What a reconnect says so that it gets exactly what it missed. */
  get since() {
    return this.seq === null || this.epoch === null ? {} : { since: String(this.seq), epoch: this.epoch };
  }

  /**
   * The room's state as of `seq` is known: the messages up to it are not new any more, should they still come.
   *
   * @param {number} seq
   * @returns {boolean} Whether that is not older than what was heard.
   */
  catchUp(seq) {
    if (this.seq === null || seq < this.seq) return false;
    if (seq > this.seq) this.seq = this.#known = seq;
    return true;
  }

  /**
   * @param {Message} message
   * @returns {boolean} Whether it is new. Messages outside the history carry the last `seq` and do not advance it.
   */
  admit(message) {
    switch (message.type) {
      case "connected":
        if (this.epoch !== message.data.epoch) this.seq = null;
        this.epoch = message.data.epoch;
        this.#known = null;
        return true;
      case "gap":
        this.seq = null;
        return true;
      case "snapshot":
        this.seq = message.seq;
        this.#newest = "";
        this.#known = null;
        return true;
      case "presence":
      case "error":
        return true;
    }
    if (message.seq === 0) return true; // Said where there is no history.
    if (message.seq === this.#known) {
      this.#known = null; // Whatever else carries this number is said after it, outside the history.
      return false;
    }
    const name = `${message.seq} ${message.type} ${message.timestamp}`;
    if (this.seq === null || message.seq > this.seq) {
      this.seq = message.seq;
      this.#newest = name;
      return true;
    }
    return message.seq === this.seq && name !== this.#newest;
  }
}
