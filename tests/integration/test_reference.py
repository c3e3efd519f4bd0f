#!/usr/bin/env python3
"""The schema of definitions and the page of its keys are what the binary prints; every sample and every
definition of the tutorial fits the schema, and what `validate` refuses in the tables' terms does not."""
import json
import re
import subprocess
import unittest

import jsonschema
import yaml

from skald_world import ROOT, SKALD

SCHEMA = ROOT / "docs/schemas/saga.schema.json"
PAGE = ROOT / "docs/definitions-reference.md"


def printed(*arguments):
    return subprocess.run([SKALD, "schema", *arguments], capture_output=True, text=True, check=True).stdout


class Reference(unittest.TestCase):
    def setUp(self):
        self.schema = json.loads(SCHEMA.read_text())
        jsonschema.Draft7Validator.check_schema(self.schema)
        self.validator = jsonschema.Draft7Validator(self.schema)

    def test_files_are_what_is_printed(self):
        self.assertEqual(printed(), SCHEMA.read_text(),
                         "renew it: skald schema > docs/schemas/saga.schema.json")
        self.assertEqual(printed("--format", "markdown"), PAGE.read_text(),
                         "renew it: skald schema -f markdown > docs/definitions-reference.md")

    def test_samples_fit(self):
        files = sorted((ROOT / "examples").glob("*/*.saga.yaml"))
        self.assertGreater(len(files), 10)
        for file in files:
            with self.subTest(file=file.name):
                self.validator.validate(yaml.safe_load(file.read_text()))

    def test_tutorial_fits(self):
        count = 0
        for page in sorted((ROOT / "docs/tutorial").glob("*.md")):
            for name, text in re.findall(r"<!-- file: (\S+\.saga\.yaml) -->\n```yaml\n(.*?)```",
                                         page.read_text(), re.S):
                if name == "broken.saga.yaml":
                    continue
                with self.subTest(page=page.name, file=name):
                    self.validator.validate(yaml.safe_load(text))
                count += 1
        self.assertGreaterEqual(count, 7)

    def test_bad_ones_do_not_fit(self):
        good = yaml.safe_load((ROOT / "examples/order-processing/order.saga.yaml").read_text())
        for change in (lambda d: d.pop("saga"),
                       lambda d: d["saga"].update(id="-x"),
                       lambda d: d["saga"].update(timeout="soon"),
                       lambda d: d["steps"][0].update(type="carrier-pigeon"),
                       lambda d: d["steps"][0].pop("id"),
                       lambda d: d["steps"][0].update(pivot="perhaps"),
                       lambda d: d["steps"][0]["action"]["service"].update(success=[99]),
                       lambda d: d["global_retry_policy"].update(max_attempts=0)):
            bad = json.loads(json.dumps(good))
            change(bad)
            self.assertFalse(self.validator.is_valid(bad), json.dumps(bad)[:200])


if __name__ == "__main__":
    unittest.main(verbosity=2)
