#!/usr/bin/env python3
"""Values named `sensitive`: never shown, always sent to the participant, and kept by an edit."""
import json
import subprocess
import tempfile
import unittest

from sse import Stream
from skald_world import GIVE_UP_S, SKALD, Participant, Server

CARD = "4111-1111"

DEFINITION = """
saga: { id: order, name: Order, version: "1", description: Two steps, recovery: forward }
steps:
  - id: pay
    name: Pay
    type: http
    action:
      service:
        name: bank
        endpoint: "%s"
        path: /pay
        headers: { X-Card: "{{ .input.card.number }}" }
        query: { card_number: "{{ .input.card.number }}" }
        body: { card: "{{ .input.card }}", amount: "{{ .input.amount }}" }
"""


class Sensitive(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.participant = Participant()
        self.addCleanup(self.participant.close)
        self.server = Server(folder.name, "--set", "sensitive=card.number, X-Card, card_number, token")
        self.addCleanup(self.server.__exit__, None, None, None)
        self.assertEqual(self.server.define(DEFINITION % self.participant.url).status, 201)

    def cli(self, *arguments):
        return subprocess.run([SKALD, *arguments, "--server", self.server.url], capture_output=True,
                              text=True, timeout=GIVE_UP_S, check=False).stdout

    def test_shown_nowhere_sent_whole_and_kept_by_an_edit(self):
        path = f"/pay?card_number={CARD}"
        self.participant.on(path, [(400, {"error": {"code": "too_much", "message": "no"}}),
                                   (200, {"receipt": 7, "token": CARD})])
        self.server.start(definition="order", id="o-1", context={"token": CARD},
                          input={"amount": 2000, "card": {"number": CARD, "name": "Ada"}})
        self.server.when("o-1", lambda saga: saga["steps"][0]["state"] == "waiting", "it waits")
        started = next(event for event in self.server.get("/api/v1/sagas/o-1/events").json["items"]
                       if event["type"] == "step.started")
        body = started["data"]["body"]
        self.assertEqual(body, {"card": {"number": "***", "name": "Ada"}, "amount": 2000})
        self.assertIn("card_number=***", started["data"]["request"])
        self.assertIn("X-Card: ***", started["data"]["request"])
        body["amount"] = 20
        self.assertEqual(self.server.command("o-1", "retry", step="pay", input=body).status, 200)
        self.assertEqual(self.server.ended("o-1")["state"], "completed")
        sent = [json.loads(request.body) for request in self.participant.requests]
        self.assertEqual(sent, [{"card": {"number": CARD, "name": "Ada"}, "amount": amount}
                                for amount in (2000, 20)])
        self.assertEqual(self.participant.requests[0].headers["X-Card"], CARD)
        for shown in (self.server.get("/api/v1/sagas/o-1").body.decode(),
                      self.server.get("/api/v1/sagas/o-1/steps").body.decode(),
                      self.server.get("/api/v1/sagas/o-1/events?limit=1000").body.decode(),
                      self.server.get("/api/v1/sagas?limit=10").body.decode(),
                      self.server.get("/api/v1/events?limit=1000").body.decode(),
                      self.server.get("/api/v1/sagas/o-1/explain").body.decode(),
                      self.cli("explain", "o-1"), self.cli("replay", "o-1"),
                      self.cli("replay", "o-1", "--json"),
                      self.cli("show", "o-1"), self.cli("show", "o-1", "--json"),
                      self.cli("events", "o-1"), self.cli("events", "o-1", "--json"),
                      self.server.log_text()):
            self.assertTrue(shown)
            self.assertNotIn(CARD, shown)
        with Stream(self.server, "/api/v1/sagas/o-1/events", last_id=0) as stream:
            event = None
            while event is None or event.json["type"] != "saga.completed":
                event = stream.next()
                self.assertNotIn(CARD, event.data)
        self.assertEqual(event.json["data"]["output"], {"pay": {"receipt": 7, "token": "***"}})
        saga = self.server.saga("o-1")
        self.assertEqual(saga["input"]["card"], {"number": "***", "name": "Ada"})
        self.assertEqual(saga["context"], {"token": "***"})
        self.assertEqual(saga["steps"][0]["output"], {"receipt": 7, "token": "***"})


if __name__ == "__main__":
    unittest.main()
