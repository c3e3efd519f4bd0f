// pure.test.ts: addresses, words, numbers, payloads: what is the same wherever it runs.
import assert from "node:assert/strict";
import test from "node:test";
import { path, query } from "../src/api";
import { between, brief, duration, gist, noteOf, relative, words } from "../src/format";
import { readJson, writeJson } from "../src/json";
import { link, parseRoute } from "../src/route";

test("addresses lead back to where they came from", () => {
  for (const id of ["order-42", "a/b?c#d", "ünï", "100%", "p.child.0~r2", "<b>"]) {
    const route = parseRoute(link("saga", [id], { step: "pay" }));
    assert.equal(route.page, "saga");
    assert.deepEqual(route.rest, [id]);
    assert.equal(route.query.get("step"), "pay");
  }
  assert.equal(parseRoute("").page, "sagas");
  assert.equal(parseRoute("#/").page, "sagas");
  assert.deepEqual(parseRoute("#/saga/%E0%A4%A").rest, ["%E0%A4%A"]);
  assert.equal(link("sagas", [], { state: "" }), "#/sagas");
});

test("what stands in a path is made safe", () => {
  assert.equal(path`/sagas/${"a/../b"}/steps/${"x y"}/complete`, "/sagas/a%2F..%2Fb/steps/x%20y/complete");
  assert.equal(path`/sagas/${"a"}`, "/sagas/a");
});

test("queries leave out what is empty and repeat lists", () => {
  assert.equal(query({ a: "", b: null, c: undefined }), "");
  assert.equal(query({ tag: ["x", "y&z"], limit: 5 }), "?tag=x&tag=y%26z&limit=5");
});

test("durations and instants", () => {
  assert.equal(duration(0), "0 ms");
  assert.equal(duration(340), "340 ms");
  assert.equal(duration(1500), "1.5 s");
  assert.equal(duration(59_999), "1 min");
  assert.equal(duration(250_000), "4 min 10 s");
  assert.equal(duration(3_600_000), "1 h");
  assert.equal(duration(26 * 3_600_000), "1 d 2 h");
  assert.equal(duration(Number.NaN), "");
  const now = Date.parse("2026-01-31T12:00:00Z");
  assert.equal(relative("2026-01-31T11:59:58Z", now), "2 s ago");
  assert.equal(relative("2026-01-31T12:02:00Z", now), "in 2 min");
  assert.equal(relative("2026-01-31T12:00:00.5Z", now), "now");
  assert.equal(relative("never", now), "never");
  assert.equal(between("2026-01-31T12:00:00Z", "2026-01-31T12:00:00.085Z"), "85 ms");
  assert.equal(between("2026-01-31T12:00:00Z", null), "");
  assert.equal(words("timed_out"), "timed out");
});

test("whole numbers come through unchanged, however large", () => {
  const text = '{"id":12345678901234567890,"small":7,"half":0.5,"list":[-9007199254740993],"text":"9007199254740993"}';
  assert.equal(writeJson(readJson(text)), text);
});

test("JSON is written as JSON.stringify does", () => {
  for (const value of [null, true, "a\"\n\u2028<", 1e21, [], {}, [1, [2, {}]], { a: { b: [null] }, "ü": "x" }]) {
    assert.equal(writeJson(value), JSON.stringify(value));
    assert.equal(writeJson(value, 2), JSON.stringify(value, null, 2));
  }
});

test("payloads are cut, and the gist of an event is told", () => {
  assert.equal(brief({ a: 1 }), '{"a":1}');
  assert.equal(brief("x".repeat(100), 10), `${"x".repeat(9)}…`);
  assert.equal(gist({ by: "ada", reason: "recall", command_id: "1" }), "ada: recall");
  assert.equal(gist({ code: "http_503", message: "busy\nvery" }), "http_503: busy");
  assert.equal(gist({ deadline: "…", request: "POST http://stock/reserve\nX: y" }), "POST http://stock/reserve");
  assert.equal(gist({ output: { id: 7 } }), '{"id":7}');
  assert.equal(gist({}), "");
  assert.equal(gist(null), "");
});

test("beside a state stands what the state does not say", () => {
  assert.equal(noteOf({ state: "compensating", reason: "step" }), "a step failed");
  assert.equal(noteOf({ state: "cancelled", reason: "cancel" }), null);
  assert.equal(noteOf({ state: "failed", reason: "some_thing" }), "some thing");
  assert.equal(noteOf({ state: "suspended", reason: null, suspended_in: "running" }), "running");
  assert.equal(noteOf({ state: "running", reason: null }), null);
});
