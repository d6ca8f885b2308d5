/**
 * Where the containers panel's state comes from: room `main` of party `containers`, the room of the container that is
 * open, and REST for what the rooms do not carry.
 *
 *     REST → containers, courses, levels;  room `main` → samples, errors, processes;  room of one → its lines
 */

import { apply, initial } from "./containers_state.js";
import { LogsSource } from "./logs_source.js";
import { Rest, RestError } from "./rest.js";
import { isUnknown, mayRead } from "./rights.js";
import { joinRoom } from "./socket.js";

/** @typedef {import("./containers_state.js").State} State */

const PARTY = "containers";
/** How often what the room does not tell is read again. */
const AGAIN_MS = 15_000;
/** Errors that come within this time are read together. */
const GATHER_MS = 1_000;
const LEVELS_S = 86_400;
const LEVELS_BUCKET_S = 1_800;
const COURSE_S = 3_600;
const COURSE_BUCKET_S = 60;

/** The state of one panel, kept right. */
export class ContainersSource {
  state = initial(Date.now());
  #changed;
  #rest;
  #room;
  /** @type {LogsSource | null} */
  #lines = null;
  #readAtMs = 0;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #reading;
  /** @type {Promise<void> | undefined} */
  #asking;
  #closed = false;

  /**
   * @param {string} server The server's root with its base_url.
   * @param {() => void} changed Called after each change of `state`.
   */
  constructor(server, changed) {
    this.server = server;
    this.#changed = changed;
    this.#rest = new Rest(server);
    this.#room = this.#join();
  }

  #join() {
    return joinRoom({
      server: this.server,
      party: PARTY,
      room: "main",
      recording: false,
      onMessage: (message) => this.#heard(message),
      onConnection: (connection) => this.learn({ type: "panel:connection", data: connection }),
    });
  }

  /** Nothing is read any more. */
  close() {
    this.#closed = true;
    this.#room.close();
    this.#lines?.close();
    clearTimeout(this.#reading);
  }

  /** @param {import("./containers_state.js").PanelEvent} event */
  learn(event) {
    const next = apply(this.state, event);
    if (this.#closed || next === this.state) return;
    this.state = next;
    this.#changed();
  }

  /** Time goes on; what the room does not tell is read again now and then. */
  tick() {
    this.learn({ type: "panel:tick", data: Date.now() });
    this.#lines?.tick();
    if (Date.now() - this.#readAtMs >= AGAIN_MS && document.visibilityState === "visible") void this.read();
  }

  /** The next try is now, also where the room was left for good: somebody may have logged in meanwhile. */
  retry() {
    this.#lines?.retry();
    if (this.state.connection.quality !== "closed") return this.#room.retryNow();
    this.#room.close();
    this.#room = this.#join();
    this.learn({ type: "panel:connection", data: this.#room.connection });
  }

  /** @param {import("./socket.js").Message} message */
  #heard(message) {
    this.learn(message);
    if (message.type === "connected") void this.#joined();
    if (this.state.stale) this.#readSelectedSoon();
  }

  async #joined() {
    if (isUnknown(this.state)) await this.#askCaller();
    await this.read();
  }

  /** What REST tells is known, to who may read it. */
  async read() {
    this.#readAtMs = Date.now();
    if (!mayRead(this.state)) return;
    if (this.state.containers.size === 0) this.learn({ type: "panel:asked" });
    try {
      const { items, engine } = await this.#rest.get("monitoring/containers", { limit: "1000" });
      this.learn({ type: "panel:containers", data: items });
      this.learn({ type: "panel:engine", data: engine });
    } catch (error) {
      this.learn({ type: "panel:failed", data: this.#told(error) });
      return;
    }
    await Promise.all([this.#readCourses(), this.#readLevels(), this.#readSelected()]);
  }

  #readCourses() {
    return this.#quietly(async () => {
      const nowMs = Date.now();
      const asked = { from: instant(nowMs - 1_000 * COURSE_S), to: instant(nowMs), bucketS: String(COURSE_BUCKET_S) };
      const { items } = await this.#rest.get("monitoring/metrics", { ...asked, limit: "1000" });
      this.learn({ type: "panel:courses", data: items });
    });
  }

  #readLevels() {
    return this.#quietly(async () => {
      if (!mayRead(this.state)) return;
      const stepMs = 1_000 * LEVELS_BUCKET_S;
      const toMs = Math.ceil(Date.now() / stepMs) * stepMs;
      const span = { from: instant(toMs - 1_000 * LEVELS_S), to: instant(toMs) };
      /** @type {Record<string, string>} */
      const one = this.state.selected === null ? {} : { containerId: this.state.selected };
      const asked = { by: "time,level", bucketS: String(LEVELS_BUCKET_S), ...span, ...one };
      const { items, from, to, bucketS } = await this.#rest.get("monitoring/aggregate", asked);
      this.learn({ type: "panel:levels", data: { from, to, bucketS, counts: items } });
    });
  }

  /** @param {string | null} containerId It is open. */
  select(containerId) {
    this.#lines?.close();
    this.#lines = null;
    this.learn({ type: "panel:selected", data: containerId });
    if (containerId !== null) this.#openLines(containerId);
    void this.#quietly(async () => {
      await Promise.all([this.#readSelected(), this.#readLevels()]);
    });
  }

  /** @param {string} containerId */
  #openLines(containerId) {
    const show = () => this.learn({ type: "panel:lines", data: lines.state });
    const place = { party: PARTY, room: containerId, path: "monitoring/logs", fixed: { containerId } };
    const lines = new LogsSource(this.server, show, {}, place);
    this.#lines = lines;
    show();
  }

  /** @returns {LogsSource | null} The lines of the container that is open. */
  get lines() {
    return this.#lines;
  }

  #readSelectedSoon() {
    this.#reading ??= setTimeout(() => {
      this.#reading = undefined;
      void this.#readSelected();
    }, GATHER_MS);
  }

  async #readSelected() {
    const { selected: containerId } = this.state;
    if (containerId === null || !mayRead(this.state)) return;
    await this.#quietly(async () => {
      const [errors, processes] = await Promise.all([
        this.#rest.get("monitoring/errors", { containerId }),
        this.#rest.get("monitoring/processes", { containerId }),
      ]);
      this.learn({ type: "panel:errors", data: { containerId, items: errors.items } });
      this.learn({ type: "panel:processes", data: { containerId, items: processes.items } });
    });
  }

  #askCaller() {
    return (this.#asking ??= this.#readCaller());
  }

  async #readCaller() {
    await this.#quietly(async () => {
      const { caller } = await this.#rest.get("status");
      this.learn({ type: "panel:caller", data: caller });
    });
    this.#asking = undefined;
  }

  /** @param {() => Promise<void>} read What may fail without anybody being told. */
  async #quietly(read) {
    try {
      await read();
    } catch (error) {
      this.#told(error);
    }
  }

  /**
   * @param {unknown} error
   * @returns {string} What the server said.
   */
  #told(error) {
    if (!(error instanceof RestError)) throw error;
    return error.message;
  }
}

/** @param {number} ms */
function instant(ms) {
  return new Date(ms).toISOString();
}
