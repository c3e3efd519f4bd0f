#!/usr/bin/env python3
"""docs/cli.md is what the commands print, and what --json prints fits docs/schemas/cli.schema.json, for
every command of `skald --help`."""
import json
import subprocess
import unittest

import cli_pages
from openapi import Document
from skald_world import SKALD

REMEDY = "if that is as it should be, run scripts/record-cli and look at the difference of docs/cli.md"


class Pages(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        with cli_pages.World() as world:
            cls.outputs, cls.documents = cli_pages.play_all(world)
        text = subprocess.run([SKALD, "openapi"], capture_output=True, text=True, check=True).stdout
        cls.openapi = Document(json.loads(text))
        cls.schemas = cli_pages.schemas()

    def schema_of(self, command):
        """With its references to openapi.json as the checker of the API's document wants them."""
        text = json.dumps(self.schemas["commands"][command]["schema"])
        return {**json.loads(text.replace("openapi.json#/", "#/")), "$defs": self.schemas["$defs"]}

    def test_the_page_is_what_the_commands_print(self):
        difference = cli_pages.difference(cli_pages.PAGE.read_text(), cli_pages.page_of(self.outputs))
        self.assertEqual(difference, "", f"\n{difference}\n{REMEDY}")

    def test_every_command_has_a_schema_or_a_reason(self):
        known = set(self.schemas["commands"]) | set(self.schemas["without"])
        self.assertEqual(set(cli_pages.command_names()) - known, set(),
                         "a schema is missing in docs/schemas/cli.schema.json")
        self.assertEqual(known - set(cli_pages.command_names()), set(), "there is no such command")
        for command, row in self.schemas["commands"].items():
            self.assertIn(row.get("option", "--json"), cli_pages.help_of(command), command)

    def test_what_json_prints_fits_its_schema(self):
        played = {command for command, _ in self.documents}
        self.assertEqual(set(self.schemas["commands"]) - played, set(),
                         "tests/integration/cli_pages.py does not play it with --json")
        for command, text in self.documents:
            with self.subTest(command=command):
                row = self.schemas["commands"][command]
                documents = cli_pages.lines_or_whole(text, row.get("lines", False))
                self.assertGreater(len(documents), 0)
                for document in documents:
                    self.assertEqual(self.openapi.errors(self.schema_of(command), document), [])

    def test_a_wrong_document_does_not_fit(self):
        self.assertNotEqual(self.openapi.errors(self.schema_of("start"), {"id": "x"}), [])
        self.assertNotEqual(self.openapi.errors(self.schema_of("format"), [{"file": "x"}]), [])


if __name__ == "__main__":
    unittest.main()
