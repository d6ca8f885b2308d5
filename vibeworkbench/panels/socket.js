/**
 * A room of the workbench, kept joined: the one module that knows reconnecting and `since`.
 *
 *     joinRoom → WebSocket ⇄ (lost: at once, then full jitter) → the same room with since + epoch
 *              ↘ refused twice while HTTP answers → long polling, and back to the WebSocket later
 *
 * The consumer gets every recorded message once, in order. When the server no longer keeps what was missed it gets a
 * `snapshot` instead. What it has to show about the connection comes as one value.
 */

import { newId, placeOf, roomUrl } from "./server_address.js";
import { browser } from "./socket_host.js";
import { FINAL, History, TIMING, TOO_FAST, UNKNOWN, retryDelay } from "./socket_model.js";
import { Refusal, readPage } from "./socket_page.js";

/**
 * @typedef {import("./socket_model.js").Message} Message
 * @typedef {import("./socket_model.js").Timing} Timing
 * @typedef {"connecting" | "good" | "slow" | "reconnecting" | "offline" | "closed"} Quality
 * @typedef {object} Connection
 * @property {Quality} quality `closed` is final: somebody has to do something (log in, get the right).
 * @property {"socket" | "poll" | null} transport What carries the messages now.
 * @property {number | null} rttMs Smoothed round-trip time.
 * @property {number | null} retryAtMs Unix milliseconds of the next try, while there is no connection.
 * @property {string} reason Why it ended, for people.
 * @property {number | null} code The close code of a final end.
 *
 * @typedef {import("./socket_host.js").Host} Host
 *
 * @typedef {object} RoomOptions
 * @property {string} server The server's root with its base_url, ending in `/`.
 * @property {string} party
 * @property {string} room
 * @property {(message: Message) => void} onMessage
 * @property {(connection: Connection) => void} [onConnection]
 * @property {boolean} [recording] Whether the party records: only then can it be polled. Default true.
 * @property {Partial<Timing>} [timing]
 * @property {Host} [host]
 */

/**
 * The room is joined and stays joined until `close()`.
 *
 * @param {RoomOptions} options
 * @returns {Room}
 */
export function joinRoom(options) {
  return new Room(options);
}

/** One membership of one room over as many connections as it takes. */
export class Room {
  /** @type {Connection} */
  connection = { quality: "connecting", transport: null, rttMs: null, retryAtMs: null, reason: "", code: null };

  #history = new History();
  #id = newId();
  #options;
  #timing;
  #host;
  #leaving = new AbortController();
  /** @type {Map<string, ReturnType<typeof setTimeout>>} */
  #timers = new Map();
  /** @type {WebSocket | null} */
  #socket = null;
  /** @type {AbortController | null} */
  #poll = null;
  #joined = false;
  #wasIn = false;
  #askedAgain = false;
  #attempt = 0;
  #refusals = 0;
  #pingId = 0;
  #pingAt = 0;
  #lostAt = performance.now();

  /** @param {RoomOptions} options */
  constructor(options) {
    this.#options = options;
    this.#timing = { ...TIMING, ...options.timing };
    this.#host = options.host ?? browser();
    const { window, document } = this.#host;
    const { signal } = this.#leaving;
    window.addEventListener("online", () => this.retryNow(), { signal });
    window.addEventListener("offline", () => this.#wake(), { signal });
    window.addEventListener("pageshow", () => this.#wake(), { signal });
    document.addEventListener("visibilitychange", () => document.visibilityState === "visible" && this.#wake(), {
      signal,
    });
    const dialled = this.#host.dialled?.(options.party, options.room) ?? null;
    if (dialled === null) this.#dial();
    else this.#goOn(dialled);
  }

  /** Nothing more is delivered; the connection is closed. */
  close() {
    this.#leaving.abort();
    this.#drop();
    this.#hangUp(1000);
    for (const name of this.#timers.keys()) this.#stop(name);
  }

  /** The next try is now. A connection that looks alive is asked whether it is. */
  retryNow() {
    if (this.#leaving.signal.aborted || this.connection.quality === "closed") return;
    if (this.#joined) return this.#ping(this.#timing.check);
    if (this.#socket === null) this.#dial();
  }

  /**
   * @param {Record<string, unknown>} message What the party lets this member say.
   * @returns {boolean} Whether it is on its way; without a WebSocket it is not.
   */
  send(message) {
    const socket = this.#socket;
    if (!this.#joined || socket === null || socket.readyState !== socket.OPEN) return false;
    socket.send(JSON.stringify(message));
    return true;
  }

  /**
   * What the room is as of now, for what its messages do not tell one by one; they go on from there.
   *
   * @param {number} [times] How often it is asked for when messages overtake the answer.
   * @returns {Promise<Message | null>} The snapshot; nothing when it cannot be had.
   */
  async refresh(times = 3) {
    const limit = AbortSignal.any([this.#leaving.signal, AbortSignal.timeout(this.#timing.handshake)]);
    try {
      const { epoch, messages } = await this.#page({}, limit);
      const [snapshot] = messages;
      if (snapshot?.type !== "snapshot" || epoch !== this.#history.epoch) return null;
      if (this.#history.catchUp(snapshot.seq)) return snapshot;
      return times > 1 ? this.refresh(times - 1) : null;
    } catch (error) {
      if (error instanceof Refusal) return null;
      throw error;
    }
  }

  #wake() {
    if (this.connection.transport === null) this.#show({});
    if (!this.#poll) this.retryNow();
  }

  // --- WebSocket ---

  #dial() {
    this.#stop("retry");
    const { server, party, room } = this.#options;
    const query = { _pk: this.#id, ...this.#history.since };
    this.#listen(new this.#host.WebSocket(roomUrl(server, party, room, query, this.#host.token())));
  }

  /** @param {import("./page_rooms.js").Dialled} dialled */
  #goOn({ socket, memberId, said }) {
    this.#id = memberId;
    this.#listen(socket);
    queueMicrotask(() => {
      for (const text of said) if (socket === this.#socket) this.#received(text);
    });
  }

  /** @param {WebSocket} socket */
  #listen(socket) {
    this.#socket = socket;
    this.#start("handshake", this.#timing.handshake, () => this.#lost(1006, ""));
    socket.onerror = () => {}; // The close that follows says more.
    socket.onmessage = (event) => socket === this.#socket && this.#received(event.data);
    socket.onclose = (event) => socket === this.#socket && this.#lost(event.code, event.reason);
  }

  /** @param {unknown} text */
  #received(text) {
    if (typeof text !== "string") return;
    /** @type {Message} */
    const message = JSON.parse(text);
    this.#stop("pong");
    if (message.type === "pong") return this.#ponged();
    if (message.type === "connected") this.#welcome();
    this.#deliver(message);
  }

  #welcome() {
    this.#drop();
    this.#stop("handshake");
    this.#joined = this.#wasIn = true;
    this.#askedAgain = false;
    this.#refusals = 0;
    this.#start("stable", this.#timing.stable, () => (this.#attempt = 0));
    this.#show({ quality: "good", transport: "socket", rttMs: null, retryAtMs: null, reason: "" });
    // The first ping waits until the page has drawn what just came: it would measure that instead of the way.
    this.#start("ping", this.#timing.settle, () => this.#ping(this.#timing.pong));
  }

  /**
   * @param {number} code
   * @param {string} reason
   */
  #lost(code, reason) {
    const refused = !this.#joined;
    this.#hangUp(1000);
    if (FINAL.has(code)) return this.#sentAway(code, reason);
    this.#refusals = refused ? this.#refusals + 1 : 0;
    if (this.#poll) return this.#start("retry", this.#timing.upgrade * (0.5 + this.#host.random()), () => this.#dial());
    if (!refused) this.#lostAt = performance.now();
    if (refused && this.#refusals >= 2 && this.#options.recording !== false) this.#startPolling();
    else this.#retryLater(code === TOO_FAST ? this.#timing.backoffCap / 2 : 0, reason);
  }

  /** @param {number} code */
  #hangUp(code) {
    const socket = this.#socket;
    this.#socket = null;
    this.#joined = false;
    for (const name of ["handshake", "stable", "ping", "pong", "slow"]) this.#stop(name);
    socket?.close(code);
  }

  /**
   * @param {number} code
   * @param {string} reason
   */
  #sentAway(code, reason) {
    if (code !== UNKNOWN || !this.#wasIn || this.#askedAgain) return this.#end(code, reason);
    this.#drop();
    this.#askedAgain = true; // Rights that have only changed let us in again.
    this.#lostAt = performance.now();
    return this.#retryLater(0, "");
  }

  /**
   * @param {number} code
   * @param {string} reason
   */
  #end(code, reason) {
    this.#drop();
    for (const name of this.#timers.keys()) this.#stop(name);
    const known = (code === UNKNOWN && this.#wasIn ? "Your access has ended." : FINAL.get(code)) ?? "";
    const said = code === UNKNOWN ? known : reason || known;
    this.#show({ quality: "closed", transport: null, rttMs: null, retryAtMs: null, reason: said, code });
    this.#leaving.abort();
  }

  /**
   * @param {number} atLeastMs
   * @param {string} reason
   */
  #retryLater(atLeastMs, reason) {
    const delayMs = atLeastMs + retryDelay(this.#attempt, this.#timing, this.#host.random());
    this.#attempt += 1;
    this.#start("retry", delayMs, () => this.#dial());
    const sinceLostMs = performance.now() - this.#lostAt;
    this.#start("offline", Math.max(0, this.#timing.offline - sinceLostMs), () => this.#show({}));
    this.#show({ quality: "reconnecting", transport: null, rttMs: null, retryAtMs: Date.now() + delayMs, reason });
  }

  // --- Is it alive? ---

  /** @param {number} withinMs */
  #ping(withinMs) {
    this.#pingId += 1;
    this.#pingAt = performance.now();
    this.send({ type: "ping", id: this.#pingId });
    this.#start("pong", withinMs, () => this.#silent(withinMs));
    this.#start("slow", 2 * this.#timing.slow, () => this.#show({ quality: "slow" }));
    this.#start("ping", this.#timing.ping, () => this.#ping(this.#timing.pong));
  }

  /** @param {number} withinMs */
  #silent(withinMs) {
    // A page that slept gets its timers before its messages: ask again before calling the connection dead.
    if (performance.now() - this.#pingAt > 2 * withinMs + 1_000) return this.#ping(this.#timing.check);
    this.#lost(1006, "The server stopped answering.");
  }

  #ponged() {
    const rttMs = performance.now() - this.#pingAt;
    const before = this.connection.rttMs;
    this.#stop("slow");
    this.#showAlive(before === null ? rttMs : before + (rttMs - before) / 4);
  }

  /** @param {number} rttMs */
  #showAlive(rttMs) {
    this.#show({ quality: rttMs > this.#timing.slow ? "slow" : "good", rttMs });
  }

  // --- Long polling ---

  async #startPolling() {
    const poll = new AbortController();
    this.#poll = poll;
    try {
      for (let waitMs = 0; !poll.signal.aborted; waitMs = this.#timing.poll) await this.#pollOnce(poll, waitMs);
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      if (poll === this.#poll) this.#pollFailed(error);
    }
  }

  /** @param {Refusal} refusal */
  #pollFailed({ code, retryAfterMs }) {
    this.#drop();
    if (code !== null) {
      this.#hangUp(1000);
      return this.#sentAway(code, "");
    }
    if (this.connection.transport === "poll") this.#lostAt = performance.now();
    if (this.#socket === null) this.#retryLater(retryAfterMs, "");
  }

  /**
   * @param {AbortController} poll
   * @param {number} waitMs
   */
  async #pollOnce(poll, waitMs) {
    const asked = { ...this.#history.since, wait: String(waitMs / 1000) };
    const askedAt = performance.now();
    const limit = AbortSignal.any([poll.signal, AbortSignal.timeout(waitMs + this.#timing.handshake)]);
    const { epoch, lastSeq, gap, messages } = await this.#page(asked, limit);
    if (poll.signal.aborted) return;
    if (waitMs === 0) this.#polling(performance.now() - askedAt);
    if (epoch !== this.#history.epoch || gap)
      this.#deliver({ type: "connected", seq: lastSeq, timestamp: Date.now(), data: { epoch } });
    for (const message of messages) this.#deliver(message);
  }

  /**
   * @param {Record<string, string>} query
   * @param {AbortSignal} signal
   */
  #page(query, signal) {
    const { server, party, room } = this.#options;
    const path = `vibeworkbench/api/rooms/${placeOf(party, room)}/messages?${new URLSearchParams(query)}`;
    return readPage(this.#host, new URL(path, server), signal);
  }

  /** @param {number} rttMs */
  #polling(rttMs) {
    this.#attempt = 0;
    this.#wasIn = true;
    this.#askedAgain = false;
    this.#start("retry", this.#timing.upgrade * (0.5 + this.#host.random()), () => this.#dial());
    this.#show({ transport: "poll", retryAtMs: null, reason: "" });
    this.#showAlive(rttMs);
  }

  /** The poll under way, if any, is given up. */
  #drop() {
    this.#poll?.abort();
    this.#poll = null;
  }

  // --- What everybody above uses ---

  /** @param {Message} message */
  #deliver(message) {
    if (this.#leaving.signal.aborted || !this.#history.admit(message)) return;
    try {
      this.#options.onMessage(message);
    } catch (error) {
      // The consumer's failure is told as any other of the page, and ends neither connection nor polling.
      queueMicrotask(() => {
        throw error;
      });
    }
  }

  /** @param {Partial<Connection>} change */
  #show(change) {
    if (this.#leaving.signal.aborted) return;
    const next = { ...this.connection, ...change };
    if (next.quality === "reconnecting" || next.quality === "offline") {
      const long = performance.now() - this.#lostAt >= this.#timing.offline;
      next.quality = long || !this.#host.onLine() ? "offline" : "reconnecting";
    } else this.#stop("offline");
    this.connection = next;
    this.#options.onConnection?.(next);
  }

  /**
   * @param {string} name
   * @param {number} delayMs
   * @param {() => void} act
   */
  #start(name, delayMs, act) {
    this.#stop(name);
    if (this.#leaving.signal.aborted) return; // A callback of the consumer's has left the room.
    this.#timers.set(name, setTimeout(act, delayMs));
  }

  /** @param {string} name */
  #stop(name) {
    clearTimeout(this.#timers.get(name));
    this.#timers.delete(name);
  }
}
