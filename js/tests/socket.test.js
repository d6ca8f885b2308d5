import assert from "node:assert/strict";
import { EventEmitter, once } from "node:events";
import { test } from "node:test";
import { WebSocket } from "ws";
import { joinRoom } from "../../vibeworkbench/panels/socket.js";
import { History, retryDelay } from "../../vibeworkbench/panels/socket_model.js";
import { RoomServer } from "./room_server.js";

/** Long enough never to happen within a test, and short enough to happen soon. */
const NEVER = 600_000;
/** Until what does not come counts as hanging, on a slow machine, too: as PATIENCE_S in tests/patience.py. */
const PATIENCE = 240_000;
const TIMING = {
  settle: 1,
  ping: NEVER,
  pong: NEVER,
  handshake: NEVER,
  backoffBase: 1,
  backoffCap: 4,
  slow: NEVER,
  offline: NEVER,
  upgrade: NEVER,
};

/** A member of the server's room, and everything that it was told. */
class Member extends EventEmitter {
  /** @type {import("./room_server.js").Message[]} */
  messages = [];
  window = new EventTarget();
  document = Object.assign(new EventTarget(), { visibilityState: "visible" });
  isOnLine = true;

  /**
   * @param {RoomServer} server
   * @param {Partial<import("../../vibeworkbench/panels/socket_model.js").Timing>} [timing]
   * @param {Partial<import("../../vibeworkbench/panels/socket.js").RoomOptions>} [options]
   * @param {string | null} [token]
   */
  constructor(server, timing = {}, options = {}, token = null) {
    super();
    this.room = joinRoom({
      server: server.url,
      party: "ops-monitor-broadcast",
      room: "main",
      timing: { ...TIMING, ...timing },
      host: {
        WebSocket: /** @type {any} */ (WebSocket),
        fetch,
        window: this.window,
        document: this.document,
        onLine: () => this.isOnLine,
        random: () => 0.5,
        token: () => token,
      },
      onMessage: (message) => {
        this.messages.push(message);
        this.emit("news");
      },
      onConnection: () => this.emit("news"),
      ...options,
    });
  }

  /** @returns {number[]} The sequence numbers of the recorded messages, as they came. */
  get seqs() {
    return this.messages.filter(({ type }) => type.startsWith("said")).map(({ seq }) => seq);
  }

  get types() {
    return this.messages.map(({ type }) => type);
  }

  /** @param {() => boolean} holds Comes back when it does. */
  async until(holds) {
    while (!holds()) await once(this, "news");
  }
}

/**
 * @param {string} sentence
 * @param {(server: RoomServer, member: (...options: any[]) => Member) => Promise<void>} body
 */
function behaviour(sentence, body) {
  test(sentence, { timeout: PATIENCE }, async (context) => {
    const server = await RoomServer.start();
    /** @type {Member[]} */
    const members = [];
    context.after(async () => {
      for (const member of members) member.room.close();
      await server.stop();
    });
    await body(server, (...options) => {
      const member = new Member(server, ...options);
      members.push(member);
      return member;
    });
  });
}

behaviour("Who was cut off gets what it missed, in order and once.", async (server, join) => {
  const member = join();
  await member.until(() => member.types.includes("snapshot"));
  server.say("said");
  await member.until(() => member.seqs.length === 1);
  server.refuseUpgrade = 503;
  server.cut();
  await member.until(() => member.room.connection.transport === null);
  server.say("said");
  server.say("said");
  server.refuseUpgrade = 0;
  await member.until(() => member.seqs.length === 3);
  assert.deepEqual(member.seqs, [1, 2, 3]);
  assert.equal(server.handshakes.at(-1)?.get("since"), "1");
  assert.equal(server.handshakes.at(-1)?.get("epoch"), "first");
  assert.equal(member.types.filter((type) => type === "snapshot").length, 1);
});

behaviour("The room's address keeps the base_url and the member's id over reconnects.", async (server, join) => {
  const member = join();
  await member.until(() => member.types.includes("snapshot"));
  server.cut();
  await member.until(() => server.handshakes.length === 2 && member.room.connection.quality === "good");
  assert.equal(server.handshakes[0]?.get("_pk"), server.handshakes[1]?.get("_pk"));
});

behaviour("What is no longer kept is replaced by a snapshot.", async (server, join) => {
  const member = join();
  await member.until(() => member.types.includes("snapshot"));
  server.say("said");
  await member.until(() => member.seqs.length === 1);
  server.oldestSeq = 9;
  server.log.push({ type: "said", seq: 10, timestamp: 0, data: {} });
  server.cut();
  await member.until(() => member.types.filter((type) => type === "snapshot").length === 2);
  server.say("said");
  await member.until(() => member.seqs.length === 2);
  assert.deepEqual(member.types, ["connected", "snapshot", "said", "connected", "gap", "snapshot", "said"]);
  assert.deepEqual(member.seqs, [1, 11]);
});

behaviour("A new epoch starts over, even when its numbers are lower.", async (server, join) => {
  const member = join();
  await member.until(() => member.types.includes("snapshot"));
  for (let count = 0; count < 5; count += 1) server.say("said");
  await member.until(() => member.seqs.length === 5);
  server.epoch = "second";
  server.log = [];
  server.cut();
  await member.until(() => member.types.includes("gap"));
  server.say("said");
  await member.until(() => member.seqs.length === 6);
  assert.deepEqual(member.seqs, [1, 2, 3, 4, 5, 1]);
});

behaviour("A message that is sent twice is delivered once.", async (server, join) => {
  const member = join();
  await member.until(() => member.types.includes("snapshot"));
  server.say("said");
  server.say("said");
  for (const message of server.log) server.send(message);
  server.say("said");
  await member.until(() => member.seqs.includes(3));
  assert.deepEqual(member.seqs, [1, 2, 3]);
});

behaviour("An unrecorded frame is delivered and does not move since.", async (server, join) => {
  const member = join();
  await member.until(() => member.types.includes("snapshot"));
  server.say("said");
  server.send({ type: "announced", seq: 1, timestamp: 7, data: {} });
  await member.until(() => member.types.includes("announced"));
  server.cut();
  await member.until(() => server.handshakes.length === 2 && member.room.connection.quality === "good");
  assert.equal(server.handshakes[1]?.get("since"), "1");
});

for (const code of [4400, 4401, 4403, 4404])
  behaviour(`Close code ${code} is final and says why.`, async (server, join) => {
    server.turnAway = code;
    const member = join();
    await member.until(() => member.room.connection.quality === "closed");
    assert.equal(member.room.connection.code, code);
    assert.equal(member.room.connection.reason, code === 4401 ? "You are not logged in." : "not today");
    member.window.dispatchEvent(new Event("online"));
    member.room.retryNow();
    assert.equal(server.handshakes.length, 1);
  });

behaviour(
  "Who is sent away because rights have changed comes back once, and is in as what it is now.",
  async (server, join) => {
    const member = join();
    await member.until(() => member.types.includes("snapshot"));
    for (const times of [2, 3]) {
      server.cut(4401);
      await member.until(() => server.handshakes.length === times && member.room.connection.quality === "good");
      assert.equal(server.handshakes.at(-1)?.get("since"), "0");
    }
    server.turnAway = 4401;
    server.cut(4401);
    await member.until(() => member.room.connection.quality === "closed");
    assert.deepEqual([member.room.connection.code, server.handshakes.length], [4401, 4]);
  },
);

behaviour("Access that has ended is said after one more try, and is not asked for again.", async (server, join) => {
  const member = join();
  await member.until(() => member.types.includes("snapshot"));
  server.turnAway = 4401;
  server.cut(4401);
  await member.until(() => member.room.connection.quality === "closed");
  assert.equal(member.room.connection.reason, "Your access has ended.");
  member.room.retryNow();
  assert.equal(server.handshakes.length, 2);
});

behaviour("Access that ends while polling is asked for once more, too.", async (server, join) => {
  server.refuseUpgrade = 403;
  const member = join();
  await member.until(() => member.types.includes("snapshot"));
  server.refusePoll = 401;
  server.wake();
  await member.until(() => member.room.connection.quality === "closed");
  assert.equal(member.room.connection.reason, "Your access has ended.");
});

behaviour("A page's token vouches for sockets and for polls.", async (server, join) => {
  server.refuseUpgrade = 403;
  const member = join({}, {}, "vwb_secret");
  await member.until(() => member.types.includes("snapshot"));
  assert.deepEqual(new Set(server.handshakes.map((query) => query.get("token"))), new Set(["vwb_secret"]));
  assert.equal(server.authorizations[0], "token vwb_secret");
  assert.equal(server.polls[0]?.get("token"), null);
});

behaviour("Without a token nothing but cookies vouches.", async (server, join) => {
  server.refuseUpgrade = 403;
  const member = join();
  await member.until(() => member.types.includes("snapshot"));
  assert.equal(server.handshakes[0]?.get("token"), null);
  assert.equal(server.authorizations[0], undefined);
});

behaviour("The room as of now can be asked for, and its messages go on from there.", async (server, join) => {
  const member = join();
  await member.until(() => member.types.includes("snapshot"));
  const [before, after] = [server.record("said"), server.record("said")]; // on their way, slower than the answer
  const snapshot = await member.room.refresh();
  assert.equal(snapshot?.seq, 2);
  for (const message of [before, after]) server.send(message);
  server.send({ type: "announced", seq: 2, timestamp: 7, data: {} });
  server.say("said");
  await member.until(() => member.seqs.length === 1);
  assert.deepEqual(member.types, ["connected", "snapshot", "announced", "said"]);
  server.cut();
  await member.until(() => server.handshakes.length === 2);
  assert.equal(server.handshakes[1]?.get("since"), "3");
});

behaviour("A room that cannot be asked, or that answers with what is past, brings nothing.", async (server, join) => {
  const member = join();
  await member.until(() => member.types.includes("snapshot"));
  server.refusePoll = 403;
  assert.equal(await member.room.refresh(), null);
  server.refusePoll = 0;
  server.send({ type: "said", seq: 5, timestamp: 0, data: {} }); // heard before the answer, which is older
  await member.until(() => member.seqs.length === 1);
  assert.equal(await member.room.refresh(), null);
  server.epoch = "second";
  assert.equal(await member.room.refresh(), null);
  member.room.close();
  assert.equal(await member.room.refresh(), null);
  assert.equal(member.room.connection.quality, "good");
});

for (const code of [1001, 1011, 4408])
  behaviour(`After close code ${code} the member is back at once.`, async (server, join) => {
    const member = join({ backoffBase: NEVER, backoffCap: NEVER });
    await member.until(() => member.types.includes("snapshot"));
    server.cut(code);
    await member.until(() => server.handshakes.length === 2 && member.room.connection.quality === "good");
    assert.equal(server.handshakes[1]?.get("since"), "0");
  });

behaviour("After close code 4429 the member waits.", async (server, join) => {
  const member = join({ backoffCap: NEVER });
  await member.until(() => member.types.includes("snapshot"));
  server.cut(4429);
  await member.until(() => member.room.connection.transport === null);
  assert.ok((member.room.connection.retryAtMs ?? 0) - Date.now() > NEVER / 3);
});

behaviour("A server that answers no ping is taken for dead, and joined anew.", async (server, join) => {
  server.answersPings = false;
  const member = join({ pong: 5 });
  await member.until(() => server.handshakes.length >= 2);
  server.answersPings = true;
  await member.until(() => member.room.connection.rttMs !== null);
  assert.equal(member.room.connection.quality, "good");
});

behaviour("A late pong makes the connection slow.", async (server, join) => {
  server.answersPings = false;
  const member = join({ slow: 5 });
  await member.until(() => member.room.connection.quality === "slow");
  for (const pong of server.held) pong();
  await member.until(() => member.room.connection.rttMs !== null);
  assert.equal(member.room.connection.quality, "slow");
});

behaviour(
  "Where WebSockets are refused the messages come by polling, and later by WebSocket again, each once.",
  async (server, join) => {
    server.refuseUpgrade = 403;
    const member = join({ upgrade: 20 });
    await member.until(() => member.room.connection.transport === "poll");
    await member.until(() => member.types.includes("snapshot"));
    server.say("said");
    await member.until(() => member.seqs.length === 1);
    server.refuseUpgrade = 0;
    await member.until(() => member.room.connection.transport === "socket");
    server.say("said");
    await member.until(() => member.seqs.length === 2);
    assert.deepEqual(member.seqs, [1, 2]);
    assert.equal(member.types.filter((type) => type === "snapshot").length, 1);
  },
);

behaviour("A gap while polling brings a snapshot.", async (server, join) => {
  server.refuseUpgrade = 403;
  const member = join();
  await member.until(() => member.types.includes("snapshot"));
  server.epoch = "second";
  server.say("said");
  await member.until(() => member.types.filter((type) => type === "snapshot").length === 2);
  server.say("said");
  await member.until(() => member.seqs.length === 1);
  assert.deepEqual(member.seqs, [2]);
});

for (const [status, code] of [
  [401, 4401],
  [403, 4403],
  [404, 4404],
])
  behaviour(`HTTP ${status} in place of the room is final.`, async (server, join) => {
    server.refuseUpgrade = 403;
    server.refusePoll = status ?? 0;
    const member = join();
    await member.until(() => member.room.connection.quality === "closed");
    assert.equal(member.room.connection.code, code);
    assert.notEqual(member.room.connection.reason, "");
  });

behaviour("A server in trouble is asked again until it is well.", async (server, join) => {
  server.refuseUpgrade = 502;
  server.refusePoll = 502;
  const member = join();
  await member.until(() => server.polls.length >= 2);
  server.refuseUpgrade = 0;
  await member.until(() => member.room.connection.quality === "good");
});

behaviour("A room that is not recorded is not polled.", async (server, join) => {
  server.refuseUpgrade = 403;
  const member = join({}, { recording: false });
  await member.until(() => server.handshakes.length >= 4);
  assert.equal(server.polls.length, 0);
});

behaviour("Without a network it is offline; the network's return ends the wait.", async (server, join) => {
  const member = join({ stable: NEVER, backoffBase: NEVER, backoffCap: NEVER });
  await member.until(() => member.types.includes("snapshot"));
  server.refuseUpgrade = 503;
  server.refusePoll = 503;
  member.isOnLine = false;
  server.cut();
  await member.until(() => server.handshakes.length === 2 && member.room.connection.quality === "offline");
  await member.until(() => (member.room.connection.retryAtMs ?? 0) - Date.now() > NEVER / 4);
  server.refuseUpgrade = 0;
  member.isOnLine = true;
  member.window.dispatchEvent(new Event("online"));
  await member.until(() => member.room.connection.quality === "good");
});

behaviour("A page that comes back to the front asks whether its connection lives.", async (server, join) => {
  const member = join({ settle: NEVER, check: 5 });
  await member.until(() => member.types.includes("snapshot"));
  server.answersPings = false;
  member.document.dispatchEvent(new Event("visibilitychange"));
  await member.until(() => server.handshakes.length >= 2);
});

behaviour("After leaving nothing is delivered and nothing is retried.", async (server, join) => {
  const member = join();
  await member.until(() => member.types.includes("snapshot"));
  member.room.close();
  const told = member.messages.length;
  server.say("said");
  member.window.dispatchEvent(new Event("online"));
  const other = join();
  await other.until(() => other.types.includes("snapshot"));
  assert.equal(member.messages.length, told);
  assert.equal(server.handshakes.length, 2);
});

behaviour("Who leaves in the middle of a callback is left alone by it.", async (server, join) => {
  /** @type {string[]} */
  const told = [];
  const leaver = join({ settle: 1, pong: 1, ping: 1 }, { onConnection: leave });
  /** @param {import("../../vibeworkbench/panels/socket.js").Connection} connection */
  function leave(connection) {
    told.push(connection.quality);
    leaver.room.close();
    leaver.window.dispatchEvent(new Event("left"));
  }
  await once(leaver.window, "left");
  leaver.room.retryNow();
  const other = join({ settle: 1, ping: 1 });
  let beats = 0; // Of the other's heart: the leaver's ping and its death would have been due long before.
  other.on("news", () => (beats += 1));
  await other.until(() => beats > 50);
  assert.deepEqual(told, ["good"]);
  assert.deepEqual(leaver.messages, []);
  assert.equal(server.handshakes.length, 2);
});

behaviour("Who leaves in the middle of a poll's messages gets no more of them.", async (server, join) => {
  server.refuseUpgrade = 503;
  const member = join();
  await member.until(() => member.types.includes("snapshot"));
  member.on("news", () => {
    member.room.close();
    member.window.dispatchEvent(new Event("left"));
  });
  server.record("said");
  server.record("said");
  server.wake();
  await once(member.window, "left");
  const other = join();
  await other.until(() => other.types.includes("snapshot"));
  server.say("said");
  await other.until(() => other.seqs.length === 1);
  assert.deepEqual(member.seqs, [1]);
});

test("Where there is no history every message is new, also two alike in one millisecond.", () => {
  const history = new History();
  const message = { type: "line", seq: 0, timestamp: 7, data: {} };
  assert.deepEqual([history.admit(message), history.admit({ ...message })], [true, true]);
  assert.deepEqual(history.since, {});
});

behaviour("Who leaves while it waits for the next try does not try again.", async (server, join) => {
  server.refuseUpgrade = 503;
  server.refusePoll = 503;
  const member = join();
  await member.until(() => server.handshakes.length >= 3);
  member.room.close();
  const tried = server.handshakes.length;
  const other = join();
  await other.until(() => server.handshakes.length >= tried + 4);
  const own = server.handshakes[0]?.get("_pk");
  assert.equal(server.handshakes.slice(tried).filter((query) => query.get("_pk") === own).length, 0);
});

test("The first retry is at once; then the wait is drawn below a ceiling that doubles up to the cap.", () => {
  const timing = { backoffBase: 1_000, backoffCap: 30_000 };
  assert.equal(retryDelay(0, timing, 0.99), 0);
  assert.deepEqual(
    [1, 2, 3, 4, 5, 6, 60].map((attempt) => retryDelay(attempt, timing, 0.5)),
    [500, 1_000, 2_000, 4_000, 8_000, 15_000, 15_000],
  );
  assert.equal(retryDelay(9, timing, 0), 0);
});
