/** A published page anew: whether the server has it, and the reader at the place where he was. */

import { addressToReload, authorization, tokenOfPage } from "./credentials.js";
import { toast } from "./page_parts.js";

/** For how long a page that grows is brought back to the place where its reader was. */
const PLACE_MS = 5_000;
const KEPT = "vibeworkbench.page";

/** @returns {Promise<string | null>} The page as the server has it now; nothing when it is not to be had. */
export async function newest() {
  /** @type {RequestInit} */
  const asked = { headers: authorization(), cache: "no-cache", credentials: "same-origin", redirect: "error" };
  const answer = await fetch(location.pathname, asked).catch(() => null);
  return answer?.ok ? answer.text().catch(() => null) : null;
}

/** @returns {Promise<string | null>} When that page was rendered. */
export async function newestAt() {
  const found = new DOMParser().parseFromString((await newest()) ?? "", "text/html").getElementById("vw-page");
  return found ? JSON.parse(found.textContent ?? "{}").renderedAt : null;
}

/** A page that was opened by a token is opened again by it: a navigation carries no header. */
export function reload() {
  if (tokenOfPage() === null) location.reload();
  else location.replace(addressToReload());
}

/** @returns {{atMs: number, top: number, path: string}} */
export function keptPlace() {
  const nothing = { atMs: 0, top: 0, path: "" };
  try {
    const kept = JSON.parse(sessionStorage.getItem(KEPT) ?? "null") ?? nothing;
    return kept.path === location.pathname ? kept : nothing;
  } catch {
    return nothing; // A browser may refuse storage to an embedded page.
  }
}

/** @param {number} atMs */
export function keepPlace(atMs) {
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
export function comeBack(shownAtMs) {
  const { atMs, top } = keptPlace();
  if (atMs === 0 || shownAtMs < atMs) return;
  keepPlace(0);
  toast("A newer version is shown.");
  if (top === 0) return;
  const ending = new AbortController();
  const { signal } = ending;
  const back = () => scrollTo(0, top);
  const grown = new ResizeObserver(back); // Panels draw themselves after the page is there.
  grown.observe(document.body);
  for (const event of ["wheel", "touchstart", "pointerdown", "keydown"])
    addEventListener(event, () => ending.abort(), { signal, passive: true });
  signal.addEventListener("abort", () => grown.disconnect());
  setTimeout(() => ending.abort(), PLACE_MS);
  back();
}
