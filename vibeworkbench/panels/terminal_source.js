/**
 * Where the terminal panel's state comes from, and where what is done in it goes.
 *
 *     REST → list;  socket → bytes → screen, or held;  socket → control → apply → state;  keys, pastes → socket
 */

import { Rest, sentenceOf } from "./rest.js";
import { Keyboard } from "./terminal_keyboard.js";
import { openTerminal } from "./terminal_socket.js";
import { Watched } from "./terminal_watched.js";
import { FONT_PX, apply, drives, initial, mayDrive } from "./terminal_state.js";

/** @typedef {import("./terminal_state.js").State} State */

const LIST_MS = 10_000;
const SIZE_MS = 80;
const ASK_MS = 10_000;
const FONT_KEPT = "vibeworkbench.terminal.font";

/** The state of one panel, kept right. */
export class TerminalSource {
  state;
  /** @type {import("./terminal_socket.js").TerminalSocket | null} */
  socket = null;
  rest;
  #changed;
  #closed = false;
  #readAtMs = 0;
  #sentSize = "";
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #sizing;
  /** Whether the keyboard is taken when a terminal is found that nobody else looks at. */
  #takes = false;

  /**
   * @param {string} server The server's root with its base_url.
   * @param {() => void} changed Called after each change of `state`.
   * @param {{terminalId: string | null, readOnly: boolean}} configured
   */
  constructor(server, changed, { terminalId, readOnly }) {
    this.server = server;
    this.#changed = changed;
    this.rest = new Rest(server);
    this.state = initial(Date.now(), { readOnly, fontPx: fontKept() });
    this.watched = new Watched(this);
    this.keyboard = new Keyboard(this);
    this.state = apply(this.state, { type: "panel:open", terminalId });
    queueMicrotask(() => this.#begin(terminalId)); // The panel is not ready to hear of changes yet.
  }

  /** @param {string | null} terminalId */
  #begin(terminalId) {
    if (this.#closed) return;
    void this.#readCaller();
    this.open(terminalId);
  }

  /** Nothing is read and nothing is shown any more. */
  close() {
    this.#closed = true;
    this.#leave();
    this.watched.close();
  }

  /** @param {import("./terminal_state.js").Event} event */
  learn(event) {
    const next = apply(this.state, event);
    if (this.#closed || next === this.state) return;
    this.state = next;
    this.watched.follow();
    this.#changed();
  }

  /**
   * @param {string} text
   * @param {"plain" | "bad"} [tone]
   */
  tell(text, tone = "plain") {
    this.learn({ type: "panel:told", data: text, tone });
  }

  /** Time goes on. */
  tick() {
    this.learn({ type: "panel:tick", data: Date.now() });
    const isListed = this.state.terminalId === null && document.visibilityState === "visible";
    if (isListed && Date.now() - this.#readAtMs >= LIST_MS) void this.readList();
  }

  /** The next try is now, also where the terminal was left for good: somebody may have logged in meanwhile. */
  retry() {
    const { terminalId, connection } = this.state;
    if (terminalId === null) return void this.readList();
    if (connection.quality === "closed") return this.open(terminalId);
    return this.socket?.retryNow();
  }

  // --- Which terminal ---

  /** @param {string | null} terminalId It is shown; nothing: the list is. */
  open(terminalId) {
    this.#leave();
    const about = this.state.list.items.find((each) => each.terminalId === terminalId) ?? null;
    this.learn({ type: "panel:open", terminalId });
    if (about !== null) this.learn({ type: "panel:about", data: about });
    if (terminalId === null) return void this.readList();
    this.watched.show(() => this.#join(terminalId));
    if (about === null) void this.#readAbout(terminalId);
  }

  #leave() {
    this.keyboard.stop();
    this.watched.leave();
    this.socket?.close();
    this.socket = null;
    clearTimeout(this.#sizing);
    this.#sentSize = "";
  }

  /** @param {string} terminalId */
  #join(terminalId) {
    this.#takes = true;
    this.socket = openTerminal({
      server: this.server,
      terminalId,
      onReset: () => this.watched.reset(),
      onBytes: (bytes, parsed) => this.watched.came(bytes, parsed),
      onControl: (message) => this.#heard(message),
      onConnection: (connection) => this.#connected(connection),
    });
  }

  /** @param {import("./terminal_socket.js").Connection} connection */
  #connected(connection) {
    this.learn({ type: "panel:connection", data: connection, me: this.socket?.memberId ?? null });
    if (connection.transport === null) this.#sentSize = "";
  }

  /** @param {Record<string, any>} message */
  #heard(message) {
    this.learn(/** @type {any} */ (message));
    if (message["type"] === "error") this.keyboard.refused(message["code"]);
    if (message["type"] === "members") this.#takeWhatIsFree();
  }

  #takeWhatIsFree() {
    const { driver, members } = this.state;
    if (this.#takes && mayDrive(this.state) && driver === null && members.length <= 1) this.take();
    this.#takes = false;
  }

  /** The screen comes anew, and whoever has the keyboard keeps it. */
  renew() {
    this.#takes ||= drives(this.state);
    this.socket?.renew();
  }

  // --- What is done in it ---

  /** @param {string} type @param {object} [said] */
  #say(type, said = {}) {
    if (this.socket?.send({ type, ...said }) !== true) this.tell("Not connected: nothing was sent.", "bad");
  }

  take() {
    if (this.state.driver !== null) this.learn({ type: "panel:asking", data: Date.now() + ASK_MS });
    this.#say("drive", { action: "take" });
  }

  release() {
    this.learn({ type: "panel:answered" });
    this.#say("drive", { action: "release" });
  }

  keep() {
    this.learn({ type: "panel:answered" });
    this.#say("drive", { action: "keep" });
  }

  /** @param {string} why @param {number} forS */
  hold(why, forS) {
    this.learn({ type: "panel:tools", data: { open: "" } });
    this.#say("hold", { on: true, ...(why === "" ? {} : { why }), forS });
  }

  resume() {
    this.#say("hold", { on: false });
  }

  /** The workbench tries to reach the program now. */
  retryUpstream() {
    this.#say("retry");
  }

  /** @param {import("./terminal_state.js").Size} size What would fit here; it is the terminal's, for who drives. */
  suggest(size) {
    const wanted = `${size.rows} ${size.cols}`;
    const present = `${this.state.size?.rows} ${this.state.size?.cols}`;
    clearTimeout(this.#sizing);
    if (wanted === present || wanted === this.#sentSize) return;
    this.#sizing = setTimeout(() => {
      if (!drives(this.state) || this.socket?.send({ type: "size", ...size }) !== true) return;
      this.#sentSize = wanted;
    }, SIZE_MS);
  }

  /** @param {number} px */
  font(px) {
    const fontPx = Math.min(FONT_PX.most, Math.max(FONT_PX.least, px));
    keepFont(fontPx);
    this.learn({ type: "panel:tools", data: { fontPx } });
  }

  // --- REST ---

  async readList() {
    this.#readAtMs = Date.now();
    try {
      const { items } = await this.rest.get("terminals", { limit: "200" });
      this.learn({ type: "panel:list", data: items });
    } catch (error) {
      this.learn({ type: "panel:list-failed", data: sentenceOf(error) });
    }
  }

  /** @param {string} terminalId */
  async #readAbout(terminalId) {
    try {
      const about = await this.rest.get(`terminals/${encodeURIComponent(terminalId)}`);
      if (this.state.terminalId === terminalId) this.learn({ type: "panel:about", data: about });
    } catch (error) {
      sentenceOf(error); // The socket says what matters; a name is not worth a complaint.
    }
  }

  async #readCaller() {
    try {
      const { caller } = await this.rest.get("status");
      this.learn({ type: "panel:caller", data: caller });
    } catch (error) {
      sentenceOf(error);
    }
  }

  /** @param {Record<string, unknown>} order Of a new terminal, which is shown. */
  async create(order) {
    this.learn({ type: "panel:opening", data: true });
    try {
      const made = await this.rest.post("terminals", order);
      this.learn({ type: "panel:tools", data: { open: "" } });
      this.open(made.terminalId);
      this.learn({ type: "panel:about", data: made });
    } catch (error) {
      this.tell(sentenceOf(error), "bad");
    }
    this.learn({ type: "panel:opening", data: false });
  }

  /** @param {string} terminalId Its program is ended. */
  async end(terminalId) {
    try {
      await this.rest.delete(`terminals/${encodeURIComponent(terminalId)}`);
      if (this.state.terminalId === terminalId) this.open(null);
      else await this.readList();
    } catch (error) {
      this.tell(sentenceOf(error), "bad");
    }
  }

  /** The recording is a file of the reader's. */
  async download() {
    const { terminalId, about } = this.state;
    try {
      const text = await this.rest.text(`terminals/${encodeURIComponent(terminalId ?? "")}/recording`);
      const link = document.createElement("a");
      link.href = URL.createObjectURL(new Blob([text], { type: "application/x-asciicast" }));
      link.download = `${about?.name ?? terminalId}.cast`;
      link.click();
      URL.revokeObjectURL(link.href);
    } catch (error) {
      this.tell(sentenceOf(error), "bad");
    }
  }

  /** A new shell begins in this terminal. */
  async restart() {
    try {
      await this.rest.post(`terminals/${encodeURIComponent(this.state.terminalId ?? "")}/restart`, {});
    } catch (error) {
      this.tell(sentenceOf(error), "bad");
    }
  }
}

/** @returns {number} */
function fontKept() {
  try {
    return Number(localStorage.getItem(FONT_KEPT)) || FONT_PX.usual;
  } catch {
    return FONT_PX.usual; // Storage is not allowed here.
  }
}

/** @param {number} px */
function keepFont(px) {
  try {
    localStorage.setItem(FONT_KEPT, String(px));
  } catch {
    // Storage is not allowed here: it holds for this page.
  }
}
