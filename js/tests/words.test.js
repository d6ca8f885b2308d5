import assert from "node:assert/strict";
import { test } from "node:test";
import { xsrfToken } from "../../vibeworkbench/panels/rest.js";
import { serverOf } from "../../vibeworkbench/panels/server_address.js";
import {
  absolute,
  bytes,
  clock,
  counted,
  evidenceName,
  evidenceText,
  grouped,
  inOrder,
  relative,
  span,
  triggerWord,
  warm,
  written,
} from "../../vibeworkbench/panels/words.js";

test("A span is said in its largest unit.", () => {
  assert.deepEqual([12, 1_500, 42_000, 300_000, 3 * 3_600_000, 5 * 86_400_000].map(span), [
    "12 ms",
    "1.5 s",
    "42 s",
    "5 min",
    "3 h",
    "5 d",
  ]);
});

test("An instant is said by its distance, and nothing as a dash.", () => {
  const now = Date.parse("2026-11-22T12:00:00Z");
  assert.equal(relative("2026-11-22T11:55:00Z", now), "5 min ago");
  assert.equal(relative(now + 7_200_000, now), "in 2 h");
  assert.equal(relative(now - 5, now), "just now");
  assert.equal(relative(null, now), "–");
});

test("Evidence shows the unit that its name states.", () => {
  assert.equal(evidenceText("used_ratio", 0.97123), "97.1 %");
  assert.equal(evidenceText("freeBytes", 3.1 * 2 ** 30), "3.1 GiB");
  assert.equal(evidenceText("timeout_s", 5), "5.0 s");
  assert.equal(evidenceText("status", 503), "503");
  assert.equal(evidenceText("sample_lines", ["one", "two"]), "one\ntwo");
  assert.equal(evidenceText("phases", { dns_ms: 3, kind: "refused" }), "dns: 3 ms\nkind: refused");
  assert.equal(evidenceText("nested", { a: { b: 1 } }), '{\n "a": {\n  "b": 1\n }\n}');
  assert.deepEqual(["used_ratio", "freeBytes", "mount"].map(evidenceName), ["used", "free", "mount"]);
});

test("Numbers, triggers and sizes read as people say them.", () => {
  assert.equal(counted(1, "issue"), "1 issue");
  assert.equal(counted(2, "issue"), "2 issues");
  assert.equal(triggerWord("rest:ada"), "by ada");
  assert.equal(triggerWord("schedule:full"), "schedule “full”");
  assert.equal(bytes(0), "0 B");
});

test("The XSRF token is found among the cookies.", () => {
  assert.equal(xsrfToken("username=x; _xsrf=2%7Cab%7Ccd; z=1"), "2|ab|cd");
  assert.equal(xsrfToken("a=1"), "");
});

test("The server is where the page's configuration says, and ends in a slash.", () => {
  const page = (/** @type {string | null} */ config, dataset = {}) =>
    /** @type {any} */ ({
      getElementById: () => (config === null ? null : { textContent: config }),
      body: { dataset },
      baseURI: "https://host/user/ada/voila/render/x.ipynb",
    });
  assert.equal(serverOf(page('{"baseUrl": "/user/ada/"}')), "https://host/user/ada/");
  assert.equal(serverOf(page(null, { vibeworkbenchBaseUrl: "/own" })), "https://host/own/");
  assert.equal(serverOf(page(null)), "https://host/");
});

test("Numbers and instants are written plainly at first, and then as the reader's language does.", () => {
  const at = new Date(2026, 10, 8, 9, 5, 7).getTime();
  assert.equal(absolute(at), "2026-11-08 09:05:07");
  assert.equal(clock(at), "09:05:07");
  assert.equal(written(at, { timeStyle: "short" }), "09:05");
  assert.equal(written(null, { timeStyle: "short" }), "–");
  assert.equal(grouped(12_345), "12345");
  warm();
  assert.equal(absolute(at), new Date(at).toLocaleString(undefined, { dateStyle: "medium", timeStyle: "medium" }));
  assert.equal(grouped(12_345), (12_345).toLocaleString());
  assert.equal(absolute(undefined), "–");
});

test("Names are in the order of their characters.", () => {
  assert.deepEqual(["b", "a", "B", "a"].sort(inOrder), ["B", "a", "a", "b"]);
});
