#!/usr/bin/env python3
"""Finished sagas are removed: asked for, and by retention, over a restart."""
import json
import tempfile
import unittest

from skald_world import WAITER, Participant, Server, order_definition, run, until

class Delete(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory()
        cls.participant = Participant()
        cls.server = Server(cls.folder.name)
        assert cls.server.define(order_definition(cls.participant)).status == 201
        assert cls.server.define(WAITER).status == 201

    @classmethod
    def tearDownClass(cls):
        cls.server.__exit__(None, None, None)
        cls.participant.close()
        cls.folder.cleanup()

    def delete(self, saga_id):
        return self.server.ask("DELETE", f"/api/v1/sagas/{saga_id}")

    def test_a_finished_one_is_gone_with_everything(self):
        self.server.start(definition="order", id="d1", input={"amount": 1}, tags=["d"])
        self.server.ended("d1")
        reply = self.delete("d1")
        self.assertEqual((reply.status, reply.body), (204, b""))
        self.assertEqual(self.server.get("/api/v1/sagas/d1").status, 404)
        self.assertEqual(self.server.get("/api/v1/sagas/d1/events").status, 404)
        self.assertEqual(self.server.get("/api/v1/sagas?tag=d").json["items"], [])
        self.assertEqual(self.delete("d1").status, 404)
        again = self.server.start(definition="order", id="d1", input={"amount": 2})
        self.assertEqual(again.status, 201)
        self.server.ended("d1")

    def test_one_that_runs_stays(self):
        self.server.start(definition="waiter", id="d2")
        reply = self.delete("d2")
        self.assertEqual(reply.status, 409)
        self.assertIn("not ended", reply.json["detail"])
        self.assertIn("cancel", reply.json["remedy"])
        self.assertEqual(self.server.saga("d2")["state"], "running")

    def test_the_key_of_its_start_is_free_again(self):
        first = self.server.post("/api/v1/sagas", {"definition": "order", "input": {"amount": 3}},
                                 Idempotency_Key="k-1").json["id"]
        self.server.ended(first)
        self.assertEqual(self.delete(first).status, 204)
        second = self.server.post("/api/v1/sagas", {"definition": "order", "input": {"amount": 4}},
                                  Idempotency_Key="k-1")
        self.assertEqual(second.status, 201)
        self.assertNotEqual(second.json["id"], first)

    def test_command_line(self):
        for saga_id in ("d3", "d4"):
            self.server.start(definition="order", id=saga_id, input={"amount": 1})
            self.server.ended(saga_id)
        done = run("delete", "d3", server=self.server)
        self.assertEqual((done.returncode, done.stdout), (0, "d3 is deleted\n"))
        done = run("delete", "d4", "--json", server=self.server)
        self.assertEqual(json.loads(done.stdout), {"deleted": "d4"})
        self.assertEqual(run("delete", "d3", server=self.server).returncode, 1)
        self.assertEqual(run("delete", server=self.server).returncode, 2)


class Retention(unittest.TestCase):
    OPTIONS = ("--set", "retention.age=1s", "--set", "idempotency.window=1s",
               "--set", "retention.interval=100ms")

    def stored(self, server):
        return {saga["id"] for saga in server.get("/api/v1/sagas").json["items"]}

    def test_by_age_over_a_restart(self):
        with tempfile.TemporaryDirectory() as folder, Participant() as participant:
            with Server(folder) as server:  # keeps everything
                server.define(order_definition(participant))
                server.define(WAITER)
                for i in range(20):
                    server.start(definition="order", id=f"o{i}", input={"amount": i})
                server.start(definition="waiter", id="w")
                for i in range(20):
                    server.ended(f"o{i}")
                server.kill()
            with Server(folder, *self.OPTIONS) as server:
                until(lambda: self.stored(server) == {"w"}, "all but the waiting one are removed")
                stats = server.get("/api/v1/stats").json
                self.assertEqual(stats["by_state"]["completed"], 0)
                self.assertEqual(stats["by_state"]["running"], 1)
                self.assertEqual(stats["engine"]["retention_removed"], 20)
                self.assertTrue(stats["engine"]["retention_at"])
                server.kill()
            with Server(folder) as server:
                self.assertEqual(self.stored(server), {"w"})

    def test_by_number(self):
        with tempfile.TemporaryDirectory() as folder, Participant() as participant:
            with Server(folder, "--set", "retention.max=5", *self.OPTIONS[2:]) as server:
                server.define(order_definition(participant))
                for i in range(12):
                    server.start(definition="order", id=f"o{i:02}", input={"amount": i})
                    server.ended(f"o{i:02}")
                until(lambda: len(self.stored(server)) <= 5, "the oldest are removed")
                self.assertEqual(self.stored(server), {f"o{i:02}" for i in range(7, 12)})


if __name__ == "__main__":
    unittest.main()
