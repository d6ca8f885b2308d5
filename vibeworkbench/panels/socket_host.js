/** What a room's member needs of the page around it. */

import { tokenOfPage } from "./credentials.js";
import { takeOver } from "./page_rooms.js";

/**
 * @typedef {object} Host What the outside gives; tests give their own.
 * @property {typeof WebSocket} WebSocket
 * @property {typeof fetch} fetch
 * @property {EventTarget} window
 * @property {EventTarget & {visibilityState?: string}} document
 * @property {() => boolean} onLine
 * @property {() => number} random In [0, 1).
 * @property {() => string | null} token What vouches for the reader; nothing when cookies do.
 * @property {(party: string, room: string) => import("./page_rooms.js").Dialled | null} [dialled] The room's socket, where
 *   it was dialled before.
 */

/** @returns {Host} This page. */
export function browser() {
  return {
    WebSocket: globalThis.WebSocket,
    fetch: globalThis.fetch.bind(globalThis),
    window: globalThis.window,
    document: globalThis.document,
    onLine: () => globalThis.navigator.onLine,
    random: Math.random,
    token: tokenOfPage,
    dialled: takeOver,
  };
}
