/**
 * The screen of a terminal: xterm.js and its addons, and nothing of the workbench. Loaded where a terminal is shown.
 *
 *     bytes → write → parsed;  keys, replies → onData;  pastes, copies, links, clipboard → the panel decides
 */

import { FitAddon } from "@xterm/addon-fit";
import { SearchAddon } from "@xterm/addon-search";
import { Unicode11Addon } from "@xterm/addon-unicode11";
import { WebLinksAddon } from "@xterm/addon-web-links";
import { Terminal } from "@xterm/xterm";

/**
 * @typedef {{rows: number, cols: number}} Size
 * @typedef {object} Listener
 * @property {(data: string) => void} onData What was typed, or answered to the program.
 * @property {(data: string) => void} onBinary What a mouse did, a byte in each letter.
 * @property {(text: string) => void} onPaste
 * @property {(text: string) => void} onCopy It is to be put into the clipboard.
 * @property {() => void} onLeave The reader leaves by keyboard.
 * @property {() => void} onSearch The reader wants to search.
 * @property {(title: string) => void} onTitle
 * @property {(address: string) => void} onLink The pointer is over it; empty when it is over none.
 * @property {(text: string) => void} onClipboard The program would put it into the clipboard.
 * @property {(found: string) => void} onFound
 */

const SCROLLBACK = 10_000;
/** Ends what a sequence has begun, so that nothing of what comes next is taken for its rest. */
const CANCEL = Uint8Array.of(0x18);
const LEAST_FONT_PX = 5;
/** What xterm.js keeps for its scroll bar. */
const BAR_PX = 14;
const LARGEST_CLIPBOARD = 1_000_000;
const DECORATIONS = {
  matchBackground: "#8a6d1f",
  matchBorder: "#8a6d1f",
  matchOverviewRuler: "#d9a514",
  activeMatchBackground: "#d9a514",
  activeMatchBorder: "#d9a514",
  activeMatchColorOverviewRuler: "#ff8a00",
};

/** One screen in one element. */
export class TerminalScreen {
  #term;
  #fit = new FitAddon();
  #search = new SearchAddon();
  #host;
  #listener;
  #fontPx;
  #leaving = new AbortController();

  /**
   * @param {HTMLElement} host
   * @param {Listener} listener
   * @param {{fontPx: number, label: string}} options
   */
  constructor(host, listener, { fontPx, label }) {
    this.#host = host;
    this.#listener = listener;
    this.#fontPx = fontPx;
    this.#term = new Terminal({
      allowProposedApi: true, // unicode versions and search decorations
      cursorBlink: false,
      disableStdin: true,
      fontFamily: getComputedStyle(host).getPropertyValue("--vw-mono") || "monospace",
      fontSize: fontPx,
      lineHeight: 1.15,
      macOptionIsMeta: true,
      minimumContrastRatio: 4.5,
      rightClickSelectsWord: false,
      scrollback: SCROLLBACK,
      linkHandler: {
        activate: (event, address) => this.#follow(event, address),
        hover: (_, address) => listener.onLink(address),
        leave: () => listener.onLink(""),
      },
    });
    this.#equip();
    this.#term.open(host);
    this.#term.textarea?.setAttribute("aria-label", label);
    this.#term.attachCustomKeyEventHandler((event) => this.#key(event));
    this.#listen();
  }

  #equip() {
    const links = new WebLinksAddon((event, address) => this.#follow(event, address), {
      hover: (_, address) => this.#listener.onLink(address),
      leave: () => this.#listener.onLink(""),
    });
    for (const addon of [this.#fit, this.#search, new Unicode11Addon(), links]) this.#term.loadAddon(addon);
    this.#term.unicode.activeVersion = "11";
    this.#term.onData((data) => this.#listener.onData(data));
    this.#term.onBinary((data) => this.#listener.onBinary(data));
    this.#term.onTitleChange((title) => this.#listener.onTitle(title.slice(0, 200)));
    // OSC 52: programs may offer text to the clipboard of their reader, who decides; they never read it.
    this.#term.parser.registerOscHandler(52, (data) => {
      const text = offered(data);
      if (text !== "") this.#listener.onClipboard(text);
      return true;
    });
    this.#search.onDidChangeResults(({ resultIndex, resultCount }) => {
      const place = resultIndex < 0 ? `${resultCount}` : `${resultIndex + 1} of ${resultCount}`;
      this.#listener.onFound(resultCount === 0 ? "not found" : place);
    });
  }

  #listen() {
    const { signal } = this.#leaving;
    const paste = (/** @type {ClipboardEvent} */ event) => {
      event.preventDefault();
      event.stopPropagation();
      this.#listener.onPaste(event.clipboardData?.getData("text/plain") ?? "");
    };
    this.#host.addEventListener("paste", paste, { capture: true, signal });
    // What is typed here is the program's: no shortcut of the page around hears it.
    for (const name of /** @type {const} */ (["keydown", "keyup", "keypress"]))
      this.#host.addEventListener(name, (event) => event.stopPropagation(), { signal });
  }

  /** @param {KeyboardEvent} event @returns {boolean} Whether the terminal gets it. */
  #key(event) {
    if (event.type !== "keydown") return true;
    const isChord = event.ctrlKey && event.shiftKey && !event.altKey && !event.metaKey;
    /** @type {Record<string, () => void>} */
    const chords = {
      KeyX: () => this.#listener.onLeave(),
      KeyF: () => this.#listener.onSearch(),
      KeyC: () => this.copy(),
    };
    const act = isChord ? chords[event.code] : undefined;
    if (act !== undefined) {
      event.preventDefault();
      act();
      return false;
    }
    if (isChord && event.code === "KeyV") return false; // The browser pastes.
    if (event.shiftKey && event.key === "Insert") return false;
    const copies = event.ctrlKey && !event.shiftKey && !event.altKey && event.key === "c" && this.#term.hasSelection();
    if (copies || (event.ctrlKey && event.key === "Insert")) {
      event.preventDefault();
      this.copy();
      this.#term.clearSelection();
      return false;
    }
    return true;
  }

  /**
   * @param {MouseEvent} event
   * @param {string} address
   */
  #follow(event, address) {
    if (!(event.ctrlKey || event.metaKey) || !/^https?:\/\//i.test(address)) return;
    globalThis.open(address, "_blank", "noopener,noreferrer");
  }

  /** @returns {boolean} Whether there is a selection, which is to be put into the clipboard. */
  copy() {
    const text = this.#term.getSelection();
    if (text !== "") this.#listener.onCopy(text);
    return text !== "";
  }

  /**
   * @param {Uint8Array | string} data
   * @param {() => void} [parsed]
   */
  write(data, parsed) {
    this.#term.write(data, parsed);
  }

  /** What was written before is gone, and what is written next begins on an empty screen. */
  reset() {
    this.#term.write(CANCEL, () => this.#term.reset());
  }

  /** @param {Size} size */
  resize({ rows, cols }) {
    if (rows !== this.#term.rows || cols !== this.#term.cols) this.#term.resize(cols, rows);
  }

  /** @returns {Size} */
  get size() {
    return { rows: this.#term.rows, cols: this.#term.cols };
  }

  /** @returns {boolean} Whether the program has asked to know what is pasted. */
  get isBracketed() {
    return this.#term.modes.bracketedPasteMode;
  }

  /** @param {boolean} isOpen Whether anything leaves this screen; answers to the program do not, either, without. */
  input(isOpen) {
    if (this.#term.options.disableStdin === isOpen) this.#term.options.disableStdin = !isOpen;
    if (this.#term.options.cursorBlink !== isOpen) this.#term.options.cursorBlink = isOpen;
  }

  /** @param {import("@xterm/xterm").ITheme} theme */
  dress(theme) {
    this.#term.options.theme = theme;
  }

  /** @param {boolean} isRead By a screen reader. */
  read(isRead) {
    if (this.#term.options.screenReaderMode !== isRead) this.#term.options.screenReaderMode = isRead;
  }

  /** @param {number} px */
  font(px) {
    this.#fontPx = px;
  }

  /** @returns {Size | null} What fits into the element in the reader's own size of letters. */
  fitting() {
    this.#letters(this.#fontPx);
    this.#frame("100%", "100%");
    this.#host.removeAttribute("data-boxed");
    const fits = this.#fit.proposeDimensions();
    return fits === undefined || !(fits.cols > 1)
      ? null
      : { rows: Math.max(5, fits.rows), cols: Math.max(20, fits.cols) };
  }

  /** The whole screen is seen, in smaller letters where it must be. */
  shrink() {
    const { clientWidth, clientHeight } = this.#host;
    const screen = this.#host.querySelector(".xterm-screen");
    if (!(screen instanceof HTMLElement) || clientWidth === 0 || screen.offsetWidth === 0) return;
    const px = this.#term.options.fontSize ?? this.#fontPx;
    const scale = Math.min((clientWidth - BAR_PX) / screen.offsetWidth, clientHeight / screen.offsetHeight);
    const wanted = Math.min(this.#fontPx, Math.max(LEAST_FONT_PX, Math.floor(px * scale * 4) / 4));
    this.#letters(wanted);
    while (this.#over(screen) && (this.#term.options.fontSize ?? 0) > LEAST_FONT_PX)
      this.#letters((this.#term.options.fontSize ?? 0) - 0.25);
    this.#frame(`${screen.offsetWidth + BAR_PX}px`, `${screen.offsetHeight}px`);
    this.#host.toggleAttribute("data-boxed", clientWidth - screen.offsetWidth > 3 * BAR_PX);
  }

  /**
   * The screen is so large, amid what is left of its element.
   *
   * @param {string} width
   * @param {string} height
   */
  #frame(width, height) {
    const { element } = this.#term;
    if (element === undefined) return;
    element.style.width = width;
    element.style.height = height;
  }

  /** @param {HTMLElement} screen */
  #over(screen) {
    return screen.offsetWidth > this.#host.clientWidth - BAR_PX || screen.offsetHeight > this.#host.clientHeight;
  }

  /** @param {number} px */
  #letters(px) {
    if (this.#term.options.fontSize !== px) this.#term.options.fontSize = px;
  }

  /**
   * @param {string} text
   * @param {"next" | "previous"} direction
   * @param {boolean} [isTyped] Whether the text was just typed: what is found already stays.
   */
  search(text, direction, isTyped = false) {
    if (text === "") {
      this.#search.clearDecorations();
      this.#term.clearSelection();
      return this.#listener.onFound("");
    }
    const options = { decorations: DECORATIONS, incremental: isTyped && direction === "next" };
    if (direction === "next") this.#search.findNext(text, options);
    else this.#search.findPrevious(text, options);
  }

  focus() {
    this.#term.focus();
  }

  /** Nothing is shown any more. */
  close() {
    this.#leaving.abort();
    this.#term.dispose();
  }
}

/**
 * @param {string} data Of OSC 52: which clipboard, and the text in base64, or `?`.
 * @returns {string} The text; empty where there is none to be offered.
 */
function offered(data) {
  const encoded = data.slice(data.indexOf(";") + 1);
  if (encoded === "?" || encoded === "" || encoded.length > LARGEST_CLIPBOARD) return "";
  try {
    return new TextDecoder().decode(Uint8Array.from(atob(encoded), (letter) => letter.charCodeAt(0)));
  } catch {
    return "";
  }
}
