/** Where the server and its rooms are, what vouches in an address, and what a member calls itself. */

/** What a token is called in an address. */
export const PARAMETER = "token";

/**
 * The root of the Jupyter server behind this page: from the page's configuration (JupyterLab, Voila, our own pages), else
 * from the attribute `data-vibeworkbench-base-url` of the document's body.
 *
 * @param {Document} [page]
 * @returns {string} An absolute URL ending in `/`.
 */
export function serverOf(page = document) {
  const config = page.getElementById("jupyter-config-data")?.textContent;
  const baseUrl = (config ? JSON.parse(config).baseUrl : page.body.dataset.vibeworkbenchBaseUrl) ?? "/";
  return new URL(baseUrl.endsWith("/") ? baseUrl : `${baseUrl}/`, page.baseURI).href;
}

/**
 * @param {{search: string}} location
 * @returns {string | null} The token in an address from which it was not taken yet.
 */
export function tokenInAddress({ search }) {
  return new URLSearchParams(search).get(PARAMETER) || null;
}

/**
 * @param {string} server The server's root with its base_url, ending in `/`.
 * @param {string} party
 * @param {string} room
 * @param {Record<string, string>} query
 * @param {string | null} token What vouches for the reader; nothing when cookies do.
 * @returns {URL}
 */
export function roomUrl(server, party, room, query, token) {
  const said = new URLSearchParams({ ...query, ...(token === null ? {} : { [PARAMETER]: token }) });
  const url = new URL(`vibeworkbench/parties/${placeOf(party, room)}?${said}`, server);
  url.protocol = url.protocol.replace("http", "ws");
  return url;
}

/**
 * @param {string} party
 * @param {string} room
 * @returns {string} The room's part of a path.
 */
export function placeOf(party, room) {
  return `${encodeURIComponent(party)}/${encodeURIComponent(room)}`;
}

/**
 * @returns {string} Nobody else's. Browsers make UUIDs for pages that came over TLS or from this machine only, and random
 *   numbers for all.
 */
export function newId() {
  const bytes = globalThis.crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}
