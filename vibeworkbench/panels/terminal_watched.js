/**
 * What is seen: the live screen, the screen while the reader holds it, or a recording.
 *
 *     came → screen.write → parsed;  held: came → kept, parsed at once;  late: counted, and the screen comes anew
 */

import { sentenceOf } from "./rest.js";
import { putIntoClipboard } from "./terminal_clipboard.js";
import { Replay, recordingOf } from "./terminal_recording.js";
import { drives, mayDrive } from "./terminal_state.js";
import { themeOf } from "./terminal_theme.js";

/**
 * @typedef {import("./terminal_screen.js").TerminalScreen} TerminalScreen
 * @typedef {import("./terminal_source.js").TerminalSource} TerminalSource
 */

/** What waits while the reader holds the view; whoever holds it longer gets the screen as it is then. */
const KEPT_BYTES = 4 * 1024 * 1024;
/** How often it is asked whether the page has another theme. */
const DRESS_MS = 500;

/** The screen of one panel, and what stands on it. */
export class Watched {
  /** The element that the screen stands in; the panel puts it where it belongs. */
  host = document.createElement("div");
  #source;
  /** @type {TerminalScreen | null} */
  #screen = null;
  /** @type {(() => void) | null} What waits for the screen. */
  #ready = null;
  #isLoading = false;
  #closed = false;
  /** @type {Uint8Array[]} */
  #kept = [];
  #keptBytes = 0;
  #resets = false;
  #theme = "";
  #dressedAtMs = -DRESS_MS;
  /** @type {Replay | null} */
  #replay = null;
  #frame = 0;
  #observer = new ResizeObserver(() => this.#sized());

  /** @param {TerminalSource} source */
  constructor(source) {
    this.#source = source;
    this.host.className = "vw-tty";
    this.#observer.observe(this.host);
  }

  /** Nothing is shown any more. */
  close() {
    this.#closed = true;
    this.leave();
    this.#observer.disconnect();
  }

  /** @param {() => void} ready Called once there is a screen, which is empty. */
  show(ready) {
    this.#ready = ready;
    void this.#prepare();
  }

  /** The terminal is another one, or none. */
  leave() {
    this.#endReplay();
    this.#ready = null;
    this.#screen?.close();
    this.#screen = null;
    this.host.replaceChildren();
    this.#empty();
  }

  #sized() {
    if (this.#screen === null) void this.#prepare();
    else this.fit();
  }

  async #prepare() {
    const ready = this.#ready;
    if (ready === null || this.#isLoading || !this.host.isConnected || this.host.clientWidth === 0) return;
    this.#isLoading = true;
    const screens = await import("./terminal_screen.js").catch(() => null);
    this.#isLoading = false;
    if (this.#closed || this.#ready === null || this.#screen !== null) return;
    if (screens === null) return this.#source.tell("The terminal's program could not be loaded.", "bad");
    this.#screen = this.#made(screens.TerminalScreen);
    this.#ready = null;
    this.#theme = "";
    this.follow();
    ready();
  }

  /** @param {typeof import("./terminal_screen.js").TerminalScreen} Made */
  #made(Made) {
    const source = this.#source;
    const { keyboard, state } = source;
    const leave = "Ctrl+Shift+X leaves it.";
    const label = state.readOnly ? `Terminal, for reading. ${leave}` : `Terminal. ${leave}`;
    return new Made(
      this.host,
      {
        onData: (data) => keyboard.data(data),
        onBinary: (data) => keyboard.binary(data),
        onPaste: (text) => this.#pasted(text),
        onCopy: (text) => void this.copied(text),
        onLeave: () => this.out(),
        onSearch: () => source.learn({ type: "panel:tools", data: { open: "search" } }),
        onTitle: (title) => source.learn({ type: "panel:title", data: title }),
        onLink: (address) => source.learn({ type: "panel:link", data: address }),
        onClipboard: (text) => drives(source.state) && source.learn({ type: "panel:clipboard", data: text }),
        onFound: (found) => source.learn({ type: "panel:tools", data: { found } }),
      },
      { fontPx: state.tools.fontPx, label },
    );
  }

  /** @param {string} text */
  #pasted(text) {
    this.#source.keyboard.paste(text);
    if (this.#source.state.paste?.stage !== "asked") return;
    const answer = () =>
      /** @type {HTMLElement | null} */ (this.#panel?.querySelector(".vw-tty-paste .vw-first"))?.focus();
    requestAnimationFrame(() => requestAnimationFrame(answer));
  }

  get #panel() {
    return this.host.closest(".vw-panel");
  }

  /** The screen is as the state says. */
  follow() {
    const screen = this.#screen;
    if (screen === null) return;
    const { state } = this.#source;
    screen.input(mayDrive(state) && state.replay === null);
    screen.read(state.tools.reads);
    screen.font(state.tools.fontPx);
    this.#dress(screen);
    this.#frame ||= requestAnimationFrame(() => {
      this.#frame = 0;
      this.fit();
    });
  }

  /** @param {TerminalScreen} screen */
  #dress(screen) {
    if (performance.now() - this.#dressedAtMs < DRESS_MS && this.#theme !== "") return;
    this.#dressedAtMs = performance.now();
    const theme = themeOf(this.host);
    const told = JSON.stringify(theme);
    if (told === this.#theme) return;
    this.#theme = told;
    screen.dress(theme);
  }

  /** The screen fits its element, by its size for who drives and by its letters for everybody else. */
  fit() {
    const screen = this.#screen;
    const { state } = this.#source;
    if (screen === null || this.host.clientWidth === 0) return;
    if (state.replay !== null) return screen.shrink();
    if (state.size !== null) screen.resize(state.size);
    const fits = drives(state) ? screen.fitting() : null;
    if (fits === null) return screen.shrink();
    return this.#source.suggest(fits);
  }

  // --- Bytes ---

  get #isHeld() {
    const { view, replay } = this.#source.state;
    return view.held || replay !== null;
  }

  /**
   * @param {Uint8Array} bytes
   * @param {() => void} parsed
   */
  came(bytes, parsed) {
    if (!this.#isHeld || this.#screen === null) return this.#screen?.write(bytes, parsed);
    parsed(); // Holding the view holds nobody else.
    this.#keptBytes += bytes.length;
    if (this.#keptBytes > KEPT_BYTES) this.#kept = [];
    else this.#kept.push(bytes);
    const isLate = this.#keptBytes > KEPT_BYTES;
    return this.#source.learn({ type: "panel:view", data: { waitingBytes: this.#keptBytes, isLate } });
  }

  /** What comes next begins on an empty screen. */
  reset() {
    if (!this.#isHeld) return this.#screen?.reset();
    this.#empty();
    this.#resets = true;
  }

  #empty() {
    this.#kept = [];
    this.#keptBytes = 0;
    this.#resets = false;
  }

  /** @param {boolean} held The reader holds the view, or lets it go on. */
  hold(held) {
    const { view } = this.#source.state;
    if (held === view.held) return;
    this.#source.learn({ type: "panel:view", data: { held, waitingBytes: 0, isLate: false } });
    if (held) return;
    const [kept, resets] = [this.#kept, this.#resets];
    this.#empty();
    if (view.isLate) return this.#source.renew();
    if (resets) this.#screen?.reset();
    for (const bytes of kept) this.#screen?.write(bytes);
    this.focus();
  }

  // --- Recordings ---

  /** The recording of this terminal is shown, from its beginning. */
  async replay() {
    const source = this.#source;
    const { terminalId } = source.state;
    const begun = { stage: "loading", atS: 0, durationS: 0, speed: 1, marks: [], reason: "" };
    source.learn({ type: "panel:replay", data: begun });
    try {
      const recording = recordingOf(
        await source.rest.text(`terminals/${encodeURIComponent(terminalId ?? "")}/recording`),
      );
      if (source.state.replay?.stage !== "loading" || source.state.terminalId !== terminalId) return;
      const { durationS, marks } = recording;
      this.#replay = new Replay(recording, {
        reset: () => this.#screen?.reset(),
        resize: (size) => this.#resized(size),
        write: (text) => new Promise((resolve) => (this.#screen ? this.#screen.write(text, resolve) : resolve())),
      });
      source.learn({ type: "panel:replay", data: { stage: "paused", durationS, marks } });
      this.play();
    } catch (error) {
      source.learn({ type: "panel:replay", data: { stage: "failed", reason: sentenceOf(error) } });
    }
  }

  /** @param {import("./terminal_state.js").Size} size After what was written before. */
  #resized(size) {
    this.#screen?.write("", () => {
      if (this.#replay === null) return;
      this.#screen?.resize(size);
      this.#screen?.shrink();
    });
  }

  play() {
    this.#replay?.play(performance.now());
    this.#step();
  }

  pause() {
    this.#replay?.pause();
    this.#step();
  }

  /** @param {number} speed */
  speed(speed) {
    if (this.#replay !== null) this.#replay.speed = speed;
    this.#source.learn({ type: "panel:replay", data: { speed } });
  }

  /** @param {number} atS */
  seek(atS) {
    void this.#replay?.seek(atS);
    this.#tellReplay();
  }

  #step() {
    const replay = this.#replay;
    if (replay === null) return;
    void replay.tick(performance.now());
    this.#tellReplay();
    if (replay.isPlaying) requestAnimationFrame(() => this.#step());
  }

  #tellReplay() {
    if (this.#replay === null) return;
    const { atS, isPlaying } = this.#replay;
    this.#source.learn({ type: "panel:replay", data: { atS, stage: isPlaying ? "playing" : "paused" } });
  }

  /** The live screen is shown again, as it is now. */
  live() {
    this.#endReplay();
    this.#empty();
    this.#source.learn({ type: "panel:replay", data: null });
    this.#source.learn({ type: "panel:view", data: { held: false, waitingBytes: 0, isLate: false } });
    this.#screen?.reset();
    this.#source.renew();
  }

  #endReplay() {
    this.#replay?.end();
    this.#replay = null;
  }

  /** @param {string} text It is in the reader's clipboard. */
  async copied(text) {
    await putIntoClipboard(text);
    this.#source.tell(`Copied ${text.length.toLocaleString()} characters.`);
  }

  copy() {
    if (this.#screen?.copy() === false) this.#source.tell("Nothing is selected.");
  }

  /**
   * @param {string} text
   * @param {"next" | "previous"} direction
   * @param {boolean} [isTyped]
   */
  search(text, direction, isTyped) {
    this.#screen?.search(text, direction, isTyped);
  }

  get isBracketed() {
    return this.#screen?.isBracketed ?? false;
  }

  focus() {
    this.#screen?.focus();
  }

  /** The keyboard is the page's again. */
  out() {
    /** @type {HTMLElement | null | undefined} */ (this.#panel?.querySelector(".vw-tty-tools button"))?.focus();
  }
}
