#!/usr/bin/env python3
"""Batches: one command for all sagas of a filter, over HTTP and on the command line."""
import functools
import json
import tempfile
import unittest

from skald_world import WAITER, Server, run, until

run_as_ada = functools.partial(run, USER="ada")


class Batches(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.server = Server(self.folder.name)
        self.server.define(WAITER)

    def tearDown(self):
        self.server.__exit__(None, None, None)
        self.folder.cleanup()

    def waiters(self, count, tag):
        for i in range(count):
            reply = self.server.start(definition="waiter", id=f"{tag}{i}", tags=[tag])
            assert reply.status == 201, reply.body

    def batch(self, command, key=None, **body):
        body = {"command": command, "by": "ada", "reason": "a recall", **body}
        return self.server.ask("POST", "/api/v1/sagas/batch", body,
                               {"Idempotency-Key": key} if key else {})

    def finished(self, batch_id):
        found = {}

        def look():
            found.update(self.server.get(f"/api/v1/batches/{batch_id}").json)
            return found["state"] != "running"
        until(look, f"batch {batch_id} has finished")
        return found

    def states(self, tag):
        items = self.server.get(f"/api/v1/sagas?tag={tag}&limit=1000").json["items"]
        return {saga["state"] for saga in items}

    def test_a_batch_from_start_to_end(self):
        self.waiters(40, "a")
        self.waiters(3, "b")
        dry = self.batch("cancel", filter={"tag": ["a"]}, dry_run=True)
        self.assertEqual(dry.status, 200, dry.body)
        self.assertEqual((dry.json["state"], dry.json["matched"], dry.json["id"]),
                         ("dry_run", 40, None))
        self.assertEqual(len(dry.json["sample"]), 20)
        self.assertEqual(self.states("a"), {"running"})

        reply = self.batch("cancel", key="recall-7", filter={"tag": ["a"], "state": "running"})
        self.assertEqual(reply.status, 202, reply.body)
        self.assertEqual(reply.json["id"], "recall-7")
        done = self.finished("recall-7")
        self.assertEqual((done["state"], done["seen"], done["done"], done["failed"]),
                         ("finished", 40, 40, 0))
        self.assertTrue(done["finished_at"])
        self.assertEqual(self.states("a"), {"cancelled"})
        self.assertEqual(self.states("b"), {"running"})
        again = self.batch("cancel", key="recall-7", filter={"tag": ["a"], "state": "running"})
        self.assertEqual((again.status, again.headers["Skald-Replayed"]), (200, "true"))
        other = self.batch("cancel", key="recall-7", filter={"tag": ["b"]})
        self.assertEqual(other.status, 409)
        operator = [e for e in self.server.get("/api/v1/sagas/a0/events").json["items"]
                    if e["type"] == "operator.cancel"]
        self.assertEqual(len(operator), 1)

        refused = self.batch("suspend", filter={"tag": ["a"]}).json["id"]
        done = self.finished(refused)
        self.assertEqual(done["refused"]["wrong_state"], 40)
        self.assertTrue(done["last_error"])
        listed = self.server.get("/api/v1/batches").json["items"]
        self.assertEqual([b["id"] for b in listed], [refused, "recall-7"])

    def test_over_a_restart(self):
        self.waiters(10, "a")
        self.batch("suspend", key="s-1", filter={"tag": ["a"]})
        self.server.kill()
        self.server.__exit__(None, None, None)
        self.server = Server(self.folder.name)
        self.assertEqual(self.finished("s-1")["state"], "finished")
        self.assertEqual(self.states("a"), {"suspended"})
        reply = self.server.post("/api/v1/batches/s-1/cancel")
        self.assertEqual((reply.status, reply.json["state"]), (200, "finished"))

    def test_bad_requests(self):
        for body, words in (({"filter": {}}, "every saga"), ({"filter": {"stat": "x"}}, "state"),
                            ({"filter": {"state": "runing"}}, "running"),
                            ({"filter": "all"}, "object"), ({}, "filter")):
            reply = self.batch("cancel", **body)
            self.assertEqual(reply.status, 400, reply.body)
            self.assertIn(words, json.dumps(reply.json))
        self.assertEqual(self.batch("kill", filter={"state": "running"}).status, 400)
        self.assertEqual(self.batch("cancel", past_pivot=True, filter={"state": "running"}).status, 400)
        self.assertEqual(self.batch("cancel", key="a/b", filter={"state": "running"}).status, 400)
        self.assertEqual(self.server.get("/api/v1/batches/none").status, 404)

    def test_command_line(self):
        self.waiters(5, "a")
        who = ("--reason", "a recall")
        done = run_as_ada("batch", "cancel", "--tag", "a", *who, "--dry-run", server=self.server)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(done.stdout.splitlines()[0], "5 sagas are meant")
        done = run_as_ada("batch", "cancel", "--tag", "a", "--id", "cli-1", *who, server=self.server)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(done.stdout, "batch cli-1 is finished: 5 of 5 told: 5 done, 0 refused, 0 failed\n")
        done = run_as_ada("batch", "delete", "--tag", "a", "--state", "cancelled", *who, "--json",
                   server=self.server)
        self.assertEqual(json.loads(done.stdout)["done"], 5)
        self.assertEqual(self.server.get("/api/v1/sagas").json["items"], [])
        done = run_as_ada("batches", server=self.server)
        self.assertIn("cli-1", done.stdout)
        done = run_as_ada("batches", "--cancel", "cli-1", server=self.server)
        self.assertIn("finished", done.stdout)
        self.assertEqual(run_as_ada("batches", "none", server=self.server).returncode, 1)
        self.assertEqual(run_as_ada("batch", "cancel", "--tag", "a", server=self.server).returncode, 2)
        self.assertEqual(run_as_ada("batch", *who, server=self.server).returncode, 2)


if __name__ == "__main__":
    unittest.main()
