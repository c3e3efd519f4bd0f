#!/usr/bin/env python3
"""docs/internals/worked-example.md is what really happens: its blocks are made anew and compared.

`--write` renews the blocks. The decoder of event data here is written from the page, not from the code.
"""
import json
import os
import pathlib
import re
import sys
import tempfile
import unittest

from skald_world import Participant, Server, store

ROOT = pathlib.Path(os.environ.get("SKALD_SOURCE_DIR", pathlib.Path(__file__).parents[2]))
PAGE = ROOT / "docs" / "internals" / "worked-example.md"
BLOCK = re.compile(r"(<!-- block: (\w+) -->\n```\w*\n)(.*?)(```\n)", re.S)
TYPES = {1: "saga.accepted", 2: "saga.started", 4: "saga.compensating", 5: "saga.compensated",
         20: "step.started", 21: "step.completed", 22: "step.failed", 50: "compensation.started",
         51: "compensation.completed"}
STEPS = {0: "reserve", 1: "pay", -1: "-"}
STATES = {5: "compensated"}
REASONS = {1: "step"}
FIELDS = ["when", "when2", "kind", "flags", "number", "text", "note", "body", "extra"]
SPANS = {"text", "note", "body", "extra"}
SIGNED = {"when", "when2"}


def read_number(data, at):
    value = shift = 0
    while True:
        byte = data[at]
        at += 1
        value |= (byte & 0x7f) << shift
        shift += 7
        if byte < 0x80:
            return value, at


def decode(data):
    """Pairs of (field, bytes as stored, value)."""
    mask = data[0] | data[1] << 8
    yield "mask", data[:2], "+".join(f for i, f in enumerate(FIELDS) if mask >> i & 1) or "nothing"
    at = 2
    for i, field in enumerate(FIELDS):
        if not mask >> i & 1:
            continue
        start = at
        value, at = read_number(data, at)
        if field in SPANS:
            value = data[at:at + value]
            at += len(value)
        elif field in SIGNED:
            value = (value >> 1) ^ -(value & 1)
        yield field, data[start:at], value
    assert at == len(data), "bytes are left over"


def show_field(event_type, field, raw, value, at):
    if field == "mask":
        return f"{raw.hex(' '):24} {value}"
    if field in SIGNED:
        return f"{'<6 bytes>':24} {field}: {value - at} ms after the event"
    if event_type == 1 and field == "extra":
        return f"{'<' + str(len(raw)) + ' bytes>':24} extra: the start record, version {value[0]}"
    if field in SPANS:
        text = value.decode().replace("\n", "\\n")
        head = raw.hex(" ") if len(raw) <= 8 else raw[:7].hex(" ") + " …"
        return f"{head:24} {field}: {text}"
    return f"{raw.hex(' '):24} {field}: {value}"


class WorkedExample(unittest.TestCase):
    maxDiff = None

    def blocks(self, page):
        with tempfile.TemporaryDirectory() as folder, Server(folder) as server:
            participant = Participant()
            participant.on("/reserve", [(200, {"reservation": 7}), (200, {})])
            participant.on("/pay", (402, {"error": {"code": "no_funds"}}))
            try:
                yield from self.run_example(page, folder, server, participant)
            finally:
                participant.close()

    def run_example(self, page, folder, server, participant):
        definition = next(m.group(3) for m in BLOCK.finditer(page) if m.group(2) == "definition")
        address = participant.url.removeprefix("http://")
        reply = server.define(definition.replace("<shop>", address), "example.yaml")
        assert reply.status == 201, reply.body
        body = '{"definition": "example", "id": "example-1", "input": {"sku": "A7"}}'
        reply = server.ask("POST", "/api/v1/sagas", body.encode())
        yield "definition", definition
        yield "start", ("POST /api/v1/sagas\nContent-Type: application/json\n\n" + body +
                        f"\n\n{reply.status} Created\nLocation: {reply.headers['Location']}\n")
        server.ended("example-1")
        assert server.stop() == 0
        dumped = store("dump", "--store", server.store)
        assert dumped.returncode == 0, dumped.stderr
        rows = [json.loads(line) for line in dumped.stdout.splitlines()]
        yield "events", self.events(rows, address)
        yield "requests", self.requests(participant, address)
        yield "head", self.head(rows)

    def events(self, rows, address):
        """The store has one saga."""
        lines = []
        for row in rows:
            if row["table"] != "event":
                continue
            kind = row["type"]
            assert row["name"] == TYPES[kind], row
            lines.append(f"shard {row['shard']} position {row['position']} seq {row['seq']}  {TYPES[kind]}  "
                         f"step {STEPS[row['step']]} attempt {row['attempt']}")
            lines += ["    " + show_field(kind, *field, row["at"]).replace(address, "<shop>").rstrip()
                      for field in decode(bytes.fromhex(row["data"]))]
        return "\n".join(lines) + "\n"

    def requests(self, participant, address):
        lines = []
        for request in participant.requests:
            lines.append(f"POST {request.path}")
            for name in sorted(request.headers):
                value = request.headers[name]
                if name in ("Skald-Deadline", "Skald-Token"):
                    value = "<…>"
                value = re.sub(r"skald/[0-9.]+", "skald/<version>", value.replace(address, "<shop>"))
                lines.append(f"{name}: {value}")
            lines += ["", request.body.decode(), ""] if request.body else [""]
        return "\n".join(lines)

    def head(self, rows):
        row = next(row for row in rows if row["table"] == "saga")
        shown = {"id": row["id"], "state": f"{row['state']} ({STATES[row['state']]})",
                 "reason": f"{row['reason']} ({REASONS[row['reason']]})", "open": row["open"],
                 "residue": row["residue"], "seq": row["seq"], "ended_at": "<…>"}
        return "".join(f"{name:9} {value}\n" for name, value in shown.items())

    def test_page_is_true(self):
        page = PAGE.read_text()
        made = dict(self.blocks(page))
        self.assertEqual(set(made), {m.group(2) for m in BLOCK.finditer(page)})
        renewed = BLOCK.sub(lambda m: m.group(1) + made[m.group(2)] + m.group(4), page)
        if "--write" in sys.argv:
            PAGE.write_text(renewed)
            return
        self.assertEqual(page, renewed, "run tests/integration/test_worked_example.py --write")


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
