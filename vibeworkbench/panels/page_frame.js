/**
 * The frame of a published page: of when it is, whether it is connected, and what to do when it is not.
 *
 *     room dashboards/{name} → connection → pill and advice
 *                            → message `dashboard` → state, and a newer page (page_newer.js)
 */

import { addressToReload, tokenOfPage } from "./credentials.js";
import { Newer, readerIsBusy } from "./page_newer.js";
import { announce, element, put, show } from "./page_parts.js";
import { comeBack, keepPlace, keptPlace, newest, newestAt, reload } from "./page_reload.js";
import { serverOf } from "./server_address.js";
import { joinRoom } from "./socket.js";
import { QUALITY_WORD, absolute, milliseconds, relative, written } from "./words.js";

/**
 * @typedef {{name: string, renderedAt: string | null}} About What the page says about itself.
 * @typedef {import("./socket.js").Connection} Connection
 * @typedef {import("./socket.js").Room} Room
 * @typedef {{renderedAt: string | null, state: string}} Standing What its room says about the dashboard.
 */

/** How often a page asks for a newer one by itself, while no socket gets through that would tell it. */
const ASK_MS = 60_000;
const TICK_MS = 5_000;
const IDLE_MS = 3_000;

/** @type {Record<string, string>} What is said beside the time; the other states need no word. */
const STATE_WORD = { rendering: "refreshing", failed: "the latest refresh failed" };

/** The instants of the page are said relative to now, and go on. */
export function tick() {
  for (const time of document.querySelectorAll("time[data-vw-relative]")) {
    const at = time.getAttribute("datetime");
    put(time, asOf(at, new Date()));
    time.setAttribute("title", absolute(at));
  }
  for (const time of document.querySelectorAll("time[data-vw-long]"))
    put(time, longForm(time.getAttribute("datetime")));
}

/**
 * @param {string | null} at
 * @param {Date} now
 * @returns {string} The instant as a clock on the wall and a stopwatch say it; the day only where it is another one.
 */
function asOf(at, now) {
  const instant = new Date(milliseconds(at));
  const isToday = instant.toDateString() === now.toDateString();
  const clock = written(at, isToday ? { timeStyle: "short" } : { dateStyle: "medium", timeStyle: "short" });
  return `${clock} · ${relative(at, now.getTime())}`;
}

/** @param {string | null} at */
function longForm(at) {
  return written(at, { dateStyle: "full", timeStyle: "long" });
}

/** The instants tick, links to our other pages vouch for the reader, and a kiosk shows no resting pointer. */
export function startFrame() {
  tick();
  setInterval(tick, TICK_MS);
  document.addEventListener("click", followed);
  const { dataset } = document.documentElement;
  if (dataset["kiosk"] === undefined) return;
  let resting = setTimeout(() => {}, 0);
  const moved = () => {
    delete dataset["idle"];
    clearTimeout(resting);
    resting = setTimeout(() => (dataset["idle"] = ""), IDLE_MS);
  };
  document.addEventListener("pointermove", moved);
  moved();
}

/**
 * A reader whom a token vouches for stays admitted on the next page of ours: a navigation carries no header.
 *
 * @param {MouseEvent} event
 */
function followed(event) {
  const link = /** @type {Element} */ (event.target).closest("a[data-vw-within]");
  const token = tokenOfPage();
  if (!(link instanceof HTMLAnchorElement) || token === null || event.ctrlKey || event.metaKey || event.shiftKey)
    return;
  event.preventDefault();
  location.assign(addressToReload(link, token));
}

/**
 * The page stays connected to its dashboard's room, shows how, and gives way to newer ones.
 *
 * @param {About} about
 */
export function watch({ name, renderedAt }) {
  const shownAtMs = milliseconds(renderedAt) || 0;
  const newer = new Newer(shownAtMs, {
    good: async () => (await newest()) !== null,
    busy: () => readerIsBusy(document),
    offer,
    reload,
    later: (act, delayMs) => void setTimeout(act, delayMs),
    random: Math.random,
    tried: () => keptPlace().atMs,
    trying: (atMs) => keepPlace(atMs),
  });
  for (const event of ["focusout", "selectionchange", "close"])
    document.addEventListener(event, () => setTimeout(() => newer.proceed(), 0), true);
  /** @type {Connection | null} */
  let panel = null;
  /** @type {Room | null} */
  let joined = null;
  let isWithdrawn = false;
  const redraw = () => {
    if (joined === null) return;
    const { connection } = joined;
    const shown = isWithdrawn ? withdrawn(connection) : overall(connection, panel);
    showConnection(shown, { hasPanel: panel !== null, isWaiting: shownAtMs === 0 });
  };
  const room = joinRoom({
    server: serverOf(),
    party: "dashboards",
    room: name,
    recording: false,
    onConnection: () => redraw(),
    onMessage: ({ type, data }) => {
      if (type !== "snapshot" && type !== "dashboard") return;
      isWithdrawn = shownAtMs > 0 && data.renderedAt === null;
      showStanding(data);
      newer.heard(data.renderedAt);
      redraw();
    },
  });
  joined = room;
  document.addEventListener("vibeworkbench:connection", (event) => {
    panel = /** @type {CustomEvent} */ (event).detail;
    redraw();
  });
  setInterval(() => room.connection.transport === null && newestAt().then((at) => newer.heard(at)), ASK_MS);
  element("vw-again")?.addEventListener("click", () =>
    room.connection.quality === "closed" ? reload() : room.retryNow(),
  );
  element("vw-newer-now")?.addEventListener("click", () => newer.giveWay());
  redraw();
  comeBack(shownAtMs);
}

/**
 * Where no socket gets through, panels poll their rooms: then the page is live as they are.
 *
 * @param {Connection} own Of the dashboard's room, which is not polled.
 * @param {Connection | null} panel Of the panel that was heard of last.
 * @returns {Connection}
 */
function overall(own, panel) {
  const polled = own.transport === null && own.quality !== "closed" && panel?.transport === "poll";
  return polled ? { ...own, quality: panel.quality, transport: "poll" } : own;
}

/**
 * @param {Connection} own
 * @returns {Connection} The same as if the server had no room for it: there is nothing that the page could be a copy of.
 */
function withdrawn(own) {
  return { ...own, quality: "closed", code: 4404 };
}

/**
 * @param {Connection} connection
 * @param {{hasPanel: boolean, isWaiting: boolean}} page Whether a panel is on it, and whether it stands in for one to come.
 */
function showConnection({ quality, code, reason, transport }, { hasPanel, isWaiting }) {
  const closed = quality === "closed";
  const waits = isWaiting && (quality === "good" || quality === "slow"); // nothing is shown that could be live
  document.documentElement.dataset["quality"] = waits ? "waiting" : quality;
  const word = waits ? "Waiting" : closed ? closedWord(code) : QUALITY_WORD[quality];
  put(element("vw-connection-word"), word);
  put(element("vw-advice-text"), closed ? closedAdvice(code, reason) : adviceOf(quality));
  // A panel on the page says more about an outage, such as when the next try is.
  show("vw-advice", closed || (quality === "offline" && !hasPanel));
  show("vw-login", closed && code === 4401 && tokenOfPage() === null);
  element("vw-login")?.setAttribute("href", loginUrl());
  if (transport !== null || closed) announce(word);
}

/** @param {number | null} code */
function closedWord(code) {
  if (code === 4401) return tokenOfPage() === null ? "Logged out" : "Link expired";
  if (code === 4403) return "No longer allowed";
  return code === 4404 ? "No longer published" : "Not connected";
}

/**
 * @param {number | null} code
 * @param {string} reason
 */
function closedAdvice(code, reason) {
  if (code === 4401 && tokenOfPage() !== null)
    return "This link has expired or was withdrawn. What is shown stays as it was; ask whoever gave you the link for a new one.";
  if (code === 4401) return "You are logged out. What is shown stays as it was until you log in again.";
  if (code === 4403) return "You may no longer watch this dashboard. Ask its publisher if you think that you should.";
  if (code === 4404) return "This dashboard is no longer published. What is shown stays as it was.";
  return `${reason} What is shown stays as it was.`;
}

/** @param {string} quality */
function adviceOf(quality) {
  return quality === "offline" ? "The server cannot be reached. What is shown may be out of date; we keep trying." : "";
}

function loginUrl() {
  return `${serverOf()}login?next=${encodeURIComponent(location.pathname + location.search)}`;
}

/** @param {Standing} standing */
function showStanding({ state }) {
  const word = STATE_WORD[state] ?? "";
  document.documentElement.dataset["standing"] = state;
  put(element("vw-standing"), word && ` · ${word}`);
}

function offer() {
  show("vw-newer", true);
  announce("A newer version of this page is ready.");
}
