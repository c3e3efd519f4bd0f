#!/usr/bin/env python3
"""skald format: what it writes, what it leaves alone, and that the samples are as it wants them."""
import json
import os
import pathlib
import tempfile
import unittest

from skald_world import run

SOURCE = pathlib.Path(os.environ.get("SKALD_SOURCE_DIR",
                                     pathlib.Path(__file__).resolve().parent.parent.parent))

UGLY = """# an order
saga:
    id:   order   # its id
    name: 'Order'
steps:
- id: pay
  name: Pay
  type: function
  action: {function: {name: pay}}
  compensation: { type:   skip }
"""
NICE = """# an order
saga:
  id: order   # its id
  name: 'Order'
steps:
  - id: pay
    name: Pay
    type: function
    action: { function: { name: pay } }
    compensation: { type: skip }
"""


class Format(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.file = pathlib.Path(folder.name) / "order.saga.yaml"
        self.file.write_text(UGLY)

    def test_check_says_and_writes_nothing(self):
        done = run("format", "--check", str(self.file))
        self.assertEqual((done.returncode, done.stdout),
                         (1, f"{self.file}: would be formatted\n"))
        self.assertEqual(self.file.read_text(), UGLY)

    def test_the_file_is_written_with_its_rights_and_its_meaning(self):
        self.file.chmod(0o640)
        before = json.loads(run("dry-run", str(self.file), "--json").stdout)
        done = run("format", str(self.file))
        self.assertEqual((done.returncode, done.stdout), (0, f"{self.file}: formatted\n"))
        self.assertEqual(self.file.read_text(), NICE)
        self.assertEqual(self.file.stat().st_mode & 0o777, 0o640)
        self.assertEqual(json.loads(run("dry-run", str(self.file), "--json").stdout), before)
        self.assertEqual(os.listdir(self.file.parent), [self.file.name])
        again = run("format", "--json", str(self.file))
        self.assertEqual(json.loads(again.stdout), [{"file": str(self.file), "changed": False}])
        self.assertEqual(run("format", "--check", str(self.file)).returncode, 0)

    def test_standard_input_and_output(self):
        self.assertEqual(run("format", "-", stdin=UGLY).stdout, NICE)
        self.assertEqual(run("format", "--stdout", str(self.file)).stdout, NICE)
        self.assertEqual(self.file.read_text(), UGLY)

    def test_what_cannot_be_read_stays(self):
        self.file.write_text("saga: [\n")
        done = run("format", str(self.file))
        self.assertEqual(done.returncode, 1)
        self.assertIn("line 2", done.stderr)
        self.assertEqual(self.file.read_text(), "saga: [\n")
        self.assertEqual(run("format", "/no/such.yaml").returncode, 2)
        self.assertEqual(run("format").returncode, 2)
        self.assertEqual(run("format", "--json", "--stdout", str(self.file)).returncode, 2)

    def test_the_samples_are_formatted(self):
        files = sorted(str(path) for path in SOURCE.glob("examples/**/*.saga.yaml"))
        done = run("format", "--check", *files)
        self.assertEqual((done.returncode, done.stdout + done.stderr), (0, ""))


if __name__ == "__main__":
    unittest.main()
