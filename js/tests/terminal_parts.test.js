import assert from "node:assert/strict";
import { test } from "node:test";
import { Position, retryDelay, typedOf } from "../../vibeworkbench/panels/terminal_model.js";
import { linesOf, pasted, pieces, sendAll } from "../../vibeworkbench/panels/terminal_paste.js";
import { Replay, recordingOf } from "../../vibeworkbench/panels/terminal_recording.js";
import { apply, drives, initial, mayDrive, whyNotTyped } from "../../vibeworkbench/panels/terminal_state.js";

const NOW = 1_700_000_000_000;
const CONNECTION = {
  quality: "good",
  transport: "socket",
  rttMs: 3,
  retryAtMs: null,
  attempt: 0,
  reason: "",
  code: null,
};
const HELLO = { type: "hello", epoch: "e", base: 0, head: 0, size: { rows: 24, cols: 80 }, role: "owner", hold: null };

/**
 * @param {{type: string, [key: string]: any}[]} events
 * @param {object} [configured]
 */
function after(events, configured = {}) {
  const joined = [
    { type: "panel:connection", data: CONNECTION, me: "m1" },
    { ...HELLO, upstream: { state: "connected" } },
  ];
  return [...joined, ...events].reduce(apply, initial(NOW, { terminalId: "t", ...configured }));
}

/** @param {string | null} driver */
const members = (driver) => ({
  type: "members",
  driver,
  members: [
    { memberId: "m1", name: "ada", role: "owner", lagBytes: 0 },
    { memberId: "m2", name: "bob", role: "driver", lagBytes: 0 },
  ],
});

test("Waits grow from half a second to half a minute, and any of them may be short.", () => {
  const timing = { backoffBase: 500, backoffCap: 30_000 };
  assert.deepEqual(
    [0, 1, 2, 9].map((attempt) => retryDelay(attempt, timing, 1)),
    [500, 1_000, 2_000, 30_000],
  );
  assert.equal(retryDelay(5, timing, 0), 0);
});

test("Bytes that are known already are left out, across frames.", () => {
  const position = new Position();
  position.enter("e");
  position.sync(0, "tail");
  position.take(Buffer.from("0123456789"));
  assert.equal(position.sync(4, "resume"), false);
  const shown = ["4567", "89ab", "cd"].map((text) => Buffer.from(position.take(Buffer.from(text))).toString());
  assert.deepEqual(shown, ["", "ab", "cd"]);
  assert.equal(position.received, 14);
});

test("A resume that leaves something out is none: the screen begins anew.", () => {
  const position = new Position();
  position.enter("e");
  position.sync(0, "tail");
  position.take(Buffer.from("01"));
  assert.equal(position.sync(5, "resume"), true);
  assert.equal(position.received, 5);
});

test("Whoever was cut off within a snapshot asks for no continuation of it.", () => {
  const position = new Position();
  position.enter("e");
  position.sync(90, "snapshot", 100);
  position.take(Buffer.from("01234"));
  assert.equal(position.resume, null);
  position.take(Buffer.from("56789a"));
  assert.deepEqual(position.resume, { epoch: "e", offset: 101 });
});

test("What a terminal answers by itself is no typing; what people type is.", () => {
  const replies = [
    "\x1b[?1;2c",
    "\x1b[>0;276;0c",
    "\x1b[12;40R",
    "\x1b[0n",
    "\x1b[?2004;1$y",
    "\x1b]11;rgb:1010/1313/1818\x1b\\",
    "\x1b]4;1;rgb:ff/00/00\x07",
    "\x1bP>|xterm.js(6.0.0)\x1b\\",
    "\x1bP1$r0m\x1b\\",
    "\x1b[I",
    "\x1b[<35;10;10M",
    "\x1b[1;1R\x1b[?1;2c",
  ];
  assert.deepEqual(
    replies.map(typedOf),
    replies.map(() => ""),
  );
  const typed = ["ls\r", "\x1b[A", "\x1b", "\x1bOP", "\x1b[15~", "\x03", "\x1bf", "é"];
  assert.deepEqual(typed.map(typedOf), typed);
});

test("A paste ends its lines as Enter does, and cannot end its own brackets.", () => {
  assert.equal(pasted("a\r\nb\n", false), "a\rb\r");
  assert.equal(pasted("a\x1b[201~b", true), "\x1b[200~a\u241b[201~b\x1b[201~");
  assert.deepEqual(["", "a", "a\n", "a\nb", "a\r\nb\r\n"].map(linesOf), [0, 1, 1, 2, 2]);
});

test("Pieces are small, whole, and cut no character.", () => {
  const bytes = new TextEncoder().encode("aé🙂".repeat(1_000));
  const cut = pieces(bytes, 10);
  assert.deepEqual(Buffer.concat(cut), Buffer.from(bytes));
  for (const piece of cut) {
    assert.ok(piece.length <= 10);
    assert.doesNotThrow(() => new TextDecoder("utf-8", { fatal: true }).decode(piece));
  }
});

test("A piece for which there is no room is sent again, and order is kept.", async () => {
  const bytes = new TextEncoder().encode("x".repeat(40_000));
  const [taken, told] = [/** @type {number[]} */ ([]), /** @type {boolean[]} */ ([])];
  let refusals = 2;
  const sent = await sendAll(bytes, {
    send: async (piece) => {
      if (taken.length === 1 && refusals-- > 0) return "full";
      taken.push(piece.length);
      return "taken";
    },
    onProgress: (_, isWaiting) => told.push(isWaiting),
    signal: new AbortController().signal,
  });
  assert.equal(sent, 40_000);
  assert.equal(
    taken.reduce((sum, each) => sum + each),
    40_000,
  );
  assert.deepEqual(told, [false, true, true, false, false]);
});

test("A paste stops where it is stopped, and says how far it came.", async () => {
  const stopping = new AbortController();
  const sent = await sendAll(new TextEncoder().encode("x".repeat(40_000)), {
    send: async () => "taken",
    onProgress: (bytes) => bytes > 16_000 && stopping.abort(),
    signal: stopping.signal,
  });
  assert.equal(sent, 16_384);
});

/** What a recording shows, as text. */
class Stage {
  shown = "";
  reset() {
    this.shown = "";
  }
  /** @param {{rows: number, cols: number}} size */
  resize({ rows, cols }) {
    this.shown += `[${cols}x${rows}]`;
  }
  /** @param {string} text */
  async write(text) {
    this.shown += text;
  }
}
const CAST = [
  '{"version":3,"term":{"cols":90,"rows":30}}',
  '[0.5,"o","one "]',
  '[1,"m","held by ada"]',
  '[60,"o","two "]',
  '[0.5,"r","100x40"]',
  '[0.5,"o","three"]',
  '[0.5,"x","0"]',
  '[0.1,"o","unfini',
].join("\n");

test("A recording is read with its sizes and marks; nobody waits long for the next thing.", () => {
  const { size, marks, durationS, moments } = recordingOf(CAST);
  assert.deepEqual(size, { cols: 90, rows: 30 });
  assert.deepEqual(marks, [{ atS: 1.5, text: "held by ada" }]);
  assert.equal(durationS, 6);
  assert.equal(moments.length, 6);
  const old = recordingOf('{"version":2,"width":80,"height":24}\n[1.0,"o","a"]\n[2.5,"o","b"]');
  assert.deepEqual(
    old.moments.map(({ atS }) => atS),
    [1, 2.5],
  );
});

test("A recording plays at its speed, stands where it is put, and goes back.", async () => {
  const stage = new Stage();
  const replay = new Replay(recordingOf(CAST), stage);
  replay.play(0);
  await replay.tick(600);
  assert.equal(stage.shown, "[90x30]one ");
  replay.speed = 8;
  await replay.tick(1_200);
  assert.equal(stage.shown, "[90x30]one two [100x40]");
  assert.ok(replay.isPlaying);
  await replay.tick(9_000);
  assert.equal(stage.shown, "[90x30]one two [100x40]three");
  assert.ok(!replay.isPlaying);
  await replay.seek(1);
  assert.equal(stage.shown, "[90x30]one ");
  await replay.seek(5);
  assert.equal(stage.shown, "[90x30]one two [100x40]");
  replay.end();
  await replay.seek(6);
  assert.equal(stage.shown, "[90x30]one two [100x40]");
});

test("Who has the keyboard is known from the members, and said when it changes.", () => {
  const free = after([members(null)]);
  assert.deepEqual([drives(free), whyNotTyped(free)], [false, ""]);
  const mine = apply(free, members("m1"));
  assert.deepEqual([drives(mine), mine.said], [true, ""]);
  const asked = apply(free, { type: "panel:asking", data: NOW + 10_000 });
  assert.equal(apply(asked, members("m1")).said, "You have the keyboard.");
  const lost = apply(mine, members("m2"));
  assert.equal(lost.said, "bob has the keyboard now.");
  assert.match(whyNotTyped(lost), /^bob has the keyboard/);
});

test("Who is asked for the keyboard has so long to answer.", () => {
  const asked = after([members("m1"), { type: "drive", asked: { by: "bob", memberId: "m2" }, untilS: 10 }]);
  assert.deepEqual(asked.asked, { by: "bob", untilMs: NOW + 10_000 });
  assert.equal(apply(asked, { type: "panel:tick", data: NOW + 11_000 }).asked, null);
  assert.equal(apply(asked, members("m2")).asked, null);
});

test("Why nothing can be typed is one sentence, whichever the reason.", () => {
  assert.match(whyNotTyped(after([{ type: "hold", on: true, by: "ada", why: "look" }])), /held/);
  assert.match(whyNotTyped(after([{ type: "upstream", state: "reconnecting", attempt: 2, retryInS: 4 }])), /reached/);
  assert.match(
    whyNotTyped(after([{ type: "hil-state", state: "review", taskId: "7", reason: "" }])),
    /waits for people/,
  );
  assert.match(whyNotTyped(after([{ type: "exit", code: 0 }])), /ended/);
  assert.match(whyNotTyped(after([{ ...HELLO, role: "watcher" }])), /watching/);
  const away = { ...CONNECTION, quality: "reconnecting", transport: null };
  assert.match(whyNotTyped(after([{ type: "panel:connection", data: away, me: "m1" }])), /Not connected/);
});

test("A view for reading never drives, whatever the role.", () => {
  const state = after([members(null)], { readOnly: true });
  assert.deepEqual([mayDrive(state), whyNotTyped(state)], [false, "You are watching."]);
});

test("A hold is told with who, why and until; it ends when it is said to.", () => {
  const until = "2026-11-28T12:10:00Z";
  const held = after([{ type: "hold", on: true, by: "ada", why: "look at this", until }]);
  assert.deepEqual(held.hold, { by: "ada", why: "look at this", untilMs: Date.parse(until) });
  assert.equal(apply(held, { type: "hold", on: false, by: "ada" }).hold, null);
});

test("A task that waits for people freezes the terminal, and thaws it.", () => {
  const frozen = after([{ type: "hil-state", state: "review", taskId: "7", reason: "drops a table", reviewId: "r1" }]);
  assert.deepEqual(frozen.hil, { state: "review", taskId: "7", reason: "drops a table", reviewId: "r1" });
  assert.equal(apply(frozen, { type: "hil-state", state: "resumed", taskId: "7" }).hil, null);
});

test("A new shell in the same terminal takes the end of the old one back, and is said.", () => {
  const ended = after([{ type: "exit", code: 1 }]);
  const begun = apply(ended, { ...HELLO, epoch: "f" });
  assert.deepEqual([begun.exit, begun.said], [null, "A new shell has begun."]);
});
