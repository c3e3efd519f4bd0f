#!/usr/bin/env python3
"""The pages about the library: every operation of the API has its function or a reason, and the other way
round; the reference is what the headers say; the examples compile."""
import json
import re
import subprocess
import tempfile
import unittest

from skald_world import ROOT, SKALD

PAGE = (ROOT / "docs/embedding.md").read_text()
HEADERS = ROOT / "include" / "skald"

# What a function is for when it asks nothing: by its beginning.
HELPERS = ("skald_reply_", "skald_state_", "skald_status_", "skald_call_", "skald_input_", "skald_output_",
           "skald_parameter_", "skald_item_", "skald_definition_", "skald_retry_", "skald_guard_", "skald_test_")
ANSWERS = {"skald_succeed", "skald_fail", "skald_retry", "skald_unknown", "skald_pending"}


def tables():
    """The rows of the last section's tables: (operations with function, operations without, functions)."""
    section = PAGE[PAGE.index("## Operations side by side"):]
    found = re.findall(r"^\| ([^|]+) \| ([^|]+) \|$\n\| --- \| --- \|\n((?:\|.*\n)+)", section, re.M)
    return [[tuple(cell.strip() for cell in row.strip("|\n").split("|")) for row in rows.splitlines()]
            for _, _, rows in found]


def names(cell):
    return re.findall(r"`(\w+)`", cell)


def declared():
    found = set()
    for header in HEADERS.glob("*.h"):
        text = re.sub(r"/\*.*?\*/", "", header.read_text(), flags=re.S)
        found |= set(re.findall(r"SKALD_API\b[^;{]*?\b(skald_\w+)\(", text))
    return found


class Embedding(unittest.TestCase):
    def setUp(self):
        self.with_function, self.without, self.alone = tables()

    def test_every_operation(self):
        document = json.loads(subprocess.run([SKALD, "openapi"], capture_output=True, check=True).stdout)
        operations = {operation["operationId"] for path in document["paths"].values()
                      for method, operation in path.items() if isinstance(operation, dict)
                      and "operationId" in operation}
        self.assertGreater(len(operations), 25)
        listed = [name for row in self.with_function + self.without for name in names(row[0])]
        self.assertEqual(len(listed), len(set(listed)), "an operation twice")
        self.assertEqual(operations - set(listed), set(), "docs/embedding.md: add what C calls them, or why not")
        self.assertEqual(set(listed) - operations, set(), "docs/embedding.md: no such operation")
        for row in self.without:
            self.assertGreater(len(row[1]), 10, row)

    def test_every_function(self):
        known = {name for row in self.with_function for name in names(row[1])}
        known |= {name for row in self.alone for name in names(row[0])}
        functions = declared()
        self.assertGreater(len(functions), 100)
        self.assertEqual(known - functions, set(), "docs/embedding.md names what no header declares")
        left = {name for name in functions - known - ANSWERS if not name.startswith(HELPERS)}
        self.assertEqual(left, set(), "docs/embedding.md: which operation is it, or why none?")

    def test_reference(self):
        subprocess.run([ROOT / "scripts/embedding-docs", "--check"], check=True)
        reference = (ROOT / "docs/embedding-reference.md").read_text()
        missing = [name for name in declared() if f"### {name}\n" not in reference]
        self.assertEqual(missing, [])

    def test_examples_compile(self):
        blocks = re.findall(r"^```c\n(.*?)^```", PAGE, re.M | re.S)
        self.assertGreater(len(blocks), 4)
        with tempfile.TemporaryDirectory() as folder:
            for number, block in enumerate(blocks):
                source = f"{folder}/block{number}.c"
                with open(source, "w") as file:
                    file.write("#include <skald/skald.h>\n#include <stdio.h>\n" + block)
                subprocess.run(["cc", "-std=c17", "-Wall", "-Wextra", "-Wpedantic", "-Werror",
                                "-Wno-unused-function", "-fsyntax-only", "-I", ROOT / "include", source], check=True)


if __name__ == "__main__":
    unittest.main()
