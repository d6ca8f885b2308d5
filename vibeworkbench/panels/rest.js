/**
 * REST calls to the workbench that this page came from. The login cookie authenticates, and writes carry the XSRF header;
 * or the token of an embedded page does, which no other page can send.
 */

import { authorization, tokenOfPage } from "./credentials.js";

/** A refusal or failure, with the server's sentence for people. */
export class RestError extends Error {
  /**
   * @param {number} status 0 when the server was not reached.
   * @param {string} code
   * @param {string} message
   * @param {Record<string, any>} [details]
   */
  constructor(status, code, message, details = {}) {
    super(message);
    this.status = status;
    this.code = code;
    this.details = details;
  }
}

/** The verbs, with paths relative to `…/vibeworkbench/api/`. */
export class Rest {
  /** @param {string} server */
  constructor(server) {
    this.root = new URL("vibeworkbench/api/", server);
  }

  /**
   * @param {string} path
   * @param {Record<string, string>} [query]
   * @returns {Promise<any>} The decoded answer.
   */
  get(path, query = {}) {
    const url = new URL(path, this.root);
    url.search = new URLSearchParams(query).toString();
    return this.#answer(url, { method: "GET" });
  }

  /**
   * @param {string} path
   * @param {object} body
   * @param {Record<string, string>} [headers]
   * @returns {Promise<any>} The decoded answer.
   */
  post(path, body, headers = {}) {
    const given = { "Content-Type": "application/json", ...vouched(), ...headers };
    return this.#answer(new URL(path, this.root), { method: "POST", headers: given, body: JSON.stringify(body) });
  }

  /**
   * @param {string} path
   * @returns {Promise<any>} The decoded answer, or nothing.
   */
  delete(path) {
    return this.#answer(new URL(path, this.root), { method: "DELETE", headers: vouched() });
  }

  /**
   * @param {string} path
   * @returns {Promise<string>} The answer as it is.
   */
  text(path) {
    return this.#answer(new URL(path, this.root), { method: "GET" }, (response) => response.text());
  }

  /**
   * @param {URL} url
   * @param {RequestInit} init
   * @param {(response: Response) => Promise<any>} [read] What is read of an answer that is no refusal.
   */
  async #answer(url, init, read = jsonOf) {
    const headers = { ...init.headers, ...authorization() };
    const response = await fetch(url, { credentials: "same-origin", ...init, headers }).catch(() => {
      throw new RestError(0, "unreachable", "The server does not answer.");
    });
    if (response.ok) return read(response);
    const body = await jsonOf(response);
    const { code = "http", message = `The server answered ${response.status}.`, details } = body?.error ?? {};
    throw new RestError(response.status, code, message, details ?? {});
  }
}

/**
 * @param {unknown} error
 * @returns {string} What the server said.
 */
export function sentenceOf(error) {
  if (!(error instanceof RestError)) throw error;
  return error.message;
}

/** @param {Response} response */
function jsonOf(response) {
  return response.json().catch(() => null);
}

/** @returns {Record<string, string>} Headers without which a write is not believed; none where a token vouches. */
function vouched() {
  return tokenOfPage() === null ? { "X-XSRFToken": xsrfToken(document.cookie) } : {};
}

/**
 * @param {string} cookies
 * @returns {string} What a write with a cookie session must repeat in `X-XSRFToken`; empty when there is no such cookie.
 */
export function xsrfToken(cookies) {
  return decodeURIComponent(cookies.match(/(?:^|;\s*)_xsrf=([^;]*)/)?.[1] ?? "");
}
