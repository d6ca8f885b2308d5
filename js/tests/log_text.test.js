import assert from "node:assert/strict";
import { test } from "node:test";
import { marked, plain, spansOf } from "../../vibeworkbench/panels/log_text.js";

/** @param {string} text */
const told = (text) => spansOf(text).map(({ text: piece, look }) => (look ? `[${look}:${piece}]` : piece));

test("Colours of a terminal become classes, and end where they end.", () => {
  assert.deepEqual(told("a \x1b[1;31mred\x1b[0m b"), ["a ", "[vw-ansi-red vw-ansi-bold:red]", " b"]);
  assert.deepEqual(told("\x1b[38;5;196mx\x1b[39my\x1b[38;2;1;2;3;33mz"), ["x", "y", "[vw-ansi-yellow:z]"]);
});

test("What a terminal would obey beside colours is left out: titles, moves, links.", () => {
  assert.equal(plain("a\x1b]0;title\x07b\x1b[2Jc\x1b]8;;http://x\x1b\\d\x1b(Be"), "abcde");
});

test("An unfinished sequence hides nothing of the rest.", () => {
  assert.match(plain("a\x1b]0;no end"), /no end/);
  assert.match(plain("a\x1b[31"), /a.*31/);
});

test("Characters that turn the reading direction, or are not seen, are named.", () => {
  assert.deepEqual(told("a\u202eb\u2066c\x00d\x7f"), [
    "a",
    "[vw-unseen:U+202E]",
    "b",
    "[vw-unseen:U+2066]",
    "c",
    "[vw-unseen:\u2400]",
    "d",
    "[vw-unseen:\u2421]",
  ]);
});

test("Markup is text: nothing is taken away from it or added.", () => {
  const hostile = "<img src=x onerror=alert(1)>&amp;<script>";
  assert.deepEqual(told(hostile), [hostile]);
});

test("A carriage return at the end of a line is not shown, one within it is.", () => {
  assert.deepEqual(told("a\r"), ["a"]);
  assert.deepEqual(told("a\rb"), ["a", "[vw-unseen:\u240d]", "b"]);
});

test("Searched words stand out wherever they are, also where they look like patterns.", () => {
  assert.deepEqual(
    marked(spansOf("GET /a.b failed, get again"), ["get", "a.b"])
      .filter(({ look }) => look === "vw-found")
      .map(({ text }) => text),
    ["GET", "a.b", "get"],
  );
});
