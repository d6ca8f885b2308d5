/** A page of a room's messages by HTTP: how a room is followed without WebSocket. */

import { authorization } from "./credentials.js";
import { HTTP_FINAL } from "./socket_model.js";

/**
 * @typedef {import("./socket_model.js").Message} Message
 * @typedef {{epoch: string, lastSeq: number, gap: boolean, messages: Message[]}} Page
 */

/** There is no page; `code` is the close code of a refusal that is final. */
export class Refusal extends Error {
  /** @param {Response | null} response Nothing when the server was not reached. */
  constructor(response) {
    super(response === null ? "unreachable" : `HTTP ${response.status}`);
    this.code = HTTP_FINAL.get(response?.status ?? 0) ?? null;
    this.retryAfterMs = 1000 * (Number(response?.headers.get("Retry-After")) || 0);
  }
}

/**
 * @param {Pick<import("./socket_host.js").Host, "fetch" | "token">} host
 * @param {URL} url
 * @param {AbortSignal} signal
 * @returns {Promise<Page>} Rejected with a `Refusal` where there is none.
 */
export async function readPage(host, url, signal) {
  const unreachable = () => {
    throw new Refusal(null);
  };
  const headers = authorization(host.token());
  const response = await host
    .fetch(url, { signal, headers, credentials: "same-origin", redirect: "error" })
    .catch(unreachable);
  if (!response.ok) throw new Refusal(response);
  return response.json().catch(unreachable);
}
