/** What a reader types and pastes, on its way to the program; what cannot go is refused, and said. */

import { typedOf } from "./terminal_model.js";
import { isManyLines, linesOf, pasted, sendAll } from "./terminal_paste.js";
import { drives, whyNotTyped } from "./terminal_state.js";

const ENCODER = new TextEncoder();
const INTERRUPT = "\x03";
/** A paste so large is shown as it goes. */
const SHOWN_BYTES = 64 * 1024;

/** The keyboard of one panel. */
export class Keyboard {
  #source;
  /** @type {AbortController | null} */
  #pasting = null;
  /** Code of the last refusal, while a piece of a paste is under way. */
  #refusal = "";

  /** @param {import("./terminal_source.js").TerminalSource} source */
  constructor(source) {
    this.#source = source;
  }

  /** @param {string} data What the screen wants to send: keys, and what a terminal answers by itself. */
  data(data) {
    const { state } = this.#source;
    if (state.readOnly || state.replay !== null) return;
    const typed = typedOf(data);
    const sent = drives(state) ? data : typed;
    if (sent === "") return;
    if (this.#pasting !== null && typed !== "") return this.#interrupt(typed);
    this.#send(sent, typed !== "");
  }

  /** @param {string} data What a mouse did, a byte in each letter: it is sent by who drives, and never said. */
  binary(data) {
    const { state, socket } = this.#source;
    if (!drives(state) || whyNotTyped(state) !== "" || this.#pasting !== null) return;
    socket?.type(Uint8Array.from(data, (letter) => letter.charCodeAt(0)));
  }

  /**
   * @param {string} text
   * @param {boolean} isTyped Whether its refusal is said.
   */
  #send(text, isTyped) {
    const why = whyNotTyped(this.#source.state);
    if (why === "" && this.#source.socket?.type(encoded(text)) === true) return;
    if (isTyped) this.#source.tell(why || "Not connected: nothing was typed.", "bad");
  }

  /** @param {string} typed */
  #interrupt(typed) {
    if (typed !== INTERRUPT) return this.#source.tell("A paste is under way; nothing else was typed.", "bad");
    this.stop();
    return this.#send(INTERRUPT, true);
  }

  /** @param {string} text Somebody wants to paste it. */
  paste(text) {
    const why = whyNotTyped(this.#source.state);
    if (text === "" || this.#source.state.replay !== null) return;
    if (why !== "" || this.#pasting !== null) return this.#source.tell(why || "A paste is under way already.", "bad");
    const told = { text, lines: linesOf(text), bytes: ENCODER.encode(text).length, sentBytes: 0 };
    if (!isManyLines(text)) return void this.#go({ ...told, stage: "going" });
    return this.#source.learn({ type: "panel:paste", data: { ...told, stage: "asked" } });
  }

  /** What was asked about is pasted. */
  confirm() {
    const { paste } = this.#source.state;
    if (paste !== null) void this.#go({ ...paste, stage: "going" });
  }

  /** Nothing more is pasted; what was sent is the program's. */
  stop() {
    this.#pasting?.abort();
    this.#pasting = null;
    this.#source.learn({ type: "panel:paste", data: null });
  }

  /** @param {string} code The server has refused something. */
  refused(code) {
    this.#refusal = code;
  }

  /** @param {import("./terminal_state.js").Paste} paste */
  async #go(paste) {
    const source = this.#source;
    const stopping = new AbortController();
    this.#pasting = stopping;
    const bytes = ENCODER.encode(pasted(paste.text, source.watched.isBracketed));
    if (bytes.length >= SHOWN_BYTES) source.learn({ type: "panel:paste", data: { ...paste, bytes: bytes.length } });
    else source.learn({ type: "panel:paste", data: null });
    const onProgress = (/** @type {number} */ sentBytes, /** @type {boolean} */ isWaiting) => {
      const isShown = source.state.paste !== null || isWaiting;
      const told = { ...paste, bytes: bytes.length, sentBytes, stage: isWaiting ? "waiting" : "going" };
      if (isShown && !stopping.signal.aborted) source.learn({ type: "panel:paste", data: told });
    };
    const sent = await sendAll(bytes, { send: (piece) => this.#piece(piece), onProgress, signal: stopping.signal });
    if (sent < bytes.length) source.tell(`The paste was stopped: ${share(sent, bytes.length)} of it was sent.`, "bad");
    if (this.#pasting !== stopping) return;
    this.#pasting = null;
    source.learn({ type: "panel:paste", data: null });
  }

  /**
   * @param {Uint8Array<ArrayBuffer>} piece
   * @returns {Promise<"taken" | "full" | "lost">}
   */
  async #piece(piece) {
    const { socket } = this.#source;
    this.#refusal = "";
    if (socket === null || whyNotTyped(this.#source.state) !== "" || !socket.type(piece)) return "lost";
    if (!(await socket.settled())) return "lost";
    if (this.#refusal === "too-much-input") return "full";
    return this.#refusal === "" ? "taken" : "lost";
  }
}

/** @param {string} data */
function encoded(data) {
  return ENCODER.encode(data);
}

/**
 * @param {number} part
 * @param {number} whole
 */
function share(part, whole) {
  return `${Math.floor((100 * part) / Math.max(1, whole))} %`;
}
