// shapes.test.ts: what is made of definitions: pictures, YAML, forms.
import assert from "node:assert/strict";
import test from "node:test";
import { BOX, layOut } from "../src/layout";
import { faultOfInput, fieldsOf, partsOf, textsOf, valuesOf } from "../src/schema";
import type { GraphStep } from "../src/types";
import { toYaml } from "../src/yaml";

function box(id: string, level: number, dependencies: string[] = []): GraphStep {
  return {
    id, level, dependencies, name: id, kind: "http", compensation: "none", pivot: false, async: false, foreach: false,
    conditional: false, continue_on_error: false,
  };
}

test("boxes of a level stand beside each other, levels below", () => {
  const steps = [box("a", 0), box("b", 1, ["a"]), box("c", 1, ["a"]), box("d", 2, ["b", "c"])];
  const { boxes, edges, width, height } = layOut(steps);
  const at = new Map(boxes.map((one) => [one.step.id, one]));
  assert.equal(boxes.length, 4);
  assert.equal(edges.length, 4);
  assert.equal(at.get("b")!.y, at.get("c")!.y);
  assert.ok(Math.abs(at.get("b")!.x - at.get("c")!.x) >= BOX.width + BOX.gapX);
  assert.ok(at.get("d")!.y > at.get("b")!.y);
  for (const one of boxes) {
    assert.ok(one.x >= 0 && one.x + BOX.width <= width && one.y >= 0 && one.y + BOX.height <= height, one.step.id);
  }
});

test("neighbours stand so that edges do not cross without need", () => {
  const steps = [box("a", 0), box("b", 0), box("x", 1, ["b"]), box("y", 1, ["a"])];
  const { boxes } = layOut(steps);
  const at = new Map(boxes.map((one) => [one.step.id, one.x]));
  assert.equal(at.get("a")! < at.get("b")!, at.get("y")! < at.get("x")!);
});

test("no step, and steps of which one is unknown, are drawn too", () => {
  assert.deepEqual(layOut([]).boxes, []);
  assert.equal(layOut([box("a", 0, ["nowhere"])]).edges.length, 0);
});

test("YAML is what people write", () => {
  const text = toYaml({
    saga: { id: "order", version: "1.0", timeout: "10m", tags: ["shop", "yes"], big: 12345678901234567890n },
    steps: [{ id: "pay", wait: { for: "1s" }, empty: {}, none: null, on: true, text: "a\nb\n" }, [1, [2]]],
  });
  assert.equal(text, `saga:
  id: order
  version: "1.0"
  timeout: 10m
  tags: [shop, "yes"]
  big: 12345678901234567890

steps:
  - id: pay
    wait:
      for: 1s
    empty: {}
    none: null
    "on": true
    text: |
      a
      b
  - - 1
    - [2]
`);
});

const SCHEMA = {
  type: "object",
  required: ["customer", "amount"],
  properties: {
    note: { type: "string" },
    customer: { type: "string", title: "Customer", description: "who orders" },
    amount: { type: "integer", default: 5 },
    express: { type: "boolean" },
    colour: { enum: ["red", 7] },
    items: { type: "array" },
  },
};

test("a form is made of a schema, what is required first", () => {
  const fields = fieldsOf(SCHEMA)!;
  assert.deepEqual(fields.map((field) => [field.name, field.kind, field.isRequired]), [
    ["customer", "text", true], ["amount", "number", true], ["note", "text", false], ["express", "flag", false],
    ["colour", "choice", false], ["items", "json", false]]);
  assert.equal(fields[0]!.label, "Customer");
  assert.equal(fields[1]!.initial, "5");
  assert.equal(fieldsOf(undefined), null);
  assert.equal(fieldsOf({ type: "array" }), null);
  assert.equal(fieldsOf({ properties: {} }), null);
});

test("what was typed becomes the values, and what cannot is told", () => {
  const fields = fieldsOf(SCHEMA)!;
  assert.deepEqual(valuesOf(fields, { customer: "Ada", amount: "99", express: "true", colour: "7", items: "[1]" }),
    { customer: "Ada", amount: 99, express: true, colour: 7, items: [1] });
  assert.deepEqual(valuesOf(fields, { customer: "", amount: "1" }), { customer: "", amount: 1 });
  assert.throws(() => valuesOf(fields, { customer: "Ada" }), /amount is missing/);
  assert.throws(() => valuesOf(fields, { customer: "Ada", amount: "1.5" }), /whole number/);
  assert.throws(() => valuesOf(fields, { customer: "Ada", amount: "x" }), /no number/);
  assert.throws(() => valuesOf(fields, { customer: "Ada", amount: "1", items: "[" }), /items is no JSON/);
});

const ABOUT = {
  type: "object", required: ["to"],
  properties: {
    to: { type: "string" }, n: { type: "integer" }, x: { type: "number" }, fast: { type: "boolean" },
    size: { enum: ["s", 1] }, list: { type: "array" },
  },
};

test("a form becomes JSON and comes back, and what it would lose keeps it from coming back", () => {
  const fields = fieldsOf(ABOUT)!;
  const value = { to: "Rome", n: 9007199254740993n, x: 0.5, fast: false, size: "s", list: [1] };
  assert.deepEqual(valuesOf(fields, textsOf(fields, value)), value);
  assert.deepEqual(partsOf(fields, { to: "", n: "half", x: "1" }), { x: 1 });
  assert.throws(() => textsOf(fields, { to: "Rome", other: 1 }), /no field for other/);
  assert.throws(() => textsOf(fields, { to: 7 }), /to is no text/);
  assert.throws(() => textsOf(fields, [1]), /objects only/);
});

test("an input is judged as the form would", () => {
  const fields = fieldsOf(ABOUT);
  for (const [input, fault] of [
    [{ to: "Rome" }, ""], [{ to: "Rome", more: 1 }, ""], [{ to: "" }, ""], [{}, "to is missing"], [[], "is no object"],
    [{ to: 1 }, "to is no text"], [{ to: "x", n: 1.5 }, "n is no whole number"], [{ to: "x", n: "1" }, "n is no number"],
    [{ to: "x", n: 12345678901234567890n }, ""], [{ to: "x", fast: "yes" }, "fast is neither true nor false"],
    [{ to: "x", size: "1" }, 'size is none of "s", 1'], [{ to: "x", size: 1 }, ""],
  ] as const) assert.equal(faultOfInput(fields, input as never), fault);
  assert.equal(faultOfInput(null, "anything"), "");
});
