/**
 * What every panel does with its element: it stands in it, is drawn once a frame, tells its connection, and goes again.
 *
 *     source.state → (changed) → one frame later: view → screen
 */

import { render as draw } from "lit-html";
import { isPublished } from "./credentials.js";

/**
 * @typedef {{get: (name: string) => any, on: (name: string, act: () => void) => void, off: (name: string, act: () => void) => void}} Model
 *
 * @typedef {object} Shown What of a panel's state its frame tells the page.
 * @property {import("./socket.js").Connection} connection
 * @property {number | null} asOfMs
 * @property {boolean} ready Whether there is anything to show.
 * @property {string} said What a screen reader is told next.
 */

/**
 * @template {Shown} State
 * @typedef {object} Panel
 * @property {string} name Ends the class of its element: `vw-…`.
 * @property {string[]} styles Its style sheets, in their order.
 * @property {string[]} traits What its configuration consists of.
 * @property {(changed: () => void) => Source<State>} sourceOf
 * @property {(source: any, root: HTMLElement) => View<State>} viewOf
 */

/**
 * @template State
 * @typedef {{drawn: (state: State) => unknown, escape: () => unknown}} View What stands on the screen, and what Escape does.
 */

/**
 * @template State
 * @typedef {{state: State, tick: () => void, close: () => void}} Source
 */

/** How often the live region may speak: a screen reader cannot follow fifty changes a second. */
const SPEAK_MS = 1_500;
/** A skeleton that would stand for less than this only flickers, and holds up what comes after it. */
const SKELETON_MS = 150;

/**
 * The panel is drawn in `el` and stays live. Whenever its connection, or the instant of what it shows, is another one,
 * `el` gets the event `vibeworkbench:connection` with `detail` `{quality, transport, asOfMs}`, which the page may show.
 *
 * @template {Shown} State
 * @param {{model: Model, el: HTMLElement}} context
 * @param {Panel<State>} panel
 * @returns {() => void} Its undo: connections closed, listeners and style gone.
 */
export function mount({ model, el }, { name, styles, traits, sourceOf, viewOf }) {
  const unstyle = styled(styles.join("\n"));
  const root = el.appendChild(document.createElement("div"));
  root.className = `vw-panel vw-${name}`;
  root.addEventListener("focusin", (event) => suppressShortcuts(/** @type {HTMLElement} */ (event.target)));
  const voice = el.appendChild(document.createElement("p"));
  voice.className = "vw-quiet";
  voice.setAttribute("aria-live", "polite");

  let frame = 0;
  let isWaiting = true;
  let isReady = () => false;
  const redraw = () => {
    if (!isWaiting || isReady()) frame ||= requestAnimationFrame(paint);
  };
  const source = sourceOf(redraw);
  isReady = () => source.state.ready;
  const view = viewOf(source, root);
  const announce = announcer(el);
  const paint = () => {
    frame = 0;
    isWaiting = false;
    configure(root, model);
    announce(source.state);
    draw(view.drawn(source.state), root);
  };
  const speak = setInterval(() => speakTo(voice, source.state), SPEAK_MS);
  const tick = setInterval(() => source.tick(), 1_000);
  root.addEventListener("keydown", ({ key }) => key === "Escape" && view.escape());
  for (const trait of traits) model.on(`change:${trait}`, redraw);
  const patience = setTimeout(() => {
    isWaiting = false;
    redraw();
  }, SKELETON_MS);
  redraw();

  return () => {
    clearTimeout(patience);
    for (const trait of traits) model.off(`change:${trait}`, redraw);
    clearInterval(speak);
    clearInterval(tick);
    cancelAnimationFrame(frame);
    source.close();
    root.remove();
    voice.remove();
    unstyle();
  };
}

/**
 * @param {string} server
 * @returns {string} Where a reader logs in and comes back from; empty on published pages, which say so themselves.
 */
export function loginUrlOf(server) {
  return isPublished() ? "" : `${server}login?next=${encodeURIComponent(location.pathname + location.search)}`;
}

/**
 * @param {HTMLElement} root
 * @param {Model} model
 */
function configure(root, model) {
  const height = model.get("height");
  root.style.height = height;
  root.toggleAttribute("data-filled", Boolean(height));
  root.setAttribute("role", "region");
  root.setAttribute("aria-label", model.get("title"));
}

/**
 * @param {HTMLElement} el
 * @returns {(state: Shown) => void} Says on `el` how the panel is connected, when that has changed.
 */
function announcer(el) {
  let told = "";
  return ({ connection: { quality, transport }, asOfMs }) => {
    const detail = { quality, transport, asOfMs };
    const news = JSON.stringify(detail);
    if (news === told) return;
    told = news;
    el.dispatchEvent(new CustomEvent("vibeworkbench:connection", { bubbles: true, composed: true, detail }));
  };
}

/**
 * @param {HTMLElement} voice
 * @param {Shown} state
 */
function speakTo(voice, { said }) {
  if (voice.textContent !== said) voice.textContent = said;
}

/**
 * JupyterLab's notebook shortcuts (Enter, a, x, d d ...) are not meant while somebody works in the panel. Their selectors
 * match the focused element itself, so the mark that switches them off must stand there and not on the panel.
 *
 * @param {HTMLElement} focused
 */
function suppressShortcuts(focused) {
  focused.dataset["lmSuppressShortcuts"] = "true";
}

/** @type {Map<string, {sheet: CSSStyleSheet, panels: number}>} */
const sheets = new Map();

/**
 * @param {string} css
 * @returns {() => void} Takes it away again; the style sheet is in the document once, however many panels there are.
 */
function styled(css) {
  const worn = sheets.get(css) ?? { sheet: new CSSStyleSheet(), panels: 0 };
  if (worn.panels === 0) {
    worn.sheet.replaceSync(css);
    document.adoptedStyleSheets.push(worn.sheet);
  }
  worn.panels += 1;
  sheets.set(css, worn);
  return () => {
    worn.panels -= 1;
    if (worn.panels > 0) return;
    document.adoptedStyleSheets = document.adoptedStyleSheets.filter((each) => each !== worn.sheet);
  };
}
