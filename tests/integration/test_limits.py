#!/usr/bin/env python3
"""Limits and back-pressure: each setting has its answer, and what is told to wait goes on later."""
import tempfile
import threading
import unittest

from skald_world import Participant, Server, order_definition

WAITER = """
saga: { id: waiter, name: Waiter, version: "1", description: Waits for a signal }
steps:
  - { id: reserve, name: Reserve, type: http, action: { service: { name: books, endpoint: "%s", path: /reserve } },
      compensation: { type: custom, action: { service: { name: books, path: /unreserve } } } }
  - { id: approval, name: Approval, type: wait, dependencies: [reserve], wait: { signal: approved, timeout: 1h } }
"""


class Case(unittest.TestCase):
    SETTINGS = ()

    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory()
        cls.participant = Participant()
        options = [word for setting in cls.SETTINGS for word in ("--set", setting)]
        cls.server = Server(cls.folder.name, *options)
        for text in (order_definition(cls.participant), WAITER % cls.participant.url):
            reply = cls.server.define(text)
            assert reply.status == 201, reply.body

    @classmethod
    def tearDownClass(cls):
        cls.server.__exit__(None, None, None)
        cls.participant.close()
        cls.folder.cleanup()

    def refused(self, reply, status, *words):
        self.assertEqual(reply.status, status, reply.body)
        for word in words:
            self.assertIn(word, reply.body.decode())
        return reply

    def waiting(self, saga_id):
        """A saga that waits for its signal."""
        self.assertEqual(self.server.start(definition="waiter", id=saga_id).status, 201)
        self.server.when(saga_id, lambda saga: saga["steps"][1]["state"] == "waiting", "it waits")

    def signal(self, saga_id, name, number):
        return self.server.post(f"/api/v1/sagas/{saga_id}/signals",
                                {"name": name, "id": f"{name}-{number}"})


class Sizes(Case):
    SETTINGS = ("limits.input_max=200", "limits.output_max=100", "limits.definition_max=4kB",
                "server.body_max=8kB", "limits.signals_max=3")

    def test_input(self):
        self.refused(self.server.start(definition="order", input="x" * 300), 413, "limits.input_max")
        self.assertEqual(self.server.start(definition="order", id="small", input="x" * 100).status, 201)
        self.server.ended("small")

    def test_body(self):
        self.refused(self.server.start(definition="order", input="x" * 9000), 413)

    def test_definition(self):
        text = order_definition(self.participant, "long") + "# " + "x" * 5000
        self.refused(self.server.define(text), 413, "limits.definition_max")

    def test_output_is_unknown_and_undone(self):
        text = order_definition(self.participant, "quick").replace("timeout: 5s", "timeout: 1s")
        self.assertEqual(self.server.define(text).status, 201)
        self.participant.on("/pay", (200, {"receipt": "x" * 200}))
        self.server.start(definition="quick", id="large", input={"amount": 1})
        saga = self.server.ended("large")
        self.participant.answers.clear()
        self.assertEqual((saga["state"], saga["error"]["code"]), ("compensated", "output_too_large"))
        self.assertIn("/unpay", self.participant.paths())  # it may have happened

    def test_signals(self):
        self.waiting("noisy")
        for number in range(3):
            self.assertLess(self.signal("noisy", "noise", number).status, 300)
        reply = self.refused(self.signal("noisy", "noise", 3), 429, "3 signals of this saga")
        self.assertIn("Retry-After", reply.headers)
        self.assertLess(self.server.command("noisy", "cancel").status, 300)
        self.assertEqual(self.server.ended("noisy")["state"], "cancelled")


class History(Case):
    SETTINGS = ("limits.history_max=100",)

    def test_suspended_with_a_name_and_still_cancelled(self):
        self.waiting("long")
        for number in range(100):
            self.signal("long", "noise", number)
        saga = self.server.when("long", lambda saga: saga["state"] == "suspended", "it is suspended")
        self.assertEqual(saga["suspend_reason"], "history_limit")
        events = self.server.events("long")
        self.assertEqual((events.count("saga.alerted"), events.count("saga.suspended")), (1, 1))
        self.assertEqual(self.server.command("long", "resume").status, 200)
        self.assertEqual(self.server.saga("long")["state"], "running")
        for number in range(100, 200):
            self.signal("long", "noise", number)
        self.server.when("long", lambda saga: saga["state"] == "suspended", "it is suspended again")
        self.assertEqual(self.server.command("long", "cancel").status, 200)
        self.assertEqual(self.server.ended("long")["state"], "cancelled")
        self.assertIn("/unreserve", self.participant.paths())


class Sagas(Case):
    SETTINGS = ("limits.sagas_max=1", "limits.pending_max=1", "timeouts.acquire=0",
                "server.loops=1")  # each loop may run one

    def test_one_runs_one_waits_others_come_later(self):
        goes_on = threading.Event()

        def slow(_):
            goes_on.wait(30)
            return 200, {}
        self.participant.on("/reserve", slow)
        self.server.start(definition="order", id="first")
        self.participant.wait_for("/reserve")
        self.assertEqual(self.server.start(definition="order", id="second").status, 201)
        self.assertEqual(self.server.saga("second")["state"], "pending")
        reply = self.refused(self.server.start(definition="order", id="third"), 503)
        self.assertIn("Retry-After", reply.headers)
        goes_on.set()
        self.assertEqual(self.server.ended("first")["state"], "completed")
        self.assertEqual(self.server.ended("second")["state"], "completed")
        self.assertEqual(self.server.start(definition="order", id="third").status, 201)
        self.assertEqual(self.server.ended("third")["state"], "completed")


del Case

if __name__ == "__main__":
    unittest.main()
