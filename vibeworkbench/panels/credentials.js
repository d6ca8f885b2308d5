/**
 * What vouches for this page's reader: the login cookie, or the token that an embedded page was given in its address.
 *
 * A published page takes the token out of its address when its first script is loaded, before anybody can copy it from
 * there, and holds it in memory: nothing stores it. The page and its panels are separate bundles; they share it through a
 * property of the document. In JupyterLab and Voila nothing is taken, and cookies vouch.
 */

import { PARAMETER } from "./server_address.js";

const KEPT = Symbol.for("vibeworkbench.token");

/**
 * @typedef {{document: Document, location: {href: string}, history: {state: unknown, replaceState: (state: unknown, unused: string, url: string) => void}}} Page
 */

/** @param {Document} [page] Whether it is a published page of ours, which says itself how its reader is let in. */
export function isPublished(page = document) {
  return page.body?.dataset["vibeworkbenchPage"] !== undefined;
}

/**
 * The token, if the page's address has one and the page is a published one of ours, is not in the address any more and
 * known to `tokenOfPage`. Everything else of the address is kept as it was written.
 *
 * @param {Page} page
 */
export function takeToken({ document, location, history }) {
  if (!isPublished(document)) return;
  const url = new URL(location.href);
  const token = url.searchParams.get(PARAMETER);
  if (token === null) return;
  const rest = url.search.slice(1).split("&");
  url.search = rest.filter((part) => !new URLSearchParams(part).has(PARAMETER)).join("&");
  history.replaceState(history.state, "", url.href);
  if (token !== "") Object.defineProperty(document, KEPT, { value: token, configurable: true });
}

/**
 * @param {Document | undefined} [page]
 * @returns {string | null} The token that this page was given; nothing when cookies vouch for its reader.
 */
export function tokenOfPage(page = globalThis.document) {
  return /** @type {any} */ (page)?.[KEPT] ?? null;
}

/**
 * @param {string | null} [token]
 * @returns {Record<string, string>} Headers of a request that the token vouches for; none when cookies do.
 */
export function authorization(token = tokenOfPage()) {
  return token === null ? {} : { Authorization: `token ${token}` };
}

/**
 * @param {{href: string}} [location]
 * @param {string | null} [token]
 * @returns {string} Where this page can be loaded anew, its token included: for `location.replace`, never for a link.
 */
export function addressToReload(location = globalThis.location, token = tokenOfPage()) {
  const url = new URL(location.href);
  if (token !== null) url.search += `${url.search ? "&" : "?"}${PARAMETER}=${encodeURIComponent(token)}`;
  return url.href;
}

if (globalThis.document !== undefined) takeToken(globalThis);
