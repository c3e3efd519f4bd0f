// many.test.ts: inputs as lines, and starting them: what is sent, what is sent again, and what is not.
import assert from "node:assert/strict";
import test from "node:test";
import { Problem } from "../src/api";
import { bodyOf, isNarrowed } from "../src/bulk";
import { ROWS_MAX, inputsOf, refusedOf, startAll } from "../src/many";
import type { Row } from "../src/many";
import { fieldsOf } from "../src/schema";

const FIELDS = fieldsOf({ properties: { n: { type: "integer" } }, required: ["n"] });

function problem(status: number): Problem {
  return new Problem({ type: "", title: "no", status, detail: `no ${status}`, remedy: "" });
}

function rowsOf(count: number): Row[] {
  return inputsOf(Array.from({ length: count }, (_, i) => `{"n":${i}}`).join("\n"), FIELDS, "k").rows;
}

const run = { isStopped: () => false, pause: async () => undefined };

test("lines and lists become inputs, and each fault is told by its line", () => {
  const { rows, faults, repeats, unit } = inputsOf('{"n":1}\r\n\n{"n":"x"}\n{\n{"n":1}\n{"n":12345678901234567890}', FIELDS, "k");
  assert.equal(unit, "line");
  assert.deepEqual(rows.map((row) => row.line), [1, 3, 5, 6]);
  assert.deepEqual(rows.map((row) => row.key), ["k-1", "k-3", "k-5", "k-6"]);
  assert.deepEqual(faults.map((one) => one.line), [3, 4]);
  assert.ok(faults[0]!.message === "n is no number" && faults[1]!.message.startsWith("is no JSON"));
  assert.equal(repeats, 1);
  assert.deepEqual(rows[3]!.input, { n: 12345678901234567890n });
  const list = inputsOf(' [{"n":1},\n {"n":2}]', FIELDS, "k");
  assert.equal(list.unit, "entry");
  assert.equal(list.rows.length, 2);
  assert.deepEqual(inputsOf("[1]\n[2]", null, "k").rows.map((row) => row.input), [[1], [2]]);
  assert.deepEqual(inputsOf(" \n", FIELDS, "k"), { unit: "line", rows: [], faults: [], repeats: 0 });
  const many = inputsOf('{"n":1}\n'.repeat(ROWS_MAX + 1), FIELDS, "k");
  assert.ok(many.faults[0]!.message.startsWith("is too many"));
});

test("each is sent, few at once; a refusal leaves the others be", async () => {
  const rows = rowsOf(50);
  const keys = new Set<string>();
  let inFlight = 0, most = 0;
  const ended = await startAll(rows, { ...run, send: async (row) => {
    most = Math.max(most, ++inFlight);
    await Promise.resolve();
    inFlight--;
    keys.add(row.key);
    if (row.line % 10 === 0) throw problem(422);
  } });
  assert.equal(ended, null);
  assert.equal(keys.size, 50);
  assert.ok(most <= 4);
  assert.equal(rows.filter((row) => row.state === "started").length, 45);
  assert.equal(refusedOf(rows), '{"n":9}\n{"n":19}\n{"n":29}\n{"n":39}\n{"n":49}');
});

test("what was not answered is sent again under its key, in the run and after it", async () => {
  const rows = rowsOf(20);
  const sent = new Map<string, number>();
  let isAway = true;
  const send = async (row: Row) => {
    const tries = (sent.get(row.key) ?? 0) + 1;
    sent.set(row.key, tries);
    if (isAway && row.line > 4) throw problem(503);
    if (tries === 1) throw problem([0, 429, 503, 504][row.line % 4]!);
  };
  const ended = await startAll(rows, { ...run, send });
  assert.equal(ended?.message, "no 503");
  assert.equal(rows.filter((row) => row.state === "started").length, 4);
  assert.equal(rows.filter((row) => row.state === "waiting").length, 16);
  isAway = false;
  assert.equal(await startAll(rows, { ...run, send }), null);
  assert.ok(rows.every((row) => row.state === "started"));
  assert.equal(sent.size, 20);
  assert.equal(sent.get("k-1"), 2);
});

test("a run that is stopped sends nothing more", async () => {
  const rows = rowsOf(20);
  let sent = 0;
  await startAll(rows, { ...run, isStopped: () => sent >= 6, send: async () => { sent++; } });
  assert.ok(sent >= 6 && sent < 12);
  assert.equal(rows.filter((row) => row.state === "started").length, sent);
});

test("the filters of a list become those of a batch", () => {
  assert.deepEqual(bodyOf("force-cancel", { state: "running,failed", tag: "a", attribute: "b:c", residue: "true", sort: "ended" }, true),
    { command: "force-cancel", filter: { state: "running,failed", tag: ["a"], attribute: ["b:c"], residue: true }, past_pivot: true });
  assert.deepEqual(bodyOf("cancel", { created_from: "1h" }, true), { command: "cancel", filter: { created_from: "1h" } });
  assert.equal(isNarrowed({ sort: "ended" }), false);
  assert.equal(isNarrowed({ parent: "p" }), true);
});
