#!/usr/bin/env python3
"""Schedules: definitions that start by the clock, over HTTP, a restart, and the command line."""
import datetime
import functools
import json
import tempfile
import unittest

from skald_world import Server, run, until

ECHO = """
saga:
  id: echo
  name: echo
  version: '1'
  description: ends at once
  output: { day: "{{ .input.day }}" }
steps:
  - { id: pause, name: pause, type: wait, wait: { for: 1ms } }
"""


run_as_ada = functools.partial(run, USER="ada")


def soon(seconds):
    at = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(seconds=seconds)
    return at.isoformat(timespec="milliseconds").replace("+00:00", "Z")


class Schedules(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.server = Server(self.folder.name)
        assert self.server.define(ECHO).status == 201

    def tearDown(self):
        self.server.__exit__(None, None, None)
        self.folder.cleanup()

    def get(self, name):
        return self.server.get(f"/api/v1/schedules/{name}").json

    def sagas(self):
        return self.server.get("/api/v1/sagas").json["items"]

    def test_once_and_what_was_missed(self):
        at = soon(0.3)
        reply = self.server.post("/api/v1/schedules", {
            "id": "once", "at": at, "definition": "echo", "input": {"day": "{{ .timestamp }}"},
            "tags": ["clock"]})
        self.assertEqual(reply.status, 201, reply.body)
        self.assertEqual(reply.json["next"], [at])
        until(lambda: self.get("once")["state"] == "done", "its instant has come")
        saga = self.server.ended(self.get("once")["last_saga"])
        self.assertEqual((saga["state"], saga["output"], saga["tags"]),
                         ("completed", {"day": at}, ["clock"]))
        self.server.post("/api/v1/schedules", {"id": "missed", "at": soon(1.5), "definition": "echo",
                                               "input": {"day": "x"}})
        self.server.kill()
        self.server.__exit__(None, None, None)
        self.server = Server(self.folder.name)
        until(lambda: self.get("missed")["state"] == "done", "what was missed is made up")
        self.assertEqual(len(self.sagas()), 2)
        self.assertEqual(self.get("once")["runs"], 1)

    def test_life(self):
        body = {"id": "nightly", "cron": "30 4 * * mon-fri", "definition": "echo",
                "input": {"day": "{{ .timestamp }}"}, "overlap": "queue", "catch_up": "2h"}
        first = self.server.post("/api/v1/schedules", body)
        self.assertEqual(first.status, 201, first.body)
        self.assertEqual(len(first.json["next"]), 5)
        for text in first.json["next"]:
            at = datetime.datetime.fromisoformat(text.replace("Z", "+00:00"))
            self.assertEqual((at.hour, at.minute), (4, 30))
            self.assertLess(at.weekday(), 5)
        again = self.server.post("/api/v1/schedules", body)
        self.assertEqual((again.status, again.headers["Skald-Replayed"]), (200, "true"))
        self.assertEqual(self.server.post("/api/v1/schedules", {**body, "overlap": "skip"}).status, 409)
        paused = self.server.post("/api/v1/schedules/nightly/pause").json
        self.assertEqual((paused["state"], paused["next"]), ("paused", []))
        self.assertEqual(self.server.post("/api/v1/schedules/nightly/resume").json["state"], "active")
        started = self.server.post("/api/v1/schedules/nightly/trigger").json
        self.assertEqual(started["runs"], 1)
        self.assertEqual(self.server.ended(started["last_saga"])["state"], "completed")
        self.server.kill()
        self.server.__exit__(None, None, None)
        self.server = Server(self.folder.name)
        kept = self.get("nightly")
        self.assertEqual((kept["runs"], kept["overlap"], kept["catch_up"]), (1, "queue", "2h"))
        self.assertEqual(self.server.ask("DELETE", "/api/v1/schedules/nightly").status, 204)
        self.assertEqual(self.server.get("/api/v1/schedules/nightly").status, 404)
        self.assertEqual(self.server.get("/api/v1/schedules").json, {"items": [], "next": None})

    def test_bad_requests(self):
        good = {"id": "x", "cron": "@daily", "definition": "echo"}
        for change, word in (({"cron": "61 * * * *"}, "minute"), ({"cron": None}, "either"),
                             ({"at": soon(9)}, "either"), ({"overlap": "maybe"}, "overlap"),
                             ({"cron": "0 0 30 2 *"}, "never"), ({"definition": None}, "definition"),
                             ({"input": {"a": "{{ .nope }}"}}, "input"), ({"id": "a b"}, "id")):
            body = {k: v for k, v in {**good, **change}.items() if v is not None}
            reply = self.server.post("/api/v1/schedules", body)
            self.assertEqual(reply.status, 400, (change, reply.body))
            self.assertIn(word, json.dumps(reply.json))
        self.assertEqual(self.server.post("/api/v1/schedules/none/pause").status, 404)
        self.server.post("/api/v1/schedules", {**good, "definition": "nowhere"})
        self.assertEqual(self.server.post("/api/v1/schedules/x/trigger").status, 409)

    def test_command_line(self):
        def cli(*arguments, code=0):
            done = run_as_ada("schedule", *arguments, server=self.server)
            self.assertEqual(done.returncode, code, done.stderr)
            return done.stdout
        cli("create", "n1", "--cron", "@hourly", "--definition", "echo", "--input", '{"day": 1}')
        made = json.loads(cli("create", "n2", "--cron", "0 4 * * *", "-d", "echo", "--overlap", "allow",
                              "--json"))
        self.assertEqual((made["by"], made["overlap"]), ("ada", "allow"))
        self.assertEqual([line.split()[0] for line in cli("list").splitlines()], ["ID", "n1", "n2"])
        self.assertIn("paused", cli("pause", "n1"))
        self.assertIn("active", cli("resume", "n1"))
        self.assertEqual(json.loads(cli("trigger", "n1", "--json"))["runs"], 1)
        self.assertIn("@hourly", cli("show", "n1"))
        self.assertEqual(cli("delete", "n1"), "n1 is deleted\n")
        cli("show", "n1", code=1)
        cli("create", "n3", "--cron", "x", "-d", "echo", code=2)
        cli("create", code=2)
        cli("sleep", "n2", code=2)


if __name__ == "__main__":
    unittest.main()
