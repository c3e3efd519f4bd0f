#!/usr/bin/env python3
"""Inputs against the schema of their definition: over the API, from the command line, for children; and
the checker against another implementation, on schemas and values made at random."""
import json
import pathlib
import random
import subprocess
import tempfile
import unittest

import jsonschema

from skald_world import SKALD, Server

SCHEMA = {"type": "object", "required": ["order", "items"], "additionalProperties": False,
          "properties": {"order": {"type": "string", "pattern": "^[a-z]+-[0-9]+$"},
                         "items": {"type": "array", "minItems": 1, "items": {"$ref": "#/$defs/item"}}},
          "$defs": {"item": {"type": "object", "required": ["sku"],
                             "properties": {"qty": {"type": "integer", "minimum": 1}}}}}
GOOD = {"order": "web-7", "items": [{"sku": "a", "qty": 2}]}
WAIT = [{"id": "pause", "name": "Pause", "type": "wait", "wait": {"for": "1ms"}}]


def definition(name, schema, steps=None):
    return json.dumps({"saga": {"id": name, "name": name, "version": "1", "description": "d",
                                "input_schema": schema}, "steps": steps or WAIT})


class Api(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory()
        cls.server = Server(cls.folder.name, store="memory:")
        assert cls.server.define(definition("checked", SCHEMA), "checked.json").status == 201

    @classmethod
    def tearDownClass(cls):
        cls.server.stop()
        cls.server.__exit__(None, None, None)
        cls.folder.cleanup()

    def test_fits(self):
        self.assertEqual(self.server.start(definition="checked", id="fits", input=GOOD).status, 201)
        self.assertEqual(self.server.ended("fits")["state"], "completed")

    def test_every_violation_is_told(self):
        reply = self.server.start(definition="checked", id="bad", input={
            "order": "WEB", "items": [{"sku": "a", "qty": 0}, {"qty": "x"}], "more": 1})
        self.assertEqual(reply.status, 422, reply.body)
        self.assertEqual(reply.headers["Content-Type"], "application/problem+json")
        found = {v["pointer"]: v["message"] for v in reply.json["violations"]}
        self.assertEqual(set(found), {"/order", "/items/0/qty", "/items/1", "/items/1/qty", "/more"})
        self.assertEqual(found["/items/1"], "has no member sku")
        self.assertIn("input_schema", reply.json["detail"])
        self.assertEqual(self.server.get("/api/v1/sagas/bad").status, 404)

    def test_no_input_at_all(self):
        reply = self.server.start(definition="checked", id="none")
        self.assertEqual(reply.json["violations"], [{"pointer": "",
                                                     "message": 'is null and not "object"'}])

    def test_large_input(self):
        """Checked beside the loop, with the same answers."""
        items = [{"sku": str(i), "qty": 1 + i} for i in range(5000)]
        reply = self.server.start(definition="checked", id="large", input={**GOOD, "items": items})
        self.assertEqual(reply.status, 201, reply.body)
        items[4321]["qty"] = "many"
        reply = self.server.start(definition="checked", id="large2", input={**GOOD, "items": items})
        self.assertEqual([v["pointer"] for v in reply.json["violations"]], ["/items/4321/qty"])

    def test_costly_schema_ends(self):
        defs = {f"a{i}": {"anyOf": [{"$ref": f"#/$defs/a{i + 1}"}] * 2} for i in range(40)}
        schema = {"$ref": "#/$defs/a0", "$defs": {**defs, "a40": {"type": "string"}}}
        self.assertEqual(self.server.define(definition("costly", schema)).status, 201)
        reply = self.server.start(definition="costly", id="costly", input=1)
        self.assertEqual(reply.status, 413, reply.body)
        self.assertEqual(self.server.start(definition="costly", id="costly2", input="s").status, 201)

    def test_broken_schema_is_refused_with_its_place(self):
        source = ("saga:\n  id: broken\n  name: broken\n  input_schema:\n    properties:\n      a:\n"
                  "        type: strng\n      b: { $ref: '#/$defs/x' }\n      c: { minimun: 1 }\n"
                  "steps:\n  - { id: p, name: p, type: wait, wait: { for: 1s } }\n")
        reply = self.server.define(source, "broken.yaml")
        self.assertEqual(reply.status, 422)
        found = {d["line"]: d for d in reply.json["diagnostics"] if d["code"] == "bad_schema"}
        self.assertEqual(set(found), {7, 8, 9})
        self.assertEqual(found[7]["severity"], "error")
        self.assertIn("/properties/a/type is no type", found[7]["message"])
        self.assertEqual((found[9]["severity"], found[9]["remedy"]), ("warning", "did you mean `minimum`?"))

    def test_child(self):
        step = {"id": "sub", "name": "Sub", "type": "saga", "retry_policy": {"type": "no_retry"},
                "action": {"saga": {"definition": "checked", "input": "{{ .input }}"}}}
        self.assertEqual(self.server.define(definition("parent", {}, [step])).status, 201)
        self.server.start(definition="parent", id="parent:1", input=GOOD)
        self.assertEqual(self.server.ended("parent:1")["state"], "completed")
        self.server.start(definition="parent", id="parent:2", input={"order": 1})
        saga = self.server.ended("parent:2")
        self.assertEqual(saga["state"], "compensated")
        self.assertEqual(saga["error"]["code"], "child_not_started")
        self.assertIn("input_schema", saga["error"]["message"])


class CommandLine(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.file = pathlib.Path(self.folder.name) / "checked.json"
        self.addCleanup(self.folder.cleanup)

    def dry_run(self, schema, value):
        self.file.write_text(definition("checked", schema))
        return subprocess.run([SKALD, "dry-run", str(self.file), "--input", "@-"], input=json.dumps(value),
                              capture_output=True, text=True)

    def test_dry_run(self):
        self.assertEqual(self.dry_run(SCHEMA, GOOD).returncode, 0)
        done = self.dry_run(SCHEMA, {"order": "x", "items": []})
        self.assertNotEqual(done.returncode, 0)
        self.assertIn("/items holds fewer than 1 items", done.stderr)
        self.assertIn("/order does not match", done.stderr)

    def test_validate(self):
        self.file.write_text(definition("checked", {"type": "nothing"}))
        done = subprocess.run([SKALD, "validate", str(self.file)], capture_output=True, text=True)
        self.assertEqual(done.returncode, 1)
        self.assertIn("/type is no type", done.stdout + done.stderr)

    def test_against_another_implementation(self):
        """jsonschema says the same of every pair. Seeded: the same pairs each time."""
        chance = random.Random(20240501)
        fitting = 0
        for i in range(400):
            schema, value = a_schema(chance, 3), a_value(chance, 3)
            expected = jsonschema.Draft202012Validator(schema).is_valid(value)
            found = self.dry_run(schema, value)
            self.assertEqual(found.returncode == 0, expected,
                             f"{json.dumps(schema)}\n{json.dumps(value)}\n{found.stderr}")
            fitting += expected
        self.assertGreater(fitting, 100)
        self.assertGreater(400 - fitting, 100)


NAMES = ["a", "b", "c", "äö", "x-1"]


def a_value(chance, depth):
    kind = chance.randrange(8 if depth else 5)
    if kind == 0:
        return chance.choice([None, True, False])
    if kind in (1, 2):
        return chance.choice([0, 1, 2, 3, -1, 10, 1.5, 2.0, 0.1, 12345678901])
    if kind in (3, 4):
        return chance.choice(["", "a", "ab", "abc", "ä€", "x-1", "12", "a b"])
    if kind == 5:
        return [a_value(chance, depth - 1) for _ in range(chance.randrange(4))]
    return {chance.choice(NAMES): a_value(chance, depth - 1) for _ in range(chance.randrange(4))}


def a_schema(chance, depth):
    """One to three keywords; with depth 0 none that hold schemas."""
    def sub():
        return chance.choice([True, False]) if chance.random() < 0.1 else a_schema(chance, depth - 1)

    def some(least=1):
        return [sub() for _ in range(chance.randrange(least, 4))]

    def number():
        return chance.choice([0, 1, 2, 3, 1.5])
    plain = {
        "type": lambda: chance.choice(["null", "boolean", "object", "array", "number", "string", "integer",
                                       ["string", "number"], ["object", "array"]]),
        "enum": lambda: [a_value(chance, 1) for _ in range(3)],
        "const": lambda: a_value(chance, 1),
        "minimum": number, "maximum": number, "exclusiveMinimum": number, "exclusiveMaximum": number,
        "multipleOf": lambda: chance.choice([1, 2, 0.5]),
        "minLength": lambda: chance.randrange(3), "maxLength": lambda: chance.randrange(3),
        "pattern": lambda: chance.choice(["^a", "b$", "^[a-c]*$", "^(a|x-\\d)", "^.{2}$", "\\s"]),
        "minItems": lambda: chance.randrange(3), "maxItems": lambda: chance.randrange(3),
        "uniqueItems": lambda: chance.choice([True, False]),
        "minProperties": lambda: chance.randrange(3), "maxProperties": lambda: chance.randrange(3),
        "required": lambda: chance.sample(NAMES, chance.randrange(3)),
        "dependentRequired": lambda: {chance.choice(NAMES): chance.sample(NAMES, 1)},
    }
    deep = {
        "properties": lambda: {name: sub() for name in chance.sample(NAMES, 2)},
        "patternProperties": lambda: {chance.choice(["^a", "-", "ö"]): sub()},
        "additionalProperties": sub, "propertyNames": sub, "items": sub, "prefixItems": some,
        "contains": sub, "allOf": some, "anyOf": some, "oneOf": some, "not": sub, "if": sub, "then": sub,
        "else": sub, "dependentSchemas": lambda: {chance.choice(NAMES): sub()},
    }
    keywords = {**plain, **deep} if depth else plain
    return {name: keywords[name]() for name in chance.sample(sorted(keywords), chance.randrange(1, 4))}


if __name__ == "__main__":
    unittest.main()
