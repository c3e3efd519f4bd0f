#!/usr/bin/env python3
"""What operators look at beside sagas: dead letters, locks, recovery, the cluster, figures; over the
API and by the command line."""
import json
import os
import re
import subprocess
import tempfile
import threading
import unittest

from skald_world import SKALD, Participant, Server, order_definition, until

LETTERS, LOCKS = "/api/v1/dead-letters", "/api/v1/locks"
KEEPER = """
saga: { id: keeper, name: keeper, version: '1', description: holds keys and waits }
steps:
  - { id: approval, name: approval, type: wait, wait: { signal: approved, timeout: 1h } }
"""


class Case(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.participant = Participant()
        self.addCleanup(self.participant.close)
        self.folder = folder.name
        self.server = self.serve()

    def serve(self, *options):
        server = Server(self.folder, *options)
        self.addCleanup(lambda: server.__exit__(None, None, None))
        for text in (order_definition(self.participant), KEEPER):
            self.assertLess(server.define(text).status, 300)
        return server

    def cli(self, *arguments, code=0):
        done = subprocess.run([SKALD, *arguments, "--server", self.server.url], capture_output=True,
                              text=True)
        self.assertEqual(done.returncode, code, done.stderr)
        return done.stdout

    def failed(self, name):
        """A saga whose payment is refused and whose stock cannot be given back."""
        self.participant.on("/pay", (422, {"error": {"code": "no"}}))
        self.participant.on("/unreserve", (422, {"error": {"code": "never"}}))
        self.assertEqual(self.server.start(definition="order", id=name, input={"amount": 1}).status, 201)
        self.assertEqual(self.server.ended(name)["state"], "failed")


class DeadLetters(Case):
    def test_listed_page_by_page(self):
        for n in range(5):
            self.failed(f"f{n}")
        whole = self.server.get(LETTERS).json
        self.assertEqual({one["saga"] for one in whole["items"]}, {f"f{n}" for n in range(5)})
        self.assertIsNone(whole["next"])
        one = whole["items"][0]
        self.assertEqual((one["definition"], one["step"], one["why"]),
                         ("order", "reserve", "compensation_failed"))
        self.assertEqual(self.server.get(f"{LETTERS}/{one['id']}").json, one)
        seen, cursor = [], ""
        while cursor is not None:
            page = self.server.get(f"{LETTERS}?limit=2" + (f"&cursor={cursor}" if cursor else "")).json
            seen += page["items"]
            cursor = page["next"]
        self.assertEqual(seen, whole["items"])

    def test_retried(self):
        self.failed("mend")
        letter = self.server.get(LETTERS).json["items"][0]["id"]
        self.participant.on("/unreserve", (200, {}))
        order = {"by": "ada", "reason": "it is back"}
        reply = self.server.post(f"{LETTERS}/{letter}/retry", order, Idempotency_Key="once")
        self.assertEqual(reply.status, 200, reply.body)
        self.server.when("mend", lambda saga: saga["state"] == "compensated", "it is undone")
        same = self.server.post(f"{LETTERS}/{letter}/retry", order, Idempotency_Key="once")
        self.assertEqual((same.status, same.headers.get("Skald-Replayed")), (200, "true"), same.body)
        self.assertIn("operator.retry", self.server.events("mend"))
        self.assertEqual(self.server.get(LETTERS).json["items"], [])
        again = self.server.post(f"{LETTERS}/{letter}/retry", {"by": "ada", "reason": "again"})
        self.assertEqual(again.status, 404)

    def test_discarded(self):
        self.failed("seen")
        letter = self.server.get(LETTERS).json["items"][0]["id"]
        bare = self.server.ask("DELETE", f"{LETTERS}/{letter}")
        self.assertEqual(bare.status, 400)
        self.assertEqual(self.server.ask("DELETE", f"{LETTERS}/{letter}?by=ada&reason=told+them").status,
                         204)
        self.assertEqual(self.server.get(f"{LETTERS}/{letter}").status, 404)
        self.assertEqual(self.server.saga("seen")["state"], "failed")
        told = self.server.get("/api/v1/events/observations?type=letter.discarded").json["items"]
        self.assertEqual((told[0]["saga"], told[0]["data"]["by"], told[0]["data"]["reason"]),
                         ("seen", "ada", "told them"))
        self.assertEqual(self.server.stop(), 0)
        again = self.serve()
        self.assertEqual(again.get(LETTERS).json["items"], [], "it is gone for good")

    def test_cli(self):
        self.failed("shown")
        text = self.cli("dead-letters")
        self.assertIn("shown", text)
        self.assertIn("compensation_failed", text)
        letter = json.loads(self.cli("dead-letters", "--json"))["items"][0]["id"]
        self.participant.on("/unreserve", (200, {}))
        self.cli("dead-letters", "retry", letter, "--by", "ada", "--reason", "it is back")
        self.server.when("shown", lambda saga: saga["state"] == "compensated", "it is undone")
        self.failed("gone")
        letter = json.loads(self.cli("dead-letters", "--json"))["items"][0]["id"]
        self.cli("dead-letters", "discard", letter, "--by", "ada", "--reason", "seen")
        self.assertEqual(json.loads(self.cli("dead-letters", "--json"))["items"], [])
        self.cli("dead-letters", "burn", letter, code=2)


class Locks(Case):
    def hold(self, name, *keys):
        reply = self.server.start(definition="keeper", id=name, lock_keys=list(keys))
        self.assertEqual(reply.status, 201, reply.body)

    def look(self, query=""):
        return {one["key"]: one for one in self.server.get(LOCKS + query).json["items"]}

    def test_holder_and_waiters_in_order(self):
        self.hold("first", "a", "b")
        until(lambda: len(self.look()) == 2, "both keys are held")
        for n, name in enumerate(("second", "third")):
            self.hold(name, "a")
            until(lambda: self.look()["a"]["waiters_total"] == n + 1, "it waits")
        locks = self.look()
        self.assertEqual([locks[key]["holder"] for key in "ab"], ["first", "first"])
        self.assertEqual([one["saga"] for one in locks["a"]["waiters"]], ["second", "third"])
        self.assertEqual(locks["b"]["waiters"], [])
        self.assertTrue(locks["a"]["since"])
        self.assertEqual(set(self.look("?key=b")), {"b"})
        self.assertEqual(self.look("?key=c"), {})
        self.assertIn("second, third", self.cli("locks"))
        self.assertEqual(json.loads(self.cli("locks", "--json", "--key", "b"))["items"][0]["key"], "b")
        page = self.server.get(f"{LOCKS}?limit=1").json
        rest = self.server.get(f"{LOCKS}?limit=1&cursor={page['next']}").json
        self.assertEqual({one["key"] for one in page["items"] + rest["items"]}, {"a", "b"})
        self.server.post("/api/v1/sagas/first/signals", {"name": "approved"})
        until(lambda: self.look().get("a", {}).get("holder") == "second", "the next one has it")
        self.assertNotIn("b", self.look())

    def test_after_a_restart(self):
        self.hold("holder", "k")
        until(lambda: self.look().get("k", {}).get("holder") == "holder", "the key is held")
        self.server.kill()
        self.server = self.serve()
        self.assertEqual(self.look()["k"]["holder"], "holder")


class Figures(Case):
    def test_recovery(self):
        before = self.server.get("/api/v1/recovery").json
        self.assertEqual(self.server.start(definition="keeper", id="w").status, 201)
        self.server.when("w", lambda saga: saga["steps"][0]["state"] == "waiting", "it waits")
        after = self.server.post("/api/v1/recovery/run").json
        self.assertGreater(after["scanned"], before["scanned"])
        self.assertEqual((after["failed"], after["stuck"]), (0, []))
        self.assertTrue(after["last_run_at"])
        self.assertIn("scanned", self.cli("recovery"))
        self.assertIn("scanned", self.cli("recovery", "run"))
        self.assertIn("stuck", json.loads(self.cli("recovery", "--json")))

    def test_stuck(self):
        self.server.stop()
        self.hang = threading.Event()
        self.participant.on("/reserve", lambda request: (200, {"late": self.hang.wait(30)}))
        self.addCleanup(self.hang.set)
        self.server = self.serve("--set", "recovery.stuck_after=10ms")
        self.server.start(definition="order", id="slow", input={"amount": 1})
        self.participant.wait_for("/reserve")
        until(lambda: self.server.get("/api/v1/recovery").json["stuck_total"] == 1, "it is stuck")
        self.assertEqual(self.server.get("/api/v1/recovery").json["stuck"][0]["saga"], "slow")
        self.hang.set()

    def test_cluster(self):
        cluster = self.server.get("/api/v1/cluster").json
        self.assertEqual(cluster["shards_total"], len(cluster["shards"]))
        self.assertEqual(cluster["loops"], int(os.environ.get("SKALD_SERVER_LOOPS", "1")))
        self.assertEqual([node["is_this"] for node in cluster["nodes"]], [True])
        self.assertEqual(cluster["nodes"][0]["shards_owned"], cluster["shards_total"])
        self.assertEqual({shard["expires_at"] for shard in cluster["shards"]}, {None})
        self.assertTrue(all(shard["owner"] == cluster["node"] and shard["epoch"] >= 1
                            for shard in cluster["shards"]))

    def test_stats(self):
        self.server.start(definition="order", id="good", input={"amount": 1})
        self.server.ended("good")
        self.failed("bad")
        totals = self.server.get("/api/v1/stats").json["totals"]
        self.assertEqual((totals["sagas"], totals["ended"], totals["completed"], totals["failed"]),
                         (2, 2, 1, 1))
        self.assertEqual(totals["failure_rate"], 0.5)
        text = self.cli("stats")
        self.assertIn("completed", text)
        self.assertIn("totals", json.loads(self.cli("stats", "--json")))

    def test_metrics(self):
        self.server.start(definition="order", id="counted", input={"amount": 1})
        self.server.ended("counted")
        answer = self.server.get("/metrics")
        self.assertTrue(answer.headers["Content-Type"].startswith("text/plain; version=0.0.4"))
        types, values = {}, {}
        for line in answer.body.decode().splitlines():
            if line.startswith("# TYPE "):
                types.__setitem__(*line.split()[2:])
            elif not line.startswith("# HELP "):
                name, labels, value = re.fullmatch(r'(skald_\w+)(\{\w+="[^"]*"\})? (\S+)', line).groups()
                values[name + (labels or "")] = float(value)
                self.assertIn(name, types, line)
        self.assertEqual(len(types), len(set(types)))
        self.assertEqual({kind for name, kind in types.items() if name.endswith("_total")}, {"counter"})
        self.assertGreaterEqual(values['skald_sagas{state="completed"}'], 1)
        self.assertGreaterEqual(values["skald_sagas_started_total"], 1)
        self.assertGreaterEqual(values["skald_invocations_total"], 3)
        self.assertEqual(values['skald_circuit_breaker_state{service="books"}'], 0)
        self.assertGreaterEqual(values['skald_service_calls_total{service="books"}'], 3)


if __name__ == "__main__":
    unittest.main()
