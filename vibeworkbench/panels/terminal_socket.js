/**
 * A terminal of the workbench, kept open: the one module that knows `room-terminal.v1`.
 *
 *     openTerminal → WebSocket ⇄ (lost: full jitter) → resume {epoch, offset} → the missing bytes, once
 *     binary frames → onBytes → parsed() → ack;  text frames → onControl
 *
 * Nothing typed is ever kept for later: what cannot be sent now is refused, and the caller says so.
 */

import { newId } from "./server_address.js";
import { browser } from "./socket_host.js";
import { ACK_BYTES, FINAL, PROTOCOL, Position, TIMING, UNKNOWN, retryDelay } from "./terminal_model.js";

/**
 * @typedef {import("./socket.js").Quality} Quality
 * @typedef {import("./socket_host.js").Host} Host
 * @typedef {import("./terminal_model.js").Timing} Timing
 * @typedef {object} Connection How this page stands with the workbench.
 * @property {Quality} quality `closed` is final: somebody has to do something (log in, get the right).
 * @property {"socket" | null} transport
 * @property {number | null} rttMs Smoothed round-trip time.
 * @property {number | null} retryAtMs Unix milliseconds of the next try, while there is no connection.
 * @property {number} attempt Failed tries since the last connection that lasted.
 * @property {string} reason Why it ended, for people.
 * @property {number | null} code The close code of a final end.
 *
 * @typedef {object} TerminalOptions
 * @property {string} server The server's root with its base_url, ending in `/`.
 * @property {string} terminalId
 * @property {() => void} onReset The screen begins anew: what comes next does not continue what is there.
 * @property {(bytes: Uint8Array, parsed: () => void) => void} onBytes `parsed` is called once they are on the screen.
 * @property {(message: Record<string, any>) => void} onControl
 * @property {(connection: Connection) => void} [onConnection]
 * @property {Partial<Timing>} [timing]
 * @property {Pick<Host, "WebSocket" | "window" | "document" | "onLine" | "random" | "token">} [host]
 */

/**
 * The terminal is open and stays open until `close()`.
 *
 * @param {TerminalOptions} options
 * @returns {TerminalSocket}
 */
export function openTerminal(options) {
  return new TerminalSocket(options);
}

/** One membership of one terminal over as many connections as it takes. */
export class TerminalSocket {
  /** @type {Connection} */
  connection = {
    quality: "connecting",
    transport: null,
    rttMs: null,
    retryAtMs: null,
    attempt: 0,
    reason: "",
    code: null,
  };
  /** What the server calls this member. */
  memberId = newId();

  #position = new Position();
  #options;
  #timing;
  #host;
  #leaving = new AbortController();
  /** @type {Map<string, ReturnType<typeof setTimeout>>} */
  #timers = new Map();
  /** @type {WebSocket | null} */
  #socket = null;
  #joined = false;
  #attempt = 0;
  #pingId = 0;
  #pingAt = 0;
  #lostAt = performance.now();
  /** @type {Map<number, () => void>} Who waits for the answer to a ping. */
  #waiting = new Map();

  /** @param {TerminalOptions} options */
  constructor(options) {
    this.#options = options;
    this.#timing = { ...TIMING, ...options.timing };
    this.#host = options.host ?? browser();
    const { window, document } = this.#host;
    const { signal } = this.#leaving;
    for (const name of ["online", "pageshow"]) window.addEventListener(name, () => this.retryNow(), { signal });
    window.addEventListener("offline", () => this.#show({}), { signal });
    document.addEventListener("visibilitychange", () => document.visibilityState === "visible" && this.retryNow(), {
      signal,
    });
    this.#dial();
  }

  /** Nothing more is delivered; the connection is closed. */
  close() {
    this.#leaving.abort();
    this.#hangUp(1000);
    for (const name of this.#timers.keys()) this.#stop(name);
  }

  /** The next try is now. A connection that looks alive is asked whether it is. */
  retryNow() {
    if (this.#leaving.signal.aborted || this.connection.quality === "closed") return;
    if (this.#joined) this.#ping(this.#timing.check);
    else if (this.#socket === null) this.#dial();
  }

  /** What is on the screen is forgotten, and comes anew as the server has it. */
  renew() {
    if (this.#leaving.signal.aborted || this.connection.quality === "closed") return;
    this.#position = new Position();
    this.#hangUp(1000);
    this.#dial();
  }

  /** @returns {number} Bytes of input that the browser has not sent yet. */
  get unsentBytes() {
    return this.#socket?.bufferedAmount ?? 0;
  }

  /** @returns {number} Offset of the next byte. */
  get received() {
    return this.#position.received;
  }

  /**
   * @param {Record<string, unknown>} message
   * @returns {boolean} Whether it is on its way.
   */
  send(message) {
    const socket = this.#socket;
    if (!this.#joined || socket === null || socket.readyState !== socket.OPEN) return false;
    socket.send(JSON.stringify(message));
    return true;
  }

  /**
   * @param {Uint8Array<ArrayBuffer>} bytes
   * @returns {boolean} Whether they are on their way; they are not kept otherwise.
   */
  type(bytes) {
    const socket = this.#socket;
    if (!this.#joined || socket === null || socket.readyState !== socket.OPEN) return false;
    socket.send(bytes);
    return true;
  }

  /**
   * @returns {Promise<boolean>} That the server has read all that was sent before; false when the connection was lost.
   */
  settled() {
    if (!this.#joined) return Promise.resolve(false);
    const socket = this.#socket;
    return new Promise((resolve) => {
      const id = this.#ping(this.#timing.pong);
      this.#waiting.set(id, () => resolve(this.#joined && socket === this.#socket));
    });
  }

  #dial() {
    this.#stop("retry");
    const token = this.#host.token();
    const query = new URLSearchParams({ _pk: this.memberId, resumes: "1", ...(token === null ? {} : { token }) });
    const place = `vibeworkbench/parties/terminal-server/${encodeURIComponent(this.#options.terminalId)}`;
    const url = new URL(`${place}?${query}`, this.#options.server);
    url.protocol = url.protocol.replace("http", "ws");
    const socket = new this.#host.WebSocket(url, PROTOCOL);
    socket.binaryType = "arraybuffer";
    this.#socket = socket;
    this.#start("handshake", this.#timing.handshake, () => this.#lost(1006, "The server did not answer."));
    socket.onopen = () => socket === this.#socket && this.#opened(socket);
    socket.onerror = () => {}; // The close that follows says more.
    socket.onmessage = (event) => socket === this.#socket && this.#received(event.data);
    socket.onclose = (event) => socket === this.#socket && this.#lost(event.code, event.reason);
  }

  /** @param {WebSocket} socket */
  #opened(socket) {
    const resume = this.#position.resume ?? { epoch: "", offset: 0 }; // Said at once, nothing is waited for.
    socket.send(JSON.stringify({ type: "resume", ...resume }));
  }

  /** @param {string | ArrayBuffer} data */
  #received(data) {
    this.#stop("pong");
    if (typeof data !== "string") return this.#output(new Uint8Array(data));
    const message = JSON.parse(data);
    if (message.type === "hello") this.#welcome(message);
    else if (message.type === "sync") this.#sync(message);
    else if (message.type === "pong") return this.#ponged(message.id ?? message.data?.id);
    return this.#options.onControl(message);
  }

  /** @param {Record<string, any>} hello */
  #welcome(hello) {
    this.#stop("handshake");
    this.memberId = hello["memberId"] ?? this.memberId;
    this.#position.enter(hello["epoch"]);
    if (this.#joined) return; // A new shell in the same connection.
    this.#joined = true;
    this.#start("stable", this.#timing.stable, () => (this.#attempt = 0));
    this.#start("ping", this.#timing.settle, () => this.#ping(this.#timing.pong));
    this.#show({ quality: "good", transport: "socket", rttMs: null, retryAtMs: null, attempt: 0, reason: "" });
  }

  /** @param {Record<string, any>} sync */
  #sync({ offset, kind, until }) {
    if (this.#position.sync(offset, kind, until ?? 0)) this.#options.onReset();
  }

  /** @param {Uint8Array} came */
  #output(came) {
    const position = this.#position;
    const bytes = position.take(came);
    const { received, generation } = position;
    if (bytes.length > 0) this.#options.onBytes(bytes, () => this.#parsed(position, received, generation));
  }

  /**
   * @param {Position} position
   * @param {number} upTo
   * @param {number} generation
   */
  #parsed(position, upTo, generation) {
    if (position !== this.#position) return;
    const waiting = position.parse(upTo, generation);
    if (waiting >= ACK_BYTES) this.#ack();
    else if (waiting > 0 && !this.#timers.has("ack")) this.#start("ack", this.#timing.ack, () => this.#ack());
  }

  #ack() {
    this.#stop("ack");
    const { parsed } = this.#position;
    if (this.send({ type: "ack", offset: parsed })) this.#position.acked = parsed;
  }

  /**
   * @param {number} code
   * @param {string} reason
   */
  #lost(code, reason) {
    if (this.#joined) this.#lostAt = performance.now();
    this.#hangUp(1000);
    if (FINAL.has(code)) this.#end(code, reason);
    else this.#retryLater(reason);
  }

  /** @param {number} code */
  #hangUp(code) {
    const socket = this.#socket;
    this.#socket = null;
    this.#joined = false;
    for (const name of ["handshake", "stable", "ping", "pong", "slow", "ack"]) this.#stop(name);
    const waiting = [...this.#waiting.values()];
    this.#waiting.clear();
    for (const tell of waiting) tell();
    socket?.close(code);
  }

  /**
   * @param {number} code
   * @param {string} reason
   */
  #end(code, reason) {
    for (const name of this.#timers.keys()) this.#stop(name);
    const said = code === UNKNOWN ? (FINAL.get(code) ?? "") : reason || (FINAL.get(code) ?? "");
    this.#show({ quality: "closed", transport: null, rttMs: null, retryAtMs: null, reason: said, code });
    this.#leaving.abort();
  }

  /** @param {string} reason */
  #retryLater(reason) {
    const delayMs = retryDelay(this.#attempt, this.#timing, this.#host.random());
    this.#attempt += 1;
    this.#start("retry", delayMs, () => this.#dial());
    const sinceLostMs = performance.now() - this.#lostAt;
    this.#start("offline", Math.max(0, this.#timing.offline - sinceLostMs), () => this.#show({}));
    const retryAtMs = Date.now() + delayMs;
    this.#show({ quality: "reconnecting", transport: null, rttMs: null, retryAtMs, attempt: this.#attempt, reason });
  }

  /**
   * @param {number} withinMs
   * @returns {number} What the answer will be known by.
   */
  #ping(withinMs) {
    this.#pingId += 1;
    this.#pingAt = performance.now();
    this.send({ type: "ping", id: this.#pingId });
    this.#start("pong", withinMs, () => this.#silent(withinMs));
    this.#start("slow", 2 * this.#timing.slow, () => this.#show({ quality: "slow" }));
    this.#start("ping", this.#timing.ping, () => this.#ping(this.#timing.pong));
    return this.#pingId;
  }

  /** @param {number} withinMs */
  #silent(withinMs) {
    // A page that slept gets its timers before its messages: ask again before calling the connection dead.
    if (performance.now() - this.#pingAt > 2 * withinMs + 1_000) return void this.#ping(this.#timing.check);
    this.#lost(1006, "The server stopped answering.");
  }

  /** @param {number} id */
  #ponged(id) {
    for (const [each, tell] of [...this.#waiting]) {
      if (each > id) continue;
      this.#waiting.delete(each);
      tell();
    }
    if (id !== this.#pingId) return;
    this.#stop("slow");
    const rttMs = performance.now() - this.#pingAt;
    const before = this.connection.rttMs;
    const smoothed = before === null ? rttMs : before + (rttMs - before) / 4;
    this.#show({ quality: smoothed > this.#timing.slow ? "slow" : "good", rttMs: smoothed });
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
    if (this.#leaving.signal.aborted) return;
    this.#timers.set(name, setTimeout(act, delayMs));
  }

  /** @param {string} name */
  #stop(name) {
    clearTimeout(this.#timers.get(name));
    this.#timers.delete(name);
  }
}
