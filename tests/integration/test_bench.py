#!/usr/bin/env python3
"""Every bench of bench/ still works: run quickly, it leaves text, JSON, plots and a page for the proofs.

Its figures are not looked at: that is what the benches are for, on a machine that does nothing else."""
import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile
import unittest
import xml.dom.minidom

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from skald_world import ROOT, SKALD  # noqa: E402

sys.path.insert(0, str(ROOT / "bench"))
import frame  # noqa: E402
import plot  # noqa: E402

BUILD = pathlib.Path(SKALD).resolve().parent.parent
GIVE_UP_S = 150


class Benches(unittest.TestCase):
    def check_table(self, table):
        self.assertTrue(table["rows"], table)
        for row in table["rows"]:
            self.assertEqual(len(row), len(table["header"]), table)

    def check_results(self, folder):
        result = json.loads((folder / "result.json").read_text())
        for name in ("command", "date", "machine", "others_share", "samples"):
            self.assertIn(name, result)
        for fact in ("commit", "kernel", "compiler", "libraries", "processor"):
            self.assertTrue(result["machine"][fact], fact)
        self.assertTrue(result["tables"] or result["left_out"])
        for table in result["tables"]:
            self.check_table(table)
        self.assertNotIn(str(ROOT), (folder / "result.json").read_text() + (folder / "result.txt").read_text())
        for picture in folder.glob("*.svg"):
            self.assertEqual(xml.dom.minidom.parse(str(picture)).documentElement.tagName, "svg")

    def check_page(self, folder, name):
        pages = list(folder.glob("*.md"))
        self.assertEqual(len(pages), 1)
        text = pages[0].read_text()
        self.assertIn(f"    bench/bench-{name} ", text)
        for picture in folder.glob("*.svg"):
            self.assertIn(f"({picture.name})", text)

    def test_pages_say_what_was_recorded(self):
        done = subprocess.run([ROOT / "bench/pages.py", "--check"], capture_output=True, text=True, check=False)
        self.assertEqual(done.returncode, 0, done.stdout)

    def test_plots(self):
        """Gaps, zeros, one value, both scales."""
        for numbers in ([1, 20, None, 3e6], [0, 0, 0, 0], [5, None, None, None]):
            for log in (False, True):
                series = {"a < b": numbers, "c": list(reversed(numbers))}
                bars = {"kind": "bars", "title": "T & t", "unit": "s", "log": log, "series": series, "labels": list("abcd")}
                lines = {"kind": "lines", "title": "T", "log": log, "log_x": log, "series": series, "x": [1, 64, 512, 4096]}
                for drawing in (bars, lines):
                    svg = xml.dom.minidom.parseString(plot.draw(drawing))
                    self.assertNotIn("nan", svg.toxml())
                    self.assertIn("c", [node.firstChild.data for node in svg.getElementsByTagName("text") if node.firstChild])

    def test_medians_and_ratios(self):
        samples = frame.Samples()
        for engine, limit in ((10, 100), (40, 100), (30, 50)):
            samples.add("engine", {"events": engine})
            samples.add("limit", {"events": limit})
        self.assertEqual(samples.median("engine", "events"), 30)
        self.assertEqual(samples.ratio("engine", "limit", "events"), 0.4)  # of 0.1, 0.4, 0.6

    def test_scripts_of_the_peers(self):
        """The peers are not here: what is run with them is at least a program, and what is installed is pinned."""
        folder = ROOT / "bench/peers"
        for script in sorted(folder.rglob("*.mjs")):
            done = subprocess.run(["node", "--check", script], capture_output=True, text=True, check=False)
            self.assertEqual(done.returncode, 0, done.stderr)
        for script in folder.rglob("*.py"):
            compile(script.read_text(), str(script), "exec")
        manifests = sorted(folder.rglob("package.json"))
        self.assertGreaterEqual(len(manifests), 4)
        for manifest in manifests:
            wanted = json.loads(manifest.read_text())["dependencies"]
            locked = json.loads((manifest.parent / "package-lock.json").read_text())["packages"]
            for package, version in wanted.items():
                self.assertEqual(locked[f"node_modules/{package}"]["version"], version)
            self.assertFalse([name for name, row in locked.items() if "resolved" in row], manifest)
        done = subprocess.run([SKALD, "validate", *sorted((folder / "skald").glob("*.yaml"))], capture_output=True,
                              text=True, check=False)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)

    def test_each(self):
        benches = sorted((ROOT / "bench").glob("bench-*"))
        self.assertTrue(benches)
        if re.search(r"^SKALD_SANITIZE:\w+=.+$", (BUILD / "CMakeCache.txt").read_text(), re.M):
            benches = [ROOT / "bench/bench-engine"]  # the others are tried where they are not ten times slower
        for bench in benches:
            name = bench.name.removeprefix("bench-")
            with self.subTest(name), tempfile.TemporaryDirectory(prefix="skald-bench-test-") as folder:
                out, page = pathlib.Path(folder, "out"), pathlib.Path(folder, "page")
                done = subprocess.run([bench, "--quick", "--build", BUILD, "--out", out, "--record", page],
                                      env=dict(os.environ, TMPDIR=folder), stdin=subprocess.DEVNULL,
                                      capture_output=True, text=True, timeout=GIVE_UP_S, check=False)
                self.assertEqual(done.returncode, 0, done.stdout[-2000:] + done.stderr[-4000:])
                self.check_results(out)
                self.check_page(page, name)
                left = [path.name for path in pathlib.Path(folder).iterdir() if path.name not in ("out", "page")]
                self.assertEqual(left, [])


if __name__ == "__main__":
    unittest.main(verbosity=2)
