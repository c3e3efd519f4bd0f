#!/usr/bin/env python3
"""What a saga waits for and what a cancel would do, over the API and the command line; retries with
another input; what a force-complete leaves."""
import json
import pathlib
import tempfile
import unittest

from skald_world import Participant, Server, order_definition, run

PIVOT = """
saga: {{ id: trip, name: Trip, version: "1", description: A pivot and a step after it, order: sequential }}
services: {{ shop: {{ endpoint: "{url}" }} }}
steps:
  - {{ id: hold, name: Hold, type: service, action: {{ service: {{ name: shop, path: /hold }} }},
      compensation: {{ type: automatic }} }}
  - {{ id: pay, name: Pay, type: service, pivot: true, action: {{ service: {{ name: shop, path: /pay }} }} }}
  - {{ id: ticket, name: Ticket, type: service, compensation: {{ type: skip }},
      retry_policy: {{ type: fixed_delay, max_attempts: 2, initial_delay: 1h }},
      action: {{ service: {{ name: shop, path: /ticket,
                             body: {{ seat: "{{{{ .input.seat }}}}" }} }} }} }}
"""

WAITER = """
saga: { id: waiter, name: Waiter, version: "1", description: Two waits beside each other }
steps:
  - { id: gate, name: Gate, type: wait, wait: { signal: go } }
  - { id: bell, name: Bell, type: wait, wait: { for: 1h } }
"""


class Explain(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory()
        cls.participant = Participant()
        cls.server = Server(pathlib.Path(cls.folder.name), store="memory:")
        for text in (PIVOT.format(url=cls.participant.url), WAITER,
                     order_definition(cls.participant)):
            answer = cls.server.define(text)
            assert answer.status == 201, answer.body

    @classmethod
    def tearDownClass(cls):
        cls.server.stop()
        cls.server.process.stdout.close()
        cls.server.log.close()
        cls.participant.close()
        cls.folder.cleanup()

    def setUp(self):
        self.participant.answers.clear()
        self.participant.forget()

    def explain(self, saga_id):
        answer = self.server.get(f"/api/v1/sagas/{saga_id}/explain")
        self.assertEqual(answer.status, 200, answer.body)
        return answer.json

    def preview(self, saga_id, query=""):
        answer = self.server.get(f"/api/v1/sagas/{saga_id}/cancel/preview{query}")
        self.assertEqual(answer.status, 200, answer.body)
        return answer.json

    def pending_order(self, saga_id):
        """An order whose payment was accepted and will be answered later."""
        self.participant.on("/pay", (202, {}, {"Skald-Pending": "true"}))
        self.server.start(definition="order", id=saga_id, input={"amount": 1})
        self.server.when(saga_id, lambda saga: saga["steps"][1]["waits_for"] == "answer",
                         "the payment is pending")

    def test_waits(self):
        self.server.start(definition="waiter", id="w-1")
        said = self.explain("w-1")
        self.assertEqual(said["sentence"], "Step gate waits for the signal go, without a time limit; "
                                           "beside it 1 thing more is awaited.")
        self.assertEqual([entry["waits_for"] for entry in said["waiting"]], ["signal", "timer"])
        self.assertEqual(said["waiting"][1]["then"], "the step is done")
        out = run("explain", "w-1", SKALD_SERVER=self.server.url)
        self.assertEqual(out.returncode, 0, out.stderr)
        self.assertTrue(out.stdout.startswith(said["sentence"]), out.stdout)
        self.assertIn("bell", out.stdout)
        out = run("explain", "w-1", "--json", SKALD_SERVER=self.server.url)
        self.assertEqual(json.loads(out.stdout)["waiting_total"], 2)
        self.assertEqual(run("explain", "nobody", SKALD_SERVER=self.server.url).returncode, 1)
        self.server.command("w-1", "force-complete")
        said = self.explain("w-1")
        self.assertEqual((said["waits_for"], said["waiting"], said["until"]), ("ended", [], None))

    def test_preview_and_then_the_cancel(self):
        self.pending_order("p-1")
        before = self.server.saga("p-1")["seq"]
        seen = self.preview("p-1")
        self.assertTrue(seen["accepted"])
        self.assertEqual([(row["step"], row["maybe"], row["what"], row["turn"]) for row in seen["undone"]],
                         [("pay", True, "undo", 1), ("reserve", False, "undo", 2)])
        self.assertEqual(seen["ends"], "cancelled")
        out = run("cancel", "p-1", "--preview", SKALD_SERVER=self.server.url)
        self.assertEqual(out.returncode, 0, out.stderr)
        self.assertIn("it would end cancelled", out.stdout)
        self.assertEqual(self.server.saga("p-1")["seq"], before)
        self.participant.forget()
        self.server.command("p-1", "cancel")
        self.assertEqual(self.server.ended("p-1")["state"], seen["ends"])
        self.assertEqual(self.participant.paths(), ["/unpay", "/unreserve"])
        again = self.preview("p-1")
        refusal = self.server.command("p-1", "cancel")
        self.assertEqual((again["accepted"], again["detail"]), (False, refusal.json["detail"]))
        out = run("cancel", "p-1", "--preview", "--json", SKALD_SERVER=self.server.url)
        self.assertEqual((out.returncode, json.loads(out.stdout)["accepted"]), (1, False))
        self.assertEqual(self.server.get("/api/v1/sagas/p-1/cancel/preview?past_pivot=true").status, 400)

    def test_retry_with_another_input(self):
        self.participant.on("/ticket", [(422, {"error": {"code": "no_such_seat"}}), (200, {"no": 7})])
        self.server.start(definition="trip", id="t-1", input={"seat": "99Z"})
        self.server.when("t-1", lambda saga: saga["steps"][2]["waits_for"] == "human", "a human is needed")
        self.assertEqual(self.explain("t-1")["waits_for"], "human")
        self.assertIn("with another input if need be", self.explain("t-1")["sentence"])
        preview = self.preview("t-1")
        self.assertFalse(preview["accepted"])
        self.assertIn("past its pivot", preview["detail"])
        self.assertTrue(self.preview("t-1", "?force=true&past_pivot=true")["accepted"])
        answer = self.server.command("t-1", "retry", step="ticket", input={"seat": "12A"})
        self.assertEqual(answer.status, 200, answer.body)
        self.assertEqual(self.server.ended("t-1")["state"], "completed")
        tries = self.participant.wait_for("/ticket", 2)
        self.assertEqual([request.json for request in tries], [{"seat": "99Z"}, {"seat": "12A"}])
        keys = [request.headers["Idempotency-Key"] for request in tries]
        self.assertEqual(keys[1], keys[0] + "/r2")
        asked = [event for event in self.server.get("/api/v1/sagas/t-1/events").json["items"]
                 if event["type"] == "operator.retry"]
        self.assertEqual([(event["data"]["by"], event["data"]["reason"], event["data"]["input"])
                          for event in asked], [("tester", "because", {"seat": "12A"})])

    def test_a_maybe_step_keeps_its_input(self):
        self.participant.on("/ticket", [(500, {}), (422, {"error": {"code": "no_such_seat"}}), (200, {})])
        self.server.start(definition="trip", id="t-2", input={"seat": "1A"})
        self.server.when("t-2", lambda saga: saga["steps"][2]["maybe"], "the ticket is maybe")
        self.server.command("t-2", "retry", step="ticket")
        self.server.when("t-2", lambda saga: saga["steps"][2]["waits_for"] == "human", "a human is needed")
        answer = self.server.command("t-2", "retry", step="ticket", input={"seat": "2B"})
        self.assertEqual(answer.status, 409)
        self.assertIn("it keeps its key and its input", answer.json["detail"])
        self.assertIn("it keeps its input", self.explain("t-2")["sentence"])
        self.assertEqual(self.server.command("t-2", "retry", step="ticket").status, 200)
        self.server.ended("t-2")
        self.assertEqual({request.headers["Idempotency-Key"] for request in
                          self.participant.wait_for("/ticket", 3)}, {"t-2/ticket/action"})

    def test_what_force_complete_leaves(self):
        self.pending_order("f-1")
        self.server.command("f-1", "force-complete")
        left = {"done": ["reserve"], "maybe": [], "in_flight": ["pay"]}
        self.assertEqual(self.server.saga("f-1")["left"], left)
        last = [event for event in self.server.get("/api/v1/sagas/f-1/events").json["items"]
                if event["type"] == "saga.completed"]
        self.assertEqual(last[0]["data"]["left"], left)
        self.assertEqual(self.explain("f-1")["sentence"], "The saga was completed by force; done: reserve; "
                                                          "still in flight then: pay.")

    def test_every_command_says_who_and_why_and_counts_once(self):
        self.participant.on("/ticket", (503, {}))
        prepared = {"resume": ["suspend"]}
        for number, (command, body) in enumerate((
                ("retry", {"step": "ticket"}), ("skip-step", {"step": "ticket"}), ("suspend", {}),
                ("resume", {}), ("force-cancel", {"past_pivot": True}), ("force-complete", {}),
                ("cancel", {}))):
            saga_id = f"x-{number}"
            if command == "cancel":
                self.participant.on("/pay", (202, {}, {"Skald-Pending": "true"}))
                self.server.start(definition="order", id=saga_id, input={"amount": 1})
                self.server.when(saga_id, lambda saga: saga["steps"][1]["waits_for"] == "answer", "pending")
            else:
                self.server.start(definition="trip", id=saga_id, input={})
                self.server.when(saga_id, lambda saga: saga["steps"][2]["waits_for"] == "backoff", "a pause")
            for earlier in prepared.get(command, []):
                self.server.command(saga_id, earlier)
            seq = self.server.saga(saga_id)["seq"]
            path = f"/api/v1/sagas/{saga_id}/{command}"
            for lacking in ({**body, "reason": "r"}, {**body, "by": "b"}):
                self.assertEqual(self.server.post(path, lacking).status, 400, command)
            self.assertEqual(self.server.saga(saga_id)["seq"], seq)
            first = self.server.command(saga_id, command, key=f"key-{number}", **body)
            self.assertIn(first.status, (200, 202), (command, first.body))
            self.assertNotIn("Skald-Replayed", first.headers)
            again = self.server.command(saga_id, command, key=f"key-{number}", **body)
            self.assertEqual((again.status, again.headers.get("Skald-Replayed")), (first.status, "true"),
                             (command, again.body))
            told = [event["data"] for event in
                    self.server.get(f"/api/v1/sagas/{saga_id}/events?limit=1000").json["items"]
                    if event["type"] == "operator." + command.replace("-", "_")]
            self.assertEqual([(data["by"], data["reason"], data["command_id"]) for data in told],
                             [("tester", "because", f"key-{number}")], command)


if __name__ == "__main__":
    unittest.main()
