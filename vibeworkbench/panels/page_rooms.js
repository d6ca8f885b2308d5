/**
 * The rooms of a published page are dialled while the page is still being read; whoever joins one goes on with its socket.
 *
 *     head of the page → dialRooms → WebSockets, and what they say is kept → socket.js: takeOver → one member as any other
 *
 * The head of the page, its program and its panels are bundles of their own: they share the sockets through a property of
 * the document.
 */

import { newId, roomUrl, tokenInAddress } from "./server_address.js";

/**
 * @typedef {object} Dialled
 * @property {WebSocket} socket
 * @property {string} memberId What the server calls this member.
 * @property {unknown[]} said What it has heard so far.
 *
 * @typedef {{document: object, location: {search: string}, WebSocket: typeof WebSocket, setTimeout: (act: () => void, delayMs: number) => unknown}} Page
 */

const KEPT = Symbol.for("vibeworkbench.rooms");
/** Whose sockets speak another language, and are dialled by whoever speaks it. */
const OTHERS = new Set(["terminal-server"]);
/** Nobody will want what nobody wanted until then. */
const UNWANTED_MS = 30_000;

/**
 * Each room is being joined, the first one first: a browser opens one connection with a server at a time.
 *
 * @param {[party: string, room: string][]} rooms
 * @param {string} server The server's root with its base_url, ending in `/`.
 * @param {Page} [page]
 */
export function dialRooms(rooms, server, page = /** @type {any} */ (globalThis)) {
  /** @type {Map<string, Dialled>} */
  const kept = new Map();
  const token = tokenInAddress(page.location);
  for (const [party, room] of rooms) {
    if (room === "*" || OTHERS.has(party)) continue;
    const memberId = newId();
    const socket = new page.WebSocket(roomUrl(server, party, room, { _pk: memberId }, token));
    /** @type {unknown[]} */
    const said = [];
    socket.onmessage = (event) => said.push(event.data);
    kept.set(nameOf(party, room), { socket, memberId, said });
  }
  Object.defineProperty(page.document, KEPT, { value: kept });
  page.setTimeout(() => {
    for (const { socket } of kept.values()) socket.close(1000);
    kept.clear();
  }, UNWANTED_MS);
}

/**
 * @param {string} party
 * @param {string} room
 * @param {object | undefined} [document]
 * @returns {Dialled | null} The room's socket, for whoever asks first; nothing where there is none that lives.
 */
export function takeOver(party, room, document = globalThis.document) {
  /** @type {Map<string, Dialled> | undefined} */
  const kept = /** @type {any} */ (document)?.[KEPT];
  const dialled = kept?.get(nameOf(party, room));
  kept?.delete(nameOf(party, room));
  return dialled && dialled.socket.readyState <= 1 ? dialled : null; // connecting or open
}

/**
 * @param {string} party
 * @param {string} room
 */
function nameOf(party, room) {
  return `${party}/${room}`;
}
