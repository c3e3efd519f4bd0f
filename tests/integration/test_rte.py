#!/usr/bin/env python3
"""compat.rte: the admin API of the RTE engine, as its scripts and console use it."""
import tempfile
import unittest

from skald_world import Participant, Server, order_definition

TX = "/api/transactions"
KEEPER = """
saga: { id: keeper, name: keeper, version: '1', description: holds a key and waits }
steps:
  - { id: approval, name: approval, type: wait, wait: { signal: approved, timeout: 1h } }
"""


class Rte(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.participant = Participant()
        self.addCleanup(self.participant.close)
        self.server = Server(folder.name, "--set", "compat.rte=true")
        self.addCleanup(lambda: self.server.__exit__(None, None, None))
        for text in (order_definition(self.participant), KEEPER):
            self.assertEqual(self.server.define(text).status, 201)

    def start(self, **body):
        self.assertEqual(self.server.start(**body).status, 201)

    def get(self, path):
        reply = self.server.get(path)
        self.assertEqual(reply.status, 200, reply.body)
        return reply.json

    def test_list_by_status_and_page(self):
        for n in range(3):
            self.start(definition="order", id=f"good-{n}", input={"amount": n})
            self.server.ended(f"good-{n}")
        self.participant.on("/pay", (422, {"error": {"code": "declined"}}))
        self.start(definition="order", id="undone", input={"amount": 9})
        self.server.ended("undone")
        self.participant.on("/unreserve", (422, {"error": {"code": "never"}}))
        self.start(definition="order", id="broken", input={"amount": 9})
        self.server.ended("broken")
        self.start(definition="keeper", id="open", lock_keys=["account:1"])
        self.server.when("open", lambda saga: saga["steps"][0]["state"] == "waiting", "it waits")

        def statuses(query):
            return {tx["tx_id"]: tx["status"] for tx in self.get(TX + query)["transactions"]}
        self.assertEqual(statuses(""), {
            "good-0": "COMPLETED", "good-1": "COMPLETED", "good-2": "COMPLETED",
            "undone": "COMPENSATED", "broken": "COMPENSATION_FAILED", "open": "EXECUTING"})
        self.assertEqual(set(statuses("?status=COMPENSATION_FAILED")), {"broken"})
        self.assertEqual(set(statuses("?status=COMPENSATED,EXECUTING")), {"undone", "open"})
        self.assertEqual(set(statuses("?tx_type=keeper")), {"open"})
        first = self.get(f"{TX}?status=COMPLETED&page=1&page_size=2")
        rest = self.get(f"{TX}?status=COMPLETED&page=2&page_size=2")
        self.assertEqual((first["total"], first["page"], first["page_size"]), (3, 1, 2))
        self.assertEqual([len(first["transactions"]), len(rest["transactions"])], [2, 1])
        self.assertEqual(self.server.get(f"{TX}?status=NONSENSE").status, 400)

    def test_detail(self):
        self.start(definition="order", id="tx", input={"amount": 5}, lock_keys=["account:1"])
        self.server.ended("tx")
        detail = self.get(f"{TX}/tx")
        tx = detail["transaction"]
        self.assertEqual((tx["tx_type"], tx["status"], tx["total_steps"], tx["current_step"]),
                         ("order", "COMPLETED", 3, 3))
        self.assertEqual((tx["input"], tx["lock_keys"]), ({"amount": 5}, ["account:1"]))
        self.assertEqual([(s["step_index"], s["step_name"], s["status"]) for s in detail["steps"]],
                         [(0, "reserve", "COMPLETED"), (1, "pay", "COMPLETED"),
                          (2, "ship", "COMPLETED")])

    def test_orders(self):
        for name, end in (("force-complete", "COMPLETED"), ("force-cancel", "CANCELLED")):
            self.start(definition="keeper", id=name)
            reply = self.server.post(f"{TX}/{name}/{name}", {"reason": "manual intervention"})
            self.assertEqual(reply.status, 200, reply.body)
            self.server.ended(name)
            self.assertEqual(self.get(f"{TX}/{name}")["transaction"]["status"], end)
        self.participant.on("/pay", (422, {"error": {"code": "no"}}))
        self.participant.on("/unreserve", (422, {"error": {"code": "never"}}))
        self.start(definition="order", id="again", input={"amount": 1})
        self.server.ended("again")
        self.participant.on("/unreserve", (200, {}))
        self.assertEqual(self.server.post(f"{TX}/again/retry").status, 200)
        self.server.when("again", lambda saga: saga["state"] == "compensated", "it is undone")
        self.assertEqual(self.server.post(f"{TX}/again/retry").status, 409)
        self.assertEqual(self.server.post(f"{TX}/nowhere/retry").status, 404)

    def test_figures_and_breakers(self):
        self.start(definition="order", id="one", input={"amount": 1})
        self.server.ended("one")
        self.start(definition="keeper", id="two")
        stats = self.get("/api/stats")
        self.assertEqual((stats["total_transactions"], stats["completed_transactions"],
                          stats["pending_transactions"], stats["failed_transactions"]), (2, 1, 1, 0))
        self.assertIn("scanned_count", self.get("/api/recovery/stats"))
        breakers = self.get("/api/circuit-breakers")["circuit_breakers"]
        self.assertEqual([(b["service"], b["state"]) for b in breakers], [("books", "CLOSED")])
        reply = self.server.post("/api/circuit-breakers/books/reset", {})
        self.assertEqual((reply.status, reply.json["state"]), (200, "CLOSED"))
        self.assertEqual(self.server.post("/api/circuit-breakers/nobody/reset").status, 404)

    def test_events(self):
        self.participant.on("/pay", (422, {"error": {"code": "declined", "message": "too dear"}}))
        self.start(definition="order", id="e", input={"amount": 1})
        self.server.ended("e")
        events = self.get("/api/events?tx_id=e")["events"][::-1]
        self.assertEqual([e["type"] for e in events],
                         ["tx.created", "step.started", "step.completed", "step.started", "step.failed",
                          "tx.failed"])
        failed = [e for e in events if e["type"] == "step.failed"][0]
        self.assertEqual((failed["tx_type"], failed["step_name"], failed["error"]),
                         ("order", "pay", "too dear"))
        self.assertEqual(len(self.get("/api/events?limit=2")["events"]), 2)
        self.assertEqual({e["type"] for e in self.get("/api/events?type=tx.created")["events"]},
                         {"tx.created"})


if __name__ == "__main__":
    unittest.main()
