#!/usr/bin/env python3
"""One saga as a file: export, import into another server, replay at any point; damaged files; what
cannot leave its store."""
import base64
import copy
import json
import pathlib
import tempfile
import threading
import unittest

from skald_world import GIVE_UP_S, Participant, Server, order_definition, run

LOCKED = """
saga: { id: locked, name: Locked, version: "1", description: Holds a key, lock_keys: ["account:7"] }
steps:
  - { id: gate, name: Gate, type: wait, wait: { signal: go }, compensation: { type: skip } }
"""
CHILD = """
saga: { id: inner, name: Inner, version: "1", description: A child }
steps:
  - { id: gate, name: Gate, type: wait, wait: { signal: go }, compensation: { type: skip } }
"""
PARENT = """
saga: { id: outer, name: Outer, version: "1", description: A parent }
steps:
  - { id: sub, name: Sub, type: saga, action: { saga: { definition: inner } } }
"""


class Transfer(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory()
        cls.path = pathlib.Path(cls.folder.name)
        for name in ("here", "there"):
            (cls.path / name).mkdir()
        cls.participant = Participant()
        cls.here = Server(cls.path / "here", store="memory:")
        cls.there = Server(cls.path / "there")
        for text in (order_definition(cls.participant, retry="fixed_delay"), LOCKED, CHILD, PARENT):
            answer = cls.here.define(text)
            assert answer.status == 201, answer.body

    @classmethod
    def tearDownClass(cls):
        for server in (cls.here, cls.there):
            server.stop()
            server.process.stdout.close()
            server.log.close()
        cls.participant.close()
        cls.folder.cleanup()

    def setUp(self):
        self.participant.answers.clear()
        self.participant.forget()

    def exported(self, saga_id):
        answer = self.here.get(f"/api/v1/sagas/{saga_id}/export")
        self.assertEqual(answer.status, 200, answer.body)
        return answer.json

    def take_in(self, export, by="mover"):
        return self.there.post(f"/api/v1/sagas/import?by={by}", export)

    def completed(self, saga_id):
        self.here.start(definition="order", id=saga_id, input={"amount": 5}, tags=["moved"],
                        attributes={"region": "eu"}, business_key="customer-7")
        return self.here.ended(saga_id)

    def pending(self, saga_id):
        self.participant.on("/pay", [(202, {}, {"Skald-Pending": "true"}), (200, {"paid": 1})])
        self.here.start(definition="order", id=saga_id, input={"amount": 1})
        return self.here.when(saga_id, lambda saga: saga["steps"][1]["waits_for"] == "answer",
                              "the payment is pending")

    def test_an_ended_saga_is_the_same_there(self):
        before = self.completed("e-1")
        export = self.exported("e-1")
        self.assertEqual((export["skald_export"], export["saga"]["state"]), (2, "completed"))
        answer = self.take_in(export)
        self.assertEqual(answer.status, 201, answer.body)
        self.assertEqual(answer.json, before)
        events = [server.get("/api/v1/sagas/e-1/events").json for server in (self.here, self.there)]
        self.assertEqual(events[0], events[1])
        found = self.there.get("/api/v1/sagas?tag=moved&business_key=customer-7&attribute=region:eu").json
        self.assertEqual([row["id"] for row in found["items"]], ["e-1"])
        again = self.there.get("/api/v1/sagas/e-1/export").json
        self.assertNotEqual(again["sum"], export["sum"])  # another instant
        self.assertEqual({**again, "exported_at": 0, "sum": 0}, {**export, "exported_at": 0, "sum": 0})
        refused = self.take_in(export)
        self.assertEqual(refused.status, 409)
        self.assertIn("is here already", refused.json["detail"])

    def test_one_that_runs_arrives_suspended_and_goes_on_when_resumed(self):
        self.pending("r-1")
        export = self.exported("r-1")
        answer = self.take_in(export)
        self.assertEqual(answer.status, 201, answer.body)
        saga = answer.json
        self.assertEqual((saga["state"], saga["suspended_in"], saga["suspend_reason"]),
                         ("suspended", "running", "imported"))
        last = self.there.get("/api/v1/sagas/r-1/events?limit=1000").json["items"]
        asked = [event["data"] for event in last if event["type"] == "operator.suspend"]
        self.assertEqual([data["by"] for data in asked], ["mover"])
        self.assertEqual(last[:len(export["events"])],
                         self.here.get("/api/v1/sagas/r-1/events").json["items"][:len(export["events"])])
        self.assertEqual(len(self.participant.wait_for("/pay", 1)), 1)
        self.assertIn("suspended (imported)", self.there.get("/api/v1/sagas/r-1/explain").json["sentence"])
        self.there.command("r-1", "resume")
        # the pending answer was given to the other server's token: a person settles it
        self.there.command("r-1", "cancel")
        self.assertEqual(self.there.ended("r-1")["state"], "cancelled")
        self.assertEqual(self.here.saga("r-1")["state"], "running")

    def test_an_attempt_on_the_wire_is_redriven_under_its_key(self):
        held, release = [], threading.Event()

        def slow(request):
            held.append(request)
            if len(held) == 1:
                release.wait(GIVE_UP_S)
            return (200, {})
        self.participant.on("/reserve", slow)
        self.here.start(definition="order", id="w-1", input={"amount": 1})
        self.participant.wait_for("/reserve", 1)
        answer = self.take_in(self.exported("w-1"))
        self.assertEqual(answer.status, 201, answer.body)
        self.assertTrue(answer.json["steps"][0]["maybe"])
        self.assertEqual(len(held), 1)
        self.there.command("w-1", "resume")
        self.assertEqual(self.there.ended("w-1")["state"], "completed")
        keys = [request.headers["Idempotency-Key"] for request in held]
        self.assertEqual(keys[:2], ["w-1/reserve/action"] * 2)
        release.set()
        self.here.ended("w-1")

    def test_damaged_files_are_refused_with_the_place(self):
        self.completed("d-1")
        whole = self.exported("d-1")

        def broken(change):
            export = copy.deepcopy(whole)
            export["skald_export"] = 1  # an older file, without a sum
            del export["sum"]
            change(export)
            return export

        def cut(export):
            data = base64.b64decode(export["events"][2]["data"])
            export["events"][2]["data"] = base64.b64encode(data[:-1]).decode()
        cases = [
            (lambda e: e.pop("skald_export"), "skald_export is missing"),
            (lambda e: e.update(skald_export=3), "format 3"),
            (lambda e: e.update(skald_export=2), "sum: it is missing"),
            (lambda e: e.update(sum=whole["sum"]), "sum: it is not that of the file"),
            (lambda e: e.update(copy.deepcopy(whole), exported_at="x"), "sum: it is not that of the file"),
            (lambda e: e.pop("definition"), "definition: it is missing"),
            (lambda e: e["definition"]["source"]["saga"].update(name="Other"), "definition.digest"),
            (lambda e: e["definition"]["source"].update(steps=[]), "definition.source"),
            (lambda e: e["events"].pop(3), "events[3]"),
            (lambda e: e["events"].pop(), "saga.seq"),
            (lambda e: e["events"][1].update(data="?"), "events[1]: its data is not base64"),
            (lambda e: e["events"][1].update(type="step.dreamt"), "events[1]: its type"),
            (lambda e: e["events"][2].update(step="nowhere"), "events[2]: its step"),
            (lambda e: e["events"][2].update(seq=9), "events[2]"),
            (lambda e: e["events"][4].update(at_ms=1), "events[4]"),
            (cut, "events[2]: its data is damaged"),
            (lambda e: e["saga"].update(id="d-9"), "saga.id"),
            (lambda e: e["saga"].update(state="running"), "saga.state"),
        ]
        for change, place in cases:
            answer = self.take_in(broken(change))
            self.assertEqual(answer.status, 422, (place, answer.body))
            self.assertIn(place, answer.json["detail"])
        self.assertEqual(self.there.get("/api/v1/sagas/d-1").status, 404)
        self.assertEqual(self.there.ask("POST", "/api/v1/sagas/import", b"{").status, 400)
        self.assertEqual(self.there.ask("POST", "/api/v1/sagas/import", b"").status, 400)
        self.assertEqual(self.take_in(dict(sorted(whole.items()))).status, 201)

    def test_what_is_bound_to_others_stays(self):
        self.here.start(definition="locked", id="l-1")
        self.here.start(definition="outer", id="o-1")
        self.here.when("o-1", lambda saga: saga["steps"][0]["waits_for"] == "child", "the child runs")
        self.there.define(CHILD)
        for saga_id, why in (("l-1", "lock keys"), ("o-1", "child sagas"), ("o-1.sub", "its parent")):
            answer = self.take_in(self.exported(saga_id))
            self.assertEqual(answer.status, 409, answer.body)
            self.assertIn(why, answer.json["detail"])
            self.assertEqual(self.there.get(f"/api/v1/sagas/{saga_id}").status, 404)
            self.here.post(f"/api/v1/sagas/{saga_id}/signals", {"name": "go", "id": "g"}) \
                if saga_id != "o-1" else None
        self.here.ended("o-1")
        self.here.ended("l-1")
        for saga_id in ("l-1", "o-1", "o-1.sub"):
            self.assertEqual(self.take_in(self.exported(saga_id)).status, 201)

    def test_the_latest_definition_stays_the_latest(self):
        text = order_definition(self.participant, "kept")
        self.here.define(text)
        self.there.define(text.replace("version: '1'", "version: '2'"))
        self.here.start(definition="kept", id="k-1", input={"amount": 1})
        self.here.ended("k-1")
        self.assertEqual(self.take_in(self.exported("k-1")).status, 201)
        self.assertEqual(self.there.saga("k-1")["version"], "1")
        self.assertEqual(self.there.get("/api/v1/definitions/kept").json["version"], "2")

    def test_command_line_and_replay(self):
        self.participant.on("/pay", [(503, {}), (200, {"paid": True})])
        saga = self.completed("c-1")
        file = self.path / "c-1.json"
        out = run("export", "c-1", "-o", str(file), SKALD_SERVER=self.here.url)
        self.assertEqual((out.returncode, out.stdout), (0, ""), out.stderr)
        self.assertEqual(json.loads(file.read_text())["saga"]["id"], "c-1")
        out = run("import", str(file), "--by", "ada", SKALD_SERVER=self.there.url)
        self.assertEqual((out.returncode, out.stdout), (0, "c-1 is here and completed\n"), out.stderr)
        self.assertEqual(run("import", str(file), SKALD_SERVER=self.there.url).returncode, 1)

        out = run("replay", "--file", str(file), "--json")
        self.assertEqual(out.returncode, 0, out.stderr)
        end = json.loads(out.stdout)
        self.assertEqual(end["saga"], saga)
        self.assertEqual((end["due"], end["explain"]["waits_for"]), ([], "ended"))
        events = self.here.get("/api/v1/sagas/c-1/events").json["items"]
        self.assertEqual(end["event"], events[-1])
        tried = next(event for event in events if event["type"] == "step.started" and event["step"] == "pay")
        there = json.loads(run("replay", "c-1", "--at", str(tried["seq"]), "--json",
                               SKALD_SERVER=self.here.url).stdout)
        self.assertEqual([(due["step"], due["operation"], due["key"], due["body"]) for due in there["due"]],
                         [("pay", "action", "c-1/pay/action", {"order": "c-1", "amount": 5})])
        self.assertEqual(there["saga"]["state"], "running")
        out = run("replay", "--file", str(file), "--at", str(tried["seq"]))
        self.assertIn(f"c-1 after event {tried['seq']} of {len(events)}", out.stdout)
        self.assertIn("Attempt 1 of 3 of step pay is on the wire", out.stdout)
        out = run("replay", "--file", str(file), "--at", "1000")
        self.assertEqual(out.returncode, 2)
        for seq in range(1, len(events) + 1):
            out = run("replay", "--file", str(file), "--at", str(seq), "--json")
            self.assertEqual(out.returncode, 0, out.stderr)
            self.assertTrue(json.loads(out.stdout)["explain"]["sentence"].endswith("."))
        file.write_text(file.read_text().replace('"at_ms":1', '"at_ms":2', 1))
        self.assertEqual(run("replay", "--file", str(file)).returncode, 1)

    def test_an_import_outlives_a_restart(self):
        self.pending("s-1")
        folder = self.path / "restarted"
        folder.mkdir()
        with Server(folder) as server:
            answer = server.post("/api/v1/sagas/import", self.exported("s-1"))
            self.assertEqual(answer.status, 201, answer.body)
            server.kill()
        with Server(folder) as server:
            saga = server.saga("s-1")
            self.assertEqual((saga["state"], saga["suspend_reason"]), ("suspended", "imported"))
            self.assertEqual(saga, answer.json)
            self.assertEqual(server.get("/api/v1/stats").json["by_state"]["suspended"], 1)


if __name__ == "__main__":
    unittest.main()
