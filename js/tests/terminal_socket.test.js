import assert from "node:assert/strict";
import { EventEmitter, once } from "node:events";
import { test } from "node:test";
import { WebSocket } from "ws";
import { openTerminal } from "../../vibeworkbench/panels/terminal_socket.js";
import { TerminalServer } from "./terminal_server.js";

/** Long enough never to happen within a test, and short enough to happen soon. */
const NEVER = 600_000;
/** Until what does not come counts as hanging, on a slow machine, too: as PATIENCE_S in tests/patience.py. */
const PATIENCE = 240_000;
const TIMING = {
  settle: NEVER,
  ping: NEVER,
  pong: NEVER,
  handshake: NEVER,
  stable: NEVER,
  backoffBase: 1,
  backoffCap: 4,
  ack: 1,
  slow: NEVER,
  offline: NEVER,
};

/** A viewer of the server's terminal, and everything that it was shown. */
class Viewer extends EventEmitter {
  /** What stands on the screen since it began. */
  screen = "";
  resets = 0;
  /** @type {any[]} */
  heard = [];
  /** @type {any[]} */
  qualities = [];
  parses = true;
  /** @type {(() => void)[]} What is not parsed yet. */
  unparsed = [];
  window = new EventTarget();
  document = Object.assign(new EventTarget(), { visibilityState: "visible" });

  /**
   * @param {TerminalServer} server
   * @param {Partial<import("../../vibeworkbench/panels/terminal_model.js").Timing>} [timing]
   * @param {string | null} [token]
   */
  constructor(server, timing = {}, token = null) {
    super();
    this.socket = openTerminal({
      server: server.url,
      terminalId: "one",
      timing: { ...TIMING, ...timing },
      host: {
        WebSocket: /** @type {any} */ (WebSocket),
        window: this.window,
        document: this.document,
        onLine: () => true,
        random: () => 0.5,
        token: () => token,
      },
      onReset: () => {
        this.screen = "";
        this.resets += 1;
      },
      onBytes: (bytes, parsed) => {
        this.screen += Buffer.from(bytes).toString();
        if (this.parses) parsed();
        else this.unparsed.push(parsed);
        this.emit("news");
      },
      onControl: (message) => {
        this.heard.push(message);
        this.emit("news");
      },
      onConnection: (connection) => {
        this.qualities.push(connection.quality);
        this.emit("news");
      },
    });
  }

  /** @param {() => boolean} holds Comes back when it does. */
  async until(holds) {
    while (!holds()) await once(this, "news");
  }
}

/** @param {TerminalServer} server */
function resumes(server) {
  return server.said.filter(({ type, epoch }) => type === "resume" && epoch !== "");
}

/** @param {() => boolean} holds What a server is told makes no news here. */
async function soon(holds) {
  while (!holds()) await new Promise((resolve) => setTimeout(resolve, 1));
}

/**
 * @param {string} sentence
 * @param {(server: TerminalServer, join: (...options: any[]) => Viewer) => Promise<void>} body
 */
function behaviour(sentence, body) {
  test(sentence, { timeout: PATIENCE }, async (context) => {
    const server = await TerminalServer.start();
    /** @type {Viewer[]} */
    const viewers = [];
    context.after(async () => {
      for (const viewer of viewers) viewer.socket.close();
      await server.stop();
    });
    await body(server, (...options) => {
      const viewer = new Viewer(server, ...options);
      viewers.push(viewer);
      return viewer;
    });
  });
}

behaviour("Whoever joins sees what is kept and what comes, byte for byte.", async (server, join) => {
  server.print("before ");
  const viewer = join({}, "a token");
  await viewer.until(() => viewer.screen === "before ");
  server.print("é after");
  await viewer.until(() => viewer.screen === "before é after");
  assert.equal(server.handshakes[0]?.protocol, "room-terminal.v1");
  assert.equal(server.handshakes[0]?.query.get("token"), "a token");
  assert.equal(server.handshakes[0]?.query.get("resumes"), "1");
  assert.equal(viewer.socket.connection.quality, "good");
});

behaviour("Who was cut off gets what it missed, once, on the same screen.", async (server, join) => {
  const viewer = join();
  server.print("one ");
  await viewer.until(() => viewer.screen === "one ");
  server.refuseUpgrade = 503;
  server.cut();
  await viewer.until(() => viewer.socket.connection.transport === null);
  server.print("two ");
  server.refuseUpgrade = 0;
  await viewer.until(() => viewer.screen === "one two ");
  server.print("three");
  await viewer.until(() => viewer.screen === "one two three");
  assert.equal(viewer.resets, 1);
  assert.deepEqual(resumes(server)[0], { type: "resume", epoch: "first", offset: 4 });
});

behaviour("Bytes that are not parsed yet are not asked for again.", async (server, join) => {
  const viewer = join();
  viewer.parses = false;
  server.print("waiting");
  await viewer.until(() => viewer.screen === "waiting");
  server.cut();
  await soon(() => resumes(server).length > 0);
  assert.equal(resumes(server)[0].offset, 7);
});

behaviour("What was parsed is acknowledged, cumulatively, and nothing before.", async (server, join) => {
  const viewer = join();
  viewer.parses = false;
  server.print("x".repeat(10));
  await viewer.until(() => viewer.unparsed.length === 1);
  server.print("y".repeat(5));
  await viewer.until(() => viewer.unparsed.length === 2);
  assert.deepEqual(
    server.said.filter(({ type }) => type === "ack"),
    [],
  );
  for (const parsed of viewer.unparsed) parsed();
  await soon(() => server.said.some(({ type, offset }) => type === "ack" && offset === 15));
});

behaviour("Much is acknowledged at once, without waiting for the clock.", async (server, join) => {
  const viewer = join({ ack: NEVER });
  server.print("x".repeat(384 * 1024));
  await viewer.until(() => viewer.screen.length === 384 * 1024);
  await soon(() => server.said.some(({ type, offset }) => type === "ack" && offset === 384 * 1024));
});

behaviour("A new shell begins on an empty screen, and its offsets are its own.", async (server, join) => {
  const viewer = join();
  server.print("old shell");
  await viewer.until(() => viewer.screen === "old shell");
  server.begin("second");
  server.print("new");
  await viewer.until(() => viewer.screen === "new");
  assert.equal(viewer.socket.received, 3);
  server.cut();
  await soon(() =>
    server.said.some(({ type, epoch, offset }) => type === "resume" && epoch === "second" && offset === 3),
  );
});

behaviour("A shell that is another one after a cut is not taken for the old one.", async (server, join) => {
  const viewer = join();
  server.print("old shell");
  await viewer.until(() => viewer.screen === "old shell");
  server.epoch = "second";
  server.printed = Buffer.from("new shell");
  server.cut();
  await viewer.until(() => viewer.screen === "new shell");
});

behaviour("Who fell behind is told so and sees the screen as it is.", async (server, join) => {
  const viewer = join();
  server.print("0123456789");
  await viewer.until(() => viewer.screen === "0123456789");
  server.skip(8);
  await viewer.until(() => viewer.screen === "89");
  assert.deepEqual(
    viewer.heard.find(({ type }) => type === "skip"),
    { type: "skip", from: 0, to: 8 },
  );
  assert.equal(viewer.socket.received, 10);
});

behaviour("What parses late of a screen that is gone acknowledges nothing.", async (server, join) => {
  const viewer = join();
  viewer.parses = false;
  server.print("x".repeat(20));
  await viewer.until(() => viewer.unparsed.length === 1);
  server.begin("second");
  await viewer.until(() => viewer.resets === 2);
  viewer.unparsed[0]?.();
  viewer.parses = true;
  server.print("abc");
  await soon(() => server.said.some(({ type }) => type === "ack"));
  assert.deepEqual(
    server.said.filter(({ type }) => type === "ack").map(({ offset }) => offset),
    [3],
  );
});

behaviour("What is typed goes as it is; without a connection it is refused and not kept.", async (server, join) => {
  const viewer = join();
  assert.equal(viewer.socket.type(Buffer.from("too early")), false);
  await viewer.until(() => viewer.heard.some(({ type }) => type === "hello"));
  assert.equal(viewer.socket.type(Buffer.from("ls\r")), true);
  assert.equal(await viewer.socket.settled(), true);
  server.refuseUpgrade = 503;
  server.cut();
  await viewer.until(() => viewer.socket.connection.transport === null);
  assert.equal(viewer.socket.type(Buffer.from("rm -r x\r")), false);
  server.refuseUpgrade = 0;
  await viewer.until(() => viewer.socket.connection.transport === "socket");
  assert.equal(await viewer.socket.settled(), true);
  assert.equal(Buffer.concat(server.typed).toString(), "ls\r");
});

behaviour("Whoever waits for the server to have read learns that the connection was lost.", async (server, join) => {
  const viewer = join();
  await viewer.until(() => viewer.heard.some(({ type }) => type === "hello"));
  server.answersPings = false;
  const settled = viewer.socket.settled();
  server.cut();
  assert.equal(await settled, false);
});

for (const [code, said] of /** @type {[number, string][]} */ ([
  [4401, "You are not logged in."],
  [4403, "not today"],
  [4404, "not today"],
])) {
  behaviour(`${code} is final, and nobody comes back.`, async (server, join) => {
    server.turnAway = code;
    const viewer = join();
    await viewer.until(() => viewer.socket.connection.quality === "closed");
    assert.deepEqual([viewer.socket.connection.code, viewer.socket.connection.reason], [code, said]);
    viewer.window.dispatchEvent(new Event("pageshow"));
    viewer.socket.retryNow();
    assert.equal(server.handshakes.length, 1);
  });
}

behaviour("A right that ends while one watches is final.", async (server, join) => {
  const viewer = join();
  await viewer.until(() => viewer.heard.some(({ type }) => type === "hello"));
  server.cut(4403);
  await viewer.until(() => viewer.socket.connection.quality === "closed");
  assert.equal(viewer.socket.connection.code, 4403);
});

for (const [target, name] of /** @type {["window" | "document", string][]} */ ([
  ["window", "pageshow"],
  ["window", "online"],
  ["document", "visibilitychange"],
])) {
  behaviour(`${name} means: now.`, async (server, join) => {
    server.refuseUpgrade = 503;
    const viewer = join({ backoffBase: NEVER, backoffCap: NEVER });
    await viewer.until(() => viewer.socket.connection.retryAtMs !== null);
    assert.equal(viewer.socket.connection.attempt, 1);
    server.refuseUpgrade = 0;
    viewer[target].dispatchEvent(new Event(name));
    await viewer.until(() => viewer.socket.connection.quality === "good");
  });
}

behaviour("A page that comes back asks whether its connection lives, and leaves a dead one.", async (server, join) => {
  const viewer = join({ check: 20 });
  await viewer.until(() => viewer.heard.some(({ type }) => type === "sync")); // What comes later is a sign of life.
  server.answersPings = false;
  viewer.window.dispatchEvent(new Event("pageshow"));
  await soon(() => server.handshakes.length === 2);
  await viewer.until(() => viewer.socket.connection.quality === "good");
});

behaviour("The screen can be had anew, without what is there.", async (server, join) => {
  const viewer = join();
  server.print("kept");
  await viewer.until(() => viewer.screen === "kept");
  viewer.socket.renew();
  await viewer.until(() => viewer.resets === 2 && viewer.screen === "kept");
  assert.deepEqual(resumes(server), []);
});

behaviour("After leaving nothing is heard any more.", async (server, join) => {
  const viewer = join();
  await viewer.until(() => viewer.heard.some(({ type }) => type === "hello"));
  viewer.socket.close();
  const before = viewer.qualities.length;
  server.print("to nobody");
  await soon(() => server.handshakes.length === 1);
  assert.deepEqual([viewer.screen, viewer.qualities.length], ["", before]);
});
