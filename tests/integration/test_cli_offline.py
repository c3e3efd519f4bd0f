#!/usr/bin/env python3
"""The command line without a server: help, wrong use, validate, dry-run, visualize, bench."""
import json
import os
import pathlib
import subprocess
import tempfile
import unittest

from skald_world import GIVE_UP_S, SKALD, run

SOURCE = pathlib.Path(os.environ.get("SKALD_SOURCE_DIR",
                                     pathlib.Path(__file__).resolve().parent.parent.parent))
ORDER = str(SOURCE / "examples/order-processing/order.saga.yaml")
TRANSFER = str(SOURCE / "examples/bank-transfer/transfer.saga.yaml")
NOWHERE = "http://127.0.0.1:9"  # the discard port: nobody listens

DIAMOND = """
saga: { id: diamond, name: Diamond, version: "1", description: Four steps }
steps:
  - { id: a, name: A, type: http, action: { service: { name: s, endpoint: "${WHERE:-http://here}", path: /a } },
      compensation: { type: automatic } }
  - { id: b, name: B, type: http, dependencies: [a], action: { service: { name: s, path: /b } },
      compensation: { type: automatic } }
  - { id: c, name: C, type: http, dependencies: [a], action: { service: { name: s, path: /c } },
      compensation: { type: automatic } }
  - { id: d, name: D, type: http, dependencies: [b, c], action: { service: { name: s, path: /d } },
      compensation: { type: automatic } }
"""


class Folder(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.path = pathlib.Path(folder.name)

    def write(self, name, text):
        path = self.path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        return str(path)


class Help(unittest.TestCase):
    def test_every_command_has_a_page_with_an_example(self):
        done = run("--help")
        self.assertEqual(done.returncode, 0)
        names = [line.split()[0] for line in done.stdout.splitlines() if line.startswith("  ")]
        for name in ("serve define start list show events cancel signal complete validate dry-run "
                     "visualize demo bench version").split():
            self.assertIn(name, names)
        for name in names:
            page = run(name, "--help")
            self.assertEqual(page.returncode, 0, name)
            self.assertIn(f"usage: skald {name}", page.stdout)
            self.assertIn("\nexample:\n  skald " + name, page.stdout)
            self.assertEqual(page.stdout, run("help", name).stdout)

    def test_wrong_use_is_2_and_names_the_remedy(self):
        self.assertEqual(run().returncode, 2)
        for arguments, hint in [(("strat",), "skald start"), (("start", "--imput", "{}"), "--input"),
                                (("start",), "skald start order"), (("show",), "skald list"),
                                (("list", "--limit", "many"), "whole number"),
                                (("list", "--limit", "0"), "1 to 1000"),
                                (("cancel", "x", "--by", "me"), "--reason"),
                                (("signal", "x"), "skald signal"),
                                (("complete", "x", "y"), "--token"),
                                (("start", "order", "--input", "{bad"), "line 1, column 2"),
                                (("start", "order", "--input", "@/no/such"), "/no/such"),
                                (("start", "order", "--attribute", "x"), "region=north"),
                                (("define",), "skald define"), (("validate",), "skald validate"),
                                (("visualize", ORDER, "--format", "gif"), "mermaid"),
                                (("dry-run", ORDER, "--fail", "psy"), "'pay'"),
                                (("dry-run", ORDER, "--fail", "pay:maybe"), "unknown"),
                                (("list", "--server", "ftp://x"), "http://127.0.0.1:8080"),
                                (("bench", "--store", "none:"), "sqlite")]:
            done = run(*arguments, USER="tester")
            self.assertEqual(done.returncode, 2, f"{arguments}: {done.stderr}")
            self.assertIn(hint, done.stderr, arguments)
            self.assertEqual(done.stdout, "")

    def test_no_server_is_3_with_address_and_remedy(self):
        for arguments in (["list"], ["show", "x"], ["events", "x"], ["start", "order"],
                          ["define", ORDER], ["signal", "x", "y"], ["show", "x", "--json"],
                          ["cancel", "x", "--by", "me", "--reason", "why"]):
            done = run(*arguments, "--server", NOWHERE)
            self.assertEqual(done.returncode, 3, done.stderr)
            self.assertIn(NOWHERE, done.stderr)
            self.assertIn("skald serve", done.stderr)
        self.assertEqual(run("list", SKALD_SERVER=NOWHERE).returncode, 3)

    def test_version(self):
        self.assertIn("sqlite", json.loads(run("version", "--json").stdout)["stores"])
        self.assertTrue(run("--version").stdout.startswith("skald "))

    def test_a_full_disk_is_noticed(self):
        with open("/dev/full", "w") as full:
            done = subprocess.run([SKALD, "--help"], stdout=full, check=False, timeout=GIVE_UP_S)
        self.assertEqual(done.returncode, 1)


class Validate(Folder):
    def test_the_examples_are_valid_even_strictly(self):
        done = run("validate", "--strict", ORDER, TRANSFER)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        self.assertNotIn("warning", done.stdout)
        self.assertNotIn("advice", done.stdout)

    def test_a_folder_stands_for_its_definitions(self):
        self.write("deep/one.saga.yaml", DIAMOND)
        self.write("two.saga.yaml", "saga: 5")
        self.write("ignored.txt", "no definition")
        done = run("validate", "--json", str(self.path))
        found = json.loads(done.stdout)
        self.assertEqual(done.returncode, 1)
        self.assertEqual([pathlib.Path(f["file"]).name for f in found],
                         ["one.saga.yaml", "two.saga.yaml"])
        self.assertEqual([f["valid"] for f in found], [True, False])
        empty = self.path / "empty"
        empty.mkdir()
        self.assertEqual(run("validate", str(empty)).returncode, 2)
        self.assertEqual(run("validate", str(self.path / "none.yaml")).returncode, 2)

    def test_everything_wrong_is_said_at_once_with_its_place(self):
        path = self.write("bad.saga.yaml",
                          "saga: { id: x, name: X }\nsteps:\n  - { id: a, type: http, timeot: 5s }\n")
        done = run("validate", path)
        self.assertEqual(done.returncode, 1)
        self.assertIn(f"{path}:3:", done.stdout)
        self.assertIn("timeout", done.stdout)
        self.assertGreaterEqual(done.stdout.count("error"), 2)
        unknown = self.write("unknown.saga.yaml", DIAMOND.replace("name: D,", "name: D, colour: red,"))
        self.assertEqual(run("validate", unknown).returncode, 0)
        self.assertEqual(run("validate", "--strict", unknown).returncode, 1)

    def test_hostile_files_end_with_a_message(self):
        bomb = "a0: &a0 [x,x]\n" + "".join(f"a{n}: &a{n} [*a{n-1},*a{n-1}]\n" for n in range(1, 64))
        for name, text in [("brackets", "[" * 100000), ("bomb", bomb), ("empty", ""),
                           ("cycle", DIAMOND.replace("id: a, name: A,",
                                                     "id: a, name: A, dependencies: [d],"))]:
            done = run("validate", self.write(name + ".saga.yaml", text))
            self.assertEqual(done.returncode, 1, name)
            self.assertIn("error", done.stdout, name)
        (self.path / "bytes.saga.yaml").write_bytes(b"saga:\n  id: \xff\xfe\x00\n")
        done = run("validate", str(self.path / "bytes.saga.yaml"))
        self.assertEqual(done.returncode, 1)
        self.assertIn(":2:", done.stdout)

    def test_includes_stay_below_the_folder(self):
        self.write("parts/steps.yaml", DIAMOND.split("steps:")[1])
        outer = self.write("outer.saga.yaml", "saga: { id: o, name: O }\nsteps: !include parts/steps.yaml\n")
        self.assertEqual(run("validate", outer).returncode, 0)
        os.symlink("/etc/hostname", self.path / "parts/link.yaml")
        for target in ("../x.yaml", "/etc/hostname", "parts/link.yaml", "parts/none.yaml"):
            path = self.write("bad.saga.yaml", f"saga: {{ id: o, name: O }}\nsteps: !include {target}\n")
            done = run("validate", path)
            self.assertEqual(done.returncode, 1, target)
            self.assertIn("bad.saga.yaml:2:", done.stdout)

    def test_standard_input(self):
        self.assertEqual(run("validate", "-", stdin=DIAMOND).returncode, 0)


class Tools(Folder):
    def test_dry_run_of_a_diamond(self):
        path = self.write("d.saga.yaml", DIAMOND)
        done = run("dry-run", path, "--json", "--fail", "d")
        self.assertEqual(done.returncode, 0, done.stderr)
        found = json.loads(done.stdout)
        self.assertEqual(found["levels"], [["a"], ["b", "c"], ["d"]])
        self.assertEqual(found["execution_order"], ["a", "b", "c", "d"])
        self.assertEqual(found["compensation_order"], ["c", "b", "a"])
        self.assertEqual([step["id"] for step in found["steps"]], ["a", "b", "c", "d"])
        self.assertGreater(found["worst_case_ms"], 0)
        text = run("dry-run", path).stdout
        self.assertIn("level 0: a | level 1: b, c | level 2: d", text)

    def test_the_environment_is_read_here(self):
        path = self.write("d.saga.yaml", DIAMOND)
        self.assertIn("http://here/a", run("dry-run", path).stdout)
        self.assertIn("http://there/a", run("dry-run", path, WHERE="http://there").stdout)

    def test_input_from_text_file_and_standard_input(self):
        path = self.write("input.json", '{"amount": 77}')
        for source, stdin in (('{"amount": 77}', None), ("@" + path, None),
                              ("@-", '{"amount": 77}')):
            self.assertIn("77", run("dry-run", ORDER, "--input", source, stdin=stdin).stdout)

    def test_visualize(self):
        path = self.write("d.saga.yaml", DIAMOND)
        for form, mark in (("dot", "digraph"), ("mermaid", "flowchart"), ("svg", "<svg"), ("text", "level")):
            done = run("visualize", path, "--format", form)
            self.assertEqual(done.returncode, 0, done.stderr)
            self.assertIn(mark, done.stdout)
        json.loads(run("visualize", path, "--json").stdout)
        self.assertEqual(run("visualize", self.write("b.saga.yaml", "steps: 1")).returncode, 1)

    def test_bench_measures_and_records(self):
        for store in ("memory:", f"sqlite:{self.path}/bench.db"):
            done = run("bench", "--sagas", "200", "--in-flight", "20", "--json", "--store", store,
                       "--record", str(self.path / "proof"))
            self.assertEqual(done.returncode, 0, done.stderr)
            found = json.loads(done.stdout)
            self.assertEqual(found["sagas"], 200)
            self.assertGreater(found["sagas_per_second"], 0)
            self.assertGreaterEqual(found["saga_ms_p99"], found["saga_ms_p50"])
        self.assertGreater(found["store_bytes_per_saga"], 100)
        page, = (self.path / "proof").iterdir()
        self.assertEqual(page.read_text().count("## Bench"), 2)
        before = set(self.path.iterdir())
        self.assertEqual(run("bench", "--sagas", "10", TMPDIR=str(self.path)).returncode, 0)
        self.assertEqual(run("bench", "--sagas", "11", "--loops", "3", TMPDIR=str(self.path)).returncode, 0)
        self.assertEqual(set(self.path.iterdir()), before)


if __name__ == "__main__":
    unittest.main(verbosity=2)
