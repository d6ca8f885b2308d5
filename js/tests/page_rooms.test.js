import assert from "node:assert/strict";
import { once } from "node:events";
import { test } from "node:test";
import { WebSocket } from "ws";
import { dialRooms, takeOver } from "../../vibeworkbench/panels/page_rooms.js";
import { joinRoom } from "../../vibeworkbench/panels/socket.js";
import { RoomServer } from "./room_server.js";

/** Until what does not come counts as hanging, on a slow machine, too: as PATIENCE_S in tests/patience.py. */
const PATIENCE = 240_000;
const PARTY = "ops-monitor-broadcast";

/** A page whose head has run: its sockets, and the timers that it set. */
class Page {
  document = {};
  location = { search: "?kiosk&token=a+token" };
  /** @type {InstanceType<typeof WebSocket>[]} */
  sockets = [];
  /** @type {(() => void)[]} */
  timers = [];
  /** @type {any} */
  WebSocket;

  constructor() {
    const { sockets } = this;
    this.WebSocket = class extends WebSocket {
      /** @param {URL} url */
      constructor(url) {
        super(url);
        this.on("error", () => {});
        sockets.push(this);
      }
    };
  }

  /** @param {() => void} act */
  setTimeout(act) {
    this.timers.push(act);
  }

  /** @returns {import("../../vibeworkbench/panels/socket_host.js").Host} What a panel of this page is given. */
  get host() {
    return {
      WebSocket: this.WebSocket,
      fetch,
      window: new EventTarget(),
      document: Object.assign(new EventTarget(), { visibilityState: "visible" }),
      onLine: () => true,
      random: () => 0,
      token: () => "a token",
      dialled: (party, room) => takeOver(party, room, this.document),
    };
  }

  /**
   * @param {RoomServer} server
   * @param {(room: import("../../vibeworkbench/panels/socket.js").Room, types: string[], until: (holds: () => boolean) => Promise<void>) => Promise<void>} body
   */
  async joined(server, body) {
    /** @type {string[]} */
    const types = [];
    const news = new EventTarget();
    const room = joinRoom({
      server: server.url,
      party: PARTY,
      room: "main",
      host: this.host,
      onMessage: ({ type }) => {
        types.push(type);
        news.dispatchEvent(new Event("news"));
      },
    });
    const until = async (/** @type {() => boolean} */ holds) => {
      while (!holds()) await once(news, "news");
    };
    try {
      await body(room, types, until);
    } finally {
      room.close();
    }
  }
}

/** @param {InstanceType<typeof WebSocket>} socket Also where it never was open, which `once` takes for a failure. */
function closed(socket) {
  return new Promise((resolve) => socket.addEventListener("close", resolve));
}

/**
 * @param {string} sentence
 * @param {(server: RoomServer, page: Page) => Promise<void>} body
 */
function behaviour(sentence, body) {
  test(sentence, { timeout: PATIENCE }, async (context) => {
    const server = await RoomServer.start();
    context.after(() => server.stop());
    const page = new Page();
    await body(server, page);
    for (const socket of page.sockets) socket.terminate();
  });
}

behaviour(
  "Whoever joins a room that was dialled goes on with its socket, and misses nothing.",
  async (server, page) => {
    dialRooms([[PARTY, "main"]], server.url, /** @type {any} */ (page));
    const [early] = page.sockets;
    assert.ok(early);
    await once(early, "message");
    server.say("said");
    await page.joined(server, async (room, types, until) => {
      await until(() => types.includes("said"));
      assert.equal(types[0], "connected");
      assert.equal(room.connection.quality, "good");
      assert.equal(server.handshakes.length, 1);
      assert.equal(server.handshakes[0]?.get("token"), "a token");
      server.cut();
      server.say("said");
      await until(() => types.filter((type) => type === "said").length === 2);
      assert.equal(server.handshakes[1]?.get("_pk"), server.handshakes[0]?.get("_pk"));
      assert.equal(server.handshakes[1]?.get("epoch"), "first");
    });
  },
);

behaviour("Messages that come before the room is joined are heard by who joins it.", async (server, page) => {
  dialRooms([[PARTY, "main"]], server.url, /** @type {any} */ (page));
  const [early] = page.sockets;
  assert.ok(early);
  while (early.readyState !== WebSocket.OPEN) await once(early, "open");
  server.say("said");
  await once(early, "message");
  await page.joined(server, (_room, types, until) => until(() => types.includes("snapshot") && types.includes("said")));
});

behaviour("A socket that was lost meanwhile is none to go on with: the room is dialled anew.", async (server, page) => {
  server.refuseUpgrade = 503;
  dialRooms([[PARTY, "main"]], server.url, /** @type {any} */ (page));
  const [early] = page.sockets;
  assert.ok(early);
  await closed(early);
  server.refuseUpgrade = 0;
  await page.joined(server, async (_room, types, until) => {
    await until(() => types.includes("snapshot"));
    assert.equal(server.handshakes.length, 2);
  });
});

behaviour("A room is taken over once; what nobody wanted is hung up.", async (server, page) => {
  dialRooms(
    [
      [PARTY, "main"],
      ["logs", "main"],
    ],
    server.url,
    /** @type {any} */ (page),
  );
  const [, unwanted] = page.sockets;
  assert.ok(unwanted);
  const taken = takeOver(PARTY, "main", page.document);
  assert.ok(taken);
  assert.equal(takeOver(PARTY, "main", page.document), null);
  for (const act of page.timers) act();
  if (unwanted.readyState !== WebSocket.CLOSED) await closed(unwanted);
  assert.notEqual(taken.socket.readyState, WebSocket.CLOSED);
  assert.equal(takeOver("logs", "main", page.document), null);
});

behaviour("Rooms of many and rooms with a language of their own are left to who knows them.", async (server, page) => {
  dialRooms(
    [
      ["containers", "*"],
      ["terminal-server", "build"],
    ],
    server.url,
    /** @type {any} */ (page),
  );
  assert.deepEqual(page.sockets, []);
});
