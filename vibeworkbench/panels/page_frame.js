/**
 * The frame of a published page: of when it is, whether it is connected, and what to do when it is not.
 *
 *     room dashboards/{name} → connection → pill and advice
 *                            → message `dashboard` → state, and a newer page (page_newer.js)
 */

import { addressToReload, authorization, tokenOfPage } from "./credentials.js";
import { Newer, readerIsBusy } from "./page_newer.js";
import { serverOf } from "./rest.js";
import { joinRoom } from "./socket.js";
import { QUALITY_WORD, absolute, milliseconds, relative } from "./words.js";

/**
 * @typedef {{name: string, renderedAt: string | null}} About What the page says about itself.
 * @typedef {import("./socket.js").Connection} Connection
 * @typedef {{renderedAt: string | null, state: string}} Standing What its room says about the dashboard.
 */

const TICK_MS = 5_000;
const TOAST_MS = 6_000;
/** For how long a page that grows is brought back to the place where its reader was. */
const PLACE_MS = 5_000;
const IDLE_MS = 3_000;
const KEPT = "vibeworkbench.page";

/** @type {Record<string, string>} What is said beside the time; the other states need no word. */
const STATE_WORD = {
  rendering: "A newer version is being made.",
  failed: "The latest refresh failed; this is the last good version.",
};

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
  const clock = instant.toLocaleString(undefined, { dateStyle: isToday ? undefined : "medium", timeStyle: "short" });
  return `${clock} · ${relative(at, now.getTime())}`;
}

/** @param {string | null} at */
function longForm(at) {
  return new Date(milliseconds(at)).toLocaleString(undefined, { dateStyle: "full", timeStyle: "long" });
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
    good: newerIsGood,
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
  const room = joinRoom({
    server: serverOf(),
    party: "dashboards",
    room: name,
    recording: false,
    onConnection: showConnection,
    onMessage: ({ type, data }) => {
      if (type !== "snapshot" && type !== "dashboard") return;
      showStanding(data);
      newer.heard(data.renderedAt);
    },
  });
  element("vw-again")?.addEventListener("click", () => room.retryNow());
  element("vw-newer-now")?.addEventListener("click", () => reload());
  showConnection(room.connection);
  comeBack(shownAtMs);
}

/** @param {Connection} connection */
function showConnection({ quality, code, reason, transport }) {
  const closed = quality === "closed";
  document.documentElement.dataset["quality"] = quality;
  const word = closed ? closedWord(code) : QUALITY_WORD[quality];
  put(element("vw-connection-word"), word);
  put(element("vw-advice-text"), closed ? closedAdvice(code, reason) : adviceOf(quality));
  show("vw-advice", closed || quality === "offline");
  show("vw-again", !closed);
  show("vw-login", closed && code === 4401 && tokenOfPage() === null);
  element("vw-login")?.setAttribute("href", loginUrl());
  if (transport !== null || closed) announce(word);
}

/** @param {number | null} code */
function closedWord(code) {
  if (code === 4401) return tokenOfPage() === null ? "Signed out" : "Link expired";
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
  if (code === 4401) return "You are signed out. What is shown stays as it was until you sign in again.";
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
  put(element("vw-standing"), word);
}

// --- Giving way to a newer page ---

/** @returns {Promise<boolean>} */
async function newerIsGood() {
  /** @type {RequestInit} */
  const asked = { headers: authorization(), cache: "no-cache", credentials: "same-origin", redirect: "error" };
  const answer = await fetch(location.pathname, asked).catch(() => null);
  return Boolean(answer?.ok);
}

/** A page that was opened by a token is opened again by it: a navigation carries no header. */
function reload() {
  if (tokenOfPage() === null) location.reload();
  else location.replace(addressToReload());
}

function offer() {
  show("vw-newer", true);
  announce("A newer version of this page is ready.");
}

/** @returns {{atMs: number, top: number, path: string}} */
function keptPlace() {
  const nothing = { atMs: 0, top: 0, path: "" };
  try {
    const kept = JSON.parse(sessionStorage.getItem(KEPT) ?? "null") ?? nothing;
    return kept.path === location.pathname ? kept : nothing;
  } catch {
    return nothing; // A browser may refuse storage to an embedded page.
  }
}

/** @param {number} atMs */
function keepPlace(atMs) {
  try {
    sessionStorage.setItem(KEPT, JSON.stringify({ atMs, top: scrollY, path: location.pathname }));
  } catch {
    // The same; the page then begins at its top.
  }
}

/**
 * After a reload of ours the reader is where he was, and is told.
 *
 * @param {number} shownAtMs
 */
function comeBack(shownAtMs) {
  const { atMs, top } = keptPlace();
  if (atMs === 0 || shownAtMs < atMs) return;
  keepPlace(0);
  toast("A newer version is shown.");
  if (top === 0) return;
  const ending = new AbortController();
  const { signal } = ending;
  const put = () => scrollTo(0, top);
  const grown = new ResizeObserver(put); // Panels draw themselves after the page is there.
  grown.observe(document.body);
  for (const event of ["wheel", "touchstart", "pointerdown", "keydown"])
    addEventListener(event, () => ending.abort(), { signal, passive: true });
  signal.addEventListener("abort", () => grown.disconnect());
  setTimeout(() => ending.abort(), PLACE_MS);
  put();
}

/** @param {string} text */
function toast(text) {
  put(element("vw-toast"), text);
  show("vw-toast", true);
  setTimeout(() => show("vw-toast", false), TOAST_MS);
}

// --- What everybody above uses ---

/** @param {string} text For those who listen to the page. */
function announce(text) {
  put(element("vw-voice"), text);
}

/** @param {string} id */
function element(id) {
  return document.getElementById(id);
}

/**
 * @param {Element | null} where
 * @param {string} text
 */
function put(where, text) {
  if (where && where.textContent !== text) where.textContent = text;
}

/**
 * @param {string} id
 * @param {boolean} shown
 */
function show(id, shown) {
  element(id)?.toggleAttribute("hidden", !shown);
}
