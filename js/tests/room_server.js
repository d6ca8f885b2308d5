/** One room of a recording party, spoken over real sockets and HTTP, whose faults a test can choose. */

import { once } from "node:events";
import { createServer } from "node:http";
import { WebSocketServer } from "ws";

/** @typedef {{type: string, seq: number, timestamp: number, data: any}} Message */

export class RoomServer {
  epoch = "first";
  oldestSeq = 1;
  /** @type {Message[]} */
  log = [];
  /** @type {URLSearchParams[]} What each handshake asked for. */
  handshakes = [];
  /** @type {URLSearchParams[]} What each poll asked for. */
  polls = [];
  /** @type {(string | undefined)[]} What vouched for each poll. */
  authorizations = [];
  /** HTTP status with which upgrades are refused; 0 lets them in. */
  refuseUpgrade = 0;
  /** HTTP status with which polls are refused; 0 answers them. */
  refusePoll = 0;
  /** Close code that greets who joins; 0 lets them in. */
  turnAway = 0;
  answersPings = true;
  /** @type {Set<() => void>} */
  #waiting = new Set();
  /** @type {(() => void)[]} Pongs not yet sent. */
  held = [];
  #http = createServer((request, response) => void this.#poll(request, response));
  #sockets = new WebSocketServer({ noServer: true });

  /** @returns {Promise<RoomServer>} Listening on a free port of this machine. */
  static async start() {
    const server = new RoomServer();
    server.#http.on("upgrade", (request, socket, head) => {
      server.handshakes.push(new URL(request.url ?? "", "http://here").searchParams);
      if (server.refuseUpgrade) return socket.end(`HTTP/1.1 ${server.refuseUpgrade} No\r\n\r\n`);
      return server.#sockets.handleUpgrade(request, socket, head, (joined) =>
        server.#greet(joined, server.handshakes.at(-1)),
      );
    });
    server.#http.listen(0, "127.0.0.1");
    await once(server.#http, "listening");
    return server;
  }

  get url() {
    const address = /** @type {import("node:net").AddressInfo} */ (this.#http.address());
    return `http://127.0.0.1:${address.port}/lab%20server/`;
  }

  get lastSeq() {
    return this.log.at(-1)?.seq ?? 0;
  }

  /** @param {string} type A message of that type is recorded and said. */
  say(type) {
    this.send(this.record(type));
    this.wake();
  }

  /**
   * @param {string} type A message of that type is recorded, and nobody hears of it yet.
   * @returns {Message}
   */
  record(type) {
    const message = { type, seq: this.lastSeq + 1, timestamp: 1_700_000_000_000 + this.lastSeq, data: {} };
    this.log.push(message);
    return message;
  }

  /** Polls that wait are answered. */
  wake() {
    for (const wake of this.#waiting) wake();
  }

  /** @param {Message} message Everybody in the room gets it, unrecorded. */
  send(message) {
    for (const member of this.#sockets.clients) member.send(JSON.stringify(message));
  }

  /** @param {number} [code] Everybody is sent away with that code, or cut off without a word. */
  cut(code) {
    for (const member of this.#sockets.clients) code === undefined ? member.terminate() : member.close(code, "because");
  }

  async stop() {
    this.cut();
    this.#http.closeAllConnections();
    this.#http.close();
    await once(this.#http, "close");
  }

  /**
   * @param {import("ws").WebSocket} member
   * @param {URLSearchParams | undefined} asked
   */
  #greet(member, asked) {
    if (this.turnAway) return member.close(this.turnAway, "not today");
    const say = (/** @type {Message} */ message) => member.send(JSON.stringify(message));
    member.on("message", (text) => {
      const { id } = JSON.parse(String(text));
      const pong = () => say({ type: "pong", seq: this.lastSeq, timestamp: 0, data: { id } });
      if (this.answersPings) pong();
      else this.held.push(pong);
    });
    say({
      type: "connected",
      seq: this.lastSeq,
      timestamp: 0,
      data: { epoch: this.epoch, role: "viewer", members: 1 },
    });
    for (const message of this.#missed(asked)) say(message);
  }

  /**
   * @param {URLSearchParams | undefined} asked
   * @returns {Message[]}
   */
  #missed(asked) {
    const since = Number(asked?.get("since") ?? -1);
    const snapshot = { type: "snapshot", seq: this.lastSeq, timestamp: 0, data: { upTo: this.lastSeq } };
    if (since < 0) return [snapshot];
    if (asked?.get("epoch") !== this.epoch || since + 1 < this.oldestSeq)
      return [
        { type: "gap", seq: this.lastSeq, timestamp: 0, data: { requested: since, oldestSeq: this.oldestSeq } },
        snapshot,
      ];
    return this.log.filter(({ seq }) => seq > since);
  }

  /**
   * @param {import("node:http").IncomingMessage} request
   * @param {import("node:http").ServerResponse} response
   */
  async #poll(request, response) {
    const asked = new URL(request.url ?? "", "http://here").searchParams;
    this.polls.push(asked);
    this.authorizations.push(request.headers.authorization);
    if (this.refusePoll) return response.writeHead(this.refusePoll).end();
    let messages = this.#missed(asked);
    if (messages.length === 0 && Number(asked.get("wait")) > 0) {
      await new Promise((resolve) => {
        const wake = () => resolve(void this.#waiting.delete(wake));
        this.#waiting.add(wake);
        request.on("close", wake);
      });
      messages = this.#missed(asked);
    }
    const gap = messages[0]?.type === "gap";
    response.writeHead(200, { "Content-Type": "application/json" });
    return response.end(JSON.stringify({ epoch: this.epoch, lastSeq: this.lastSeq, gap, messages }));
  }
}
