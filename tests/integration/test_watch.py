#!/usr/bin/env python3
"""skald watch: one saga to its end, all sagas as they happen, over a restart of the server."""
import json
import os
import pathlib
import subprocess
import tempfile
import unittest

from skald_world import GIVE_UP_S, SKALD, Server

WAITER = """
saga: { id: waiter, name: Waiter, version: "1", description: Waits }
steps:
  - { id: gate, name: Gate, type: wait, wait: { signal: go }, compensation: { type: skip } }
"""


class Watch(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.path = pathlib.Path(folder.name)
        self.server = Server(folder.name)
        self.addCleanup(lambda: self.server.__exit__(None, None, None))
        self.server.define(WAITER)

    def run_watch(self, *arguments):
        return subprocess.run([SKALD, "watch", *arguments, "--server", self.server.url], text=True,
                              capture_output=True, timeout=GIVE_UP_S, check=False)

    def begin(self, *arguments):
        process = subprocess.Popen([SKALD, "watch", *arguments, "--server", self.server.url],
                                   text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                   env=dict(os.environ, LANG="C.UTF-8"))
        self.addCleanup(process.wait)
        self.addCleanup(process.stdout.close)
        self.addCleanup(process.stderr.close)
        self.addCleanup(process.kill)
        return process

    def go(self, saga):
        self.server.post(f"/api/v1/sagas/{saga}/signals", {"name": "go", "id": f"{saga}-go"})

    def test_lines_of_one_saga_until_it_has_completed(self):
        self.server.start(definition="waiter", id="w1", input={})
        watch = self.begin("w1")
        self.assertIn("saga.accepted", watch.stdout.readline())
        self.go("w1")
        rest = watch.stdout.read()
        self.assertIn("saga.completed", rest)
        self.assertEqual(watch.wait(GIVE_UP_S), 0)

    def test_json_lines_of_one_saga(self):
        self.server.start(definition="waiter", id="w1", input={})
        watch = self.begin("w1", "--json")
        first = json.loads(watch.stdout.readline())
        self.assertEqual((first["saga"], first["type"], first["seq"]), ("w1", "saga.accepted", 1))
        self.go("w1")
        events = [first] + [json.loads(line) for line in watch.stdout.read().splitlines()]
        self.assertEqual(watch.wait(GIVE_UP_S), 0)
        self.assertEqual([event["seq"] for event in events], list(range(1, len(events) + 1)))
        self.assertEqual(events[-1]["type"], "saga.completed")
        # a saga that has ended is told from its start
        again = self.run_watch("w1", "--json")
        self.assertEqual(len(again.stdout.splitlines()), len(events))

    def test_a_saga_that_is_undone_is_1(self):
        self.server.start(definition="waiter", id="w1", input={})
        self.server.command("w1", "cancel", by="ann", reason="test")
        self.server.ended("w1")
        for arguments in [("w1",), ("w1", "--json")]:
            done = self.run_watch(*arguments)
            self.assertEqual(done.returncode, 1)
            self.assertIn("saga.cancelled", done.stdout)

    def test_a_time_limit_ends_the_watching_not_the_saga(self):
        self.server.start(definition="waiter", id="w1", input={})
        for arguments in [("w1",), ("w1", "--json")]:
            self.assertEqual(self.run_watch(*arguments, "--timeout", "300ms").returncode, 1)
        self.assertEqual(self.server.saga("w1")["state"], "running")

    def test_all_sagas_with_filters(self):
        for saga in ("w1", "w2"):
            self.server.start(definition="waiter", id=saga, input={})
            self.go(saga)
            self.server.ended(saga)
        done = self.run_watch("--from-start", "--type", "saga.completed", "--limit", "2", "--json")
        self.assertEqual(done.returncode, 0)
        events = [json.loads(line) for line in done.stdout.splitlines()]
        self.assertEqual({(event["saga"], event["type"]) for event in events},
                         {("w1", "saga.completed"), ("w2", "saga.completed")})
        text = self.run_watch("--from-start", "--definition", "waiter", "--limit", "1")
        self.assertRegex(text.stdout, r"^\d{4}-\S+Z  w[12]  saga\.accepted")

    def test_a_restart_of_the_server_loses_nothing(self):
        self.server.start(definition="waiter", id="w1", input={})
        watch = self.begin("w1", "--json")
        self.assertEqual(json.loads(watch.stdout.readline())["seq"], 1)
        port = self.server.url.rsplit(":", 1)[1]
        self.server.kill()
        self.server.__exit__(None, None, None)
        self.server = Server(str(self.path), "--listen", f"127.0.0.1:{port}")
        self.go("w1")
        seqs = [1] + [json.loads(line)["seq"] for line in watch.stdout.read().splitlines()]
        self.assertEqual(watch.wait(GIVE_UP_S), 0)
        self.assertEqual(seqs, list(range(1, len(seqs) + 1)))

    def test_wrong_use(self):
        self.assertEqual(self.run_watch("none").returncode, 1)
        done = self.run_watch("none", "--json")
        self.assertEqual(done.returncode, 1)
        self.assertIn("/problems/not-found", done.stderr)
        self.assertEqual(self.run_watch("w1", "w2").returncode, 2)
        self.assertEqual(self.run_watch("w1", "--from-start").returncode, 2)


if __name__ == "__main__":
    unittest.main()
