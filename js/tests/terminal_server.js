/** One terminal that speaks `room-terminal.v1` over real sockets, and whose faults a test can choose. */

import { once } from "node:events";
import { createServer } from "node:http";
import { WebSocketServer } from "ws";

export class TerminalServer {
  epoch = "first";
  /** What the program has printed in this epoch. */
  printed = Buffer.alloc(0);
  /** Offset of the oldest byte that is kept. */
  base = 0;
  role = "owner";
  /** @type {any[]} Control messages of clients, in the order in which they came. */
  said = [];
  /** @type {Buffer[]} */
  typed = [];
  /** @type {{query: URLSearchParams, protocol: string | undefined}[]} */
  handshakes = [];
  /** Close code that greets who joins; 0 lets them in. */
  turnAway = 0;
  /** HTTP status with which upgrades are refused; 0 lets them in. */
  refuseUpgrade = 0;
  answersPings = true;
  /** Code with which input is refused. */
  refusesInput = "";
  #http = createServer();
  #sockets = new WebSocketServer({ noServer: true, handleProtocols: () => "room-terminal.v1" });
  /** @type {Map<import("ws").WebSocket, boolean>} Whether output is sent already. */
  #begun = new Map();

  /** @returns {Promise<TerminalServer>} Listening on a free port of this machine. */
  static async start() {
    const server = new TerminalServer();
    server.#http.on("upgrade", (request, socket, head) => {
      const protocol = request.headers["sec-websocket-protocol"];
      server.handshakes.push({ query: new URL(request.url ?? "", "http://here").searchParams, protocol });
      if (server.refuseUpgrade) return socket.end(`HTTP/1.1 ${server.refuseUpgrade} No\r\n\r\n`);
      return server.#sockets.handleUpgrade(request, socket, head, (joined) => server.#greet(joined));
    });
    server.#http.listen(0, "127.0.0.1");
    await once(server.#http, "listening");
    return server;
  }

  get url() {
    const address = /** @type {import("node:net").AddressInfo} */ (this.#http.address());
    return `http://127.0.0.1:${address.port}/lab%20server/`;
  }

  /** @param {string} text The program prints it. */
  print(text) {
    const bytes = Buffer.from(text);
    this.printed = Buffer.concat([this.printed, bytes]);
    for (const [member, begun] of this.#begun) if (begun) member.send(bytes);
  }

  /** @param {object} message Everybody gets it. */
  tell(message) {
    for (const member of this.#begun.keys()) member.send(JSON.stringify(message));
  }

  /** @param {string} epoch A new shell, which has printed nothing. */
  begin(epoch) {
    this.epoch = epoch;
    this.printed = Buffer.alloc(0);
    this.base = 0;
    for (const member of this.#begun.keys()) {
      member.send(JSON.stringify(this.#hello()));
      member.send(JSON.stringify({ type: "sync", offset: 0, kind: "tail" }));
    }
  }

  /** @param {number} to A viewer that fell behind gets the screen as it is. */
  skip(to) {
    this.base = to;
    for (const member of this.#begun.keys()) {
      member.send(JSON.stringify({ type: "skip", from: 0, to }));
      this.#send(member, to, "snapshot");
    }
  }

  /** @param {number} [code] Everybody is sent away with that code, or cut off without a word. */
  cut(code) {
    for (const member of this.#begun.keys()) code === undefined ? member.terminate() : member.close(code, "because");
  }

  async stop() {
    this.cut();
    for (const each of this.#sockets.clients) each.terminate();
    this.#http.closeAllConnections();
    this.#http.close();
    await once(this.#http, "close");
  }

  #hello() {
    const { epoch, base, role, printed } = this;
    const upstream = { state: "connected" };
    return {
      type: "hello",
      epoch,
      base,
      head: printed.length,
      size: { rows: 24, cols: 80 },
      role,
      hold: null,
      upstream,
    };
  }

  /** @param {import("ws").WebSocket} member */
  #greet(member) {
    if (this.turnAway) {
      member.close(this.turnAway, "not today");
      return;
    }
    this.#begun.set(member, false);
    member.on("close", () => this.#begun.delete(member));
    member.on("message", (data, isBinary) => this.#heard(member, /** @type {Buffer} */ (data), isBinary));
    member.send(JSON.stringify(this.#hello()));
  }

  /**
   * @param {import("ws").WebSocket} member
   * @param {Buffer} data
   * @param {boolean} isBinary
   */
  #heard(member, data, isBinary) {
    if (isBinary) {
      if (this.refusesInput) member.send(JSON.stringify({ type: "error", code: this.refusesInput, message: "no" }));
      else this.typed.push(data);
      return;
    }
    const message = JSON.parse(String(data));
    this.said.push(message);
    if (message.type === "ping" && this.answersPings) member.send(JSON.stringify({ type: "pong", id: message.id }));
    if (message.type !== "resume") return;
    // The workbench waits a while for this question; each client of ours asks it at once.
    const isKnown = message.epoch === this.epoch && message.offset >= this.base;
    this.#send(member, isKnown ? message.offset : this.base, isKnown ? "resume" : "tail");
  }

  /**
   * @param {import("ws").WebSocket} member
   * @param {number} offset
   * @param {string} kind
   */
  #send(member, offset, kind) {
    this.#begun.set(member, true);
    member.send(JSON.stringify({ type: "sync", offset, kind }));
    if (offset < this.printed.length) member.send(this.printed.subarray(offset));
  }
}
