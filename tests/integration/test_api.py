#!/usr/bin/env python3
"""The HTTP API against the real server: definitions, sagas, history, commands, signals, tokens."""
import http.client
import json
import tempfile
import threading
import unittest

from skald_world import WAITER, Participant, Server, order_definition

SAGA_MEMBERS = {
    "id", "definition", "version", "state", "reason", "residue", "open", "input", "output", "error",
    "steps_total", "steps_completed", "steps_failed", "retries", "created_at", "started_at",
    "updated_at", "ended_at", "deadline", "parent", "steps"}
STEP_MEMBERS = {"id", "name", "index", "state", "maybe", "attempts"}
EVENT_MEMBERS = {"seq", "at", "type", "step", "item", "attempt", "round", "data"}

class Case(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory()
        cls.participant = Participant()
        cls.server = Server(cls.folder.name)
        reply = cls.server.define(order_definition(cls.participant))
        assert reply.status == 201, reply.body

    @classmethod
    def tearDownClass(cls):
        code = cls.server.stop()
        text = cls.server.log_text()
        cls.server.__exit__(None, None, None)
        cls.participant.close()
        cls.folder.cleanup()
        assert code == 0, f"exit code {code}\n{text}"

    def setUp(self):
        self.participant.answers.clear()
        self.participant.forget()

    def assert_problem(self, reply, status, *words):
        self.assertEqual(reply.status, status, reply.body)
        self.assertEqual(reply.headers["Content-Type"], "application/problem+json")
        problem = reply.json
        self.assertEqual(problem["status"], status)
        for member in ("type", "title", "detail", "remedy"):
            self.assertTrue(problem[member], member)
        for word in words:
            self.assertIn(word, json.dumps(problem))


class Definitions(Case):
    def test_same_again_and_another_version(self):
        text = order_definition(self.participant, "again")
        first = self.server.define(text)
        self.assertEqual(first.status, 201, first.body)
        self.assertTrue(first.json["is_new"])
        self.assertEqual((first.json["id"], first.json["version"]), ("again", "1"))
        self.assertEqual(first.headers["Location"], "/api/v1/definitions/again")
        second = self.server.define(text)
        self.assertEqual(second.status, 200, second.body)
        self.assertEqual(second.json["digest"], first.json["digest"])
        changed = self.server.define(text.replace("three steps", "3 steps"))
        self.assert_problem(changed, 409)
        other = self.server.define(text.replace("version: '1'", "version: '2'"))
        self.assertEqual(other.status, 201, other.body)
        versions = [(d["id"], d["version"]) for d in self.server.get("/api/v1/definitions").json["items"]]
        self.assertIn(("again", "1"), versions)
        self.assertIn(("again", "2"), versions)
        latest = self.server.get("/api/v1/definitions/again").json
        self.assertEqual(latest["version"], "2")
        old = self.server.get("/api/v1/definitions/again?version=1").json
        self.assertEqual(old["digest"], first.json["digest"])
        self.assertEqual(old["source"]["saga"]["id"], "again")

    def test_every_mistake_at_once(self):
        reply = self.server.define(
            "saga: { id: bad, name: bad }\nsteps:\n  - { id: a, name: a, type: htpp }\n"
            "  - { id: a, name: b, type: http, dependencies: [nowhere] }\n", "bad.yaml")
        self.assert_problem(reply, 422)
        diagnostics = reply.json["diagnostics"]
        self.assertGreaterEqual(len([d for d in diagnostics if d["severity"] == "error"]), 2)
        self.assertTrue(all(d["file"] == "bad.yaml" and d["line"] > 0 for d in diagnostics))
        self.assertIn("mistakes; the first: bad.yaml:", reply.json["detail"])

    def test_not_yaml(self):
        self.assert_problem(self.server.define("{{{"), 422)
        self.assert_problem(self.server.define("a: [" + "[" * 5000), 422)
        self.assert_problem(self.server.ask("POST", "/api/v1/definitions", b""), 400, "body")
        self.assert_problem(
            self.server.ask("POST", "/api/v1/definitions", b"saga:", kind="text/plain"), 415,
            "application/yaml")

    def test_unknown(self):
        self.assert_problem(self.server.get("/api/v1/definitions/nope"), 404)
        self.assert_problem(self.server.get("/api/v1/definitions/no%20pe"), 400)

    def test_no_environment_of_the_server(self):
        text = order_definition(self.participant, "secretive").replace("three steps", "${HOME}")
        self.assert_problem(self.server.define(text), 422, "HOME")


class Sagas(Case):
    def test_completes(self):
        reply = self.server.start(definition="order", id="ok-1", input={"amount": 12})
        self.assertEqual(reply.status, 201, reply.body)
        self.assertEqual(reply.headers["Location"], "/api/v1/sagas/ok-1")
        saga = self.server.ended("ok-1")
        self.assertEqual(saga["state"], "completed")
        self.assertLessEqual(SAGA_MEMBERS, set(saga))
        self.assertEqual((saga["definition"], saga["version"]), ("order", "1"))
        self.assertEqual((saga["steps_total"], saga["steps_completed"]), (3, 3))
        self.assertEqual(saga["input"], {"amount": 12})
        self.assertEqual([step["state"] for step in saga["steps"]], ["completed"] * 3)
        for index, step in enumerate(saga["steps"]):
            self.assertLessEqual(STEP_MEMBERS, set(step))
            self.assertEqual((step["index"], step["attempts"], step["maybe"]), (index, 1, False))
        self.assertEqual(saga["output"]["pay"], {"path": "/pay"})
        self.assertEqual(self.participant.paths(), ["/reserve", "/pay", "/ship"])
        request = self.participant.requests[1]
        self.assertEqual(request.headers["Idempotency-Key"], "ok-1/pay/action")
        self.assertEqual(request.headers["Skald-Saga-Id"], "ok-1")
        self.assertEqual(request.json, {"order": "ok-1", "amount": 12})

    def test_is_undone(self):
        self.participant.on("/ship", (422, {"error": {"code": "no_truck", "message": "none left"}}))
        self.server.start(definition="order", id="undone-1", input={"amount": 1})
        saga = self.server.ended("undone-1")
        self.assertEqual((saga["state"], saga["reason"]), ("compensated", "step"))
        self.assertEqual(saga["error"], {"step": "ship", "code": "no_truck", "message": "none left"})
        self.assertEqual(saga["residue"], [])
        self.assertEqual(self.participant.paths(), ["/reserve", "/pay", "/ship", "/unpay", "/unreserve"])
        steps = {step["id"]: step for step in saga["steps"]}
        self.assertEqual(steps["pay"]["compensation"]["state"], "done")
        self.assertEqual(steps["ship"]["state"], "failed")

    def test_same_id(self):
        body = {"definition": "order", "id": "same-1", "input": {"amount": 1}}
        self.assertEqual(self.server.post("/api/v1/sagas", body).status, 201)
        self.server.ended("same-1")
        again = self.server.post("/api/v1/sagas", {**body, "input": {"amount": 1}})
        self.assertEqual(again.status, 200, again.body)
        self.assertEqual(again.headers["Skald-Replayed"], "true")
        self.assertEqual(again.json["state"], "completed")
        other = self.server.post("/api/v1/sagas", {**body, "input": {"amount": 2}})
        self.assert_problem(other, 409)
        self.assertEqual(self.participant.paths().count("/pay"), 1)

    def test_same_key(self):
        body = {"definition": "order", "input": {"amount": 1}}
        first = self.server.post("/api/v1/sagas", body, Idempotency_Key="key 1")
        self.assertEqual(first.status, 201, first.body)
        again = self.server.post("/api/v1/sagas", body, Idempotency_Key="key 1")
        self.assertEqual((again.status, again.json["id"]), (200, first.json["id"]))
        other = self.server.post("/api/v1/sagas", {**body, "priority": 1}, Idempotency_Key="key 1")
        self.assert_problem(other, 409)
        third = self.server.post("/api/v1/sagas", body)
        self.assertNotEqual(third.json["id"], first.json["id"])

    def test_same_key_at_the_same_time(self):
        body = {"definition": "order", "input": {"amount": 1}}
        replies = []
        threads = [threading.Thread(target=lambda: replies.append(
            self.server.post("/api/v1/sagas", body, Idempotency_Key="rush"))) for _ in range(12)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(len({reply.json["id"] for reply in replies}), 1)
        self.assertEqual(sorted(reply.status for reply in replies), [200] * 11 + [201])

    def test_list_by_filters(self):
        for i in range(7):
            reply = self.server.start(definition="order", id=f"list-{i}", input={"amount": i},
                                      business_key="ACME", tags=["blue", f"n{i}"],
                                      attributes={"region": "eu"}, namespace="shop")
            self.assertEqual(reply.status, 201, reply.body)
        for i in range(7):
            self.server.ended(f"list-{i}")
        seen, path = [], "/api/v1/sagas?business_key=ACME&limit=3"
        cursor = ""
        while cursor is not None:
            page = self.server.get(path + (f"&cursor={cursor}" if cursor else "")).json
            self.assertLessEqual(len(page["items"]), 3)
            seen += [item["id"] for item in page["items"]]
            cursor = page["next"]
        self.assertEqual(sorted(seen), [f"list-{i}" for i in range(7)])
        self.assertEqual(len(seen), 7)

        def ids(query):
            reply = self.server.get(f"/api/v1/sagas?{query}&limit=1000")
            self.assertEqual(reply.status, 200, reply.body)
            return {item["id"] for item in reply.json["items"]}
        self.assertEqual(ids("tag=n3"), {"list-3"})
        self.assertEqual(ids("attribute=region:eu"), set(seen))
        self.assertEqual(ids("namespace=shop&state=completed"), set(seen))
        self.assertEqual(ids("namespace=shop&state=failed,suspended"), set())
        self.assertTrue(set(seen) <= ids("definition=order"))
        item = self.server.get("/api/v1/sagas?tag=n3").json["items"][0]
        self.assertEqual((item["definition"], item["version"], item["state"]),
                         ("order", "1", "completed"))
        self.assert_problem(self.server.get("/api/v1/sagas?stat=failed"), 400, "state")
        self.assert_problem(self.server.get("/api/v1/sagas?state=faild"), 400, "failed")
        self.assert_problem(self.server.get("/api/v1/sagas?limit=0"), 400)
        self.assert_problem(self.server.get("/api/v1/sagas?cursor=x"), 400)

    def test_history(self):
        self.server.start(definition="order", id="history-1", input={"amount": 1})
        self.server.ended("history-1")
        items = self.server.get("/api/v1/sagas/history-1/events").json["items"]
        self.assertEqual([e["seq"] for e in items], list(range(1, len(items) + 1)))
        self.assertEqual((items[0]["type"], items[-1]["type"]), ("saga.accepted", "saga.completed"))
        self.assertTrue(all(set(e) == EVENT_MEMBERS for e in items))
        started = [e for e in items if e["type"] == "step.started"]
        self.assertEqual([e["step"] for e in started], ["reserve", "pay", "ship"])
        self.assertTrue(all("deadline" in e["data"] for e in started))
        paged, after = [], 0
        while after is not None:
            page = self.server.get(f"/api/v1/sagas/history-1/events?after={after}&limit=2").json
            paged += page["items"]
            after = page["next"]
        self.assertEqual(paged, items)
        steps = self.server.get("/api/v1/sagas/history-1/steps").json["items"]
        self.assertEqual([s["id"] for s in steps], ["reserve", "pay", "ship"])
        self.assert_problem(self.server.get("/api/v1/sagas/nope/events"), 404)
        self.assert_problem(self.server.get("/api/v1/sagas/nope/steps"), 404)
        self.assert_problem(self.server.get("/api/v1/sagas/nope"), 404)
        self.assert_problem(self.server.get("/api/v1/sagas/nope?wait=1s"), 404)

    def test_a_start_that_waits(self):
        """Answered once the saga has ended, or after so long as it then is; never without having started it."""
        path = "/api/v1/sagas?wait="
        body = {"definition": "order", "id": "waits-1", "input": {"amount": 1}}
        reply = self.server.post(path + "30s", body)
        self.assertEqual(reply.status, 201, reply.body)
        self.assertEqual(reply.json["state"], "completed")
        again = self.server.post(path + "30s", body)
        self.assertEqual((again.status, again.json["state"]), (200, "completed"))
        self.assertEqual(again.headers["Skald-Replayed"], "true")
        self.assert_problem(self.server.post(path + "soon", dict(body, id="waits-2")), 400)
        self.assert_problem(self.server.get("/api/v1/sagas/waits-2"), 404)

    def test_options_of_a_start(self):
        reply = self.server.start(definition="order", version="1", input={"amount": 1},
                                  context={"request": "r1"}, timeout="1h", max_attempts=2,
                                  lock_keys=["account-1"], priority=5, namespace="bank")
        self.assertEqual(reply.status, 201, reply.body)
        saga = self.server.ended(reply.json["id"])
        self.assertEqual((saga["state"], saga["namespace"]), ("completed", "bank"))
        self.assertEqual(saga["context"], {"request": "r1"})

    def test_stats(self):
        self.server.start(definition="order", id="stats-1", input={"amount": 1})
        self.server.ended("stats-1")
        stats = self.server.get("/api/v1/stats").json
        self.assertGreaterEqual(stats["by_state"]["completed"], 1)
        order = [d for d in stats["definitions"] if d["definition"] == "order"][0]
        self.assertEqual(sum(order["by_state"].values()), len(
            self.server.get("/api/v1/sagas?definition=order&limit=1000").json["items"]))
        self.assertGreaterEqual(stats["engine"]["started"], 1)


class BadStarts(Case):
    def test_bad_bodies(self):
        post = self.server.post
        self.assert_problem(post("/api/v1/sagas", b'{"definition": "order",\n  "input": nul}'), 400,
                            '"line": 2')
        self.assert_problem(post("/api/v1/sagas", b"[" * 100000), 400, "nested")
        self.assert_problem(post("/api/v1/sagas", b'{"definition":"order","input":"\xff"}'), 400)
        self.assert_problem(post("/api/v1/sagas", b'{"definition":"order"} x'), 400)
        self.assert_problem(post("/api/v1/sagas", []), 400, "object")
        self.assert_problem(post("/api/v1/sagas", {}), 400, "definition")
        self.assert_problem(post("/api/v1/sagas"), 400, "definition")
        self.assert_problem(post("/api/v1/sagas", {"definition": "order", "inptu": 1}), 400,
                            "did you mean 'input'")
        self.assert_problem(post("/api/v1/sagas", {"definition": "nope"}), 404, "define")
        self.assert_problem(post("/api/v1/sagas", {"definition": "order", "version": "9"}), 404)
        self.assert_problem(self.server.ask("POST", "/api/v1/sagas", b"{}", kind="text/plain"), 415)
        self.assert_problem(self.server.ask("POST", "/api/v1/sagas", b"{}", kind=None), 415)

    def test_bad_members(self):
        bad = {"id": ["a/b", "a b", "a\u0000b", "a\nb", "ä", "x" * 201, 5],
               "timeout": ["soon", "0", 5], "max_attempts": [0, -1, 1.5, "3"],
               "priority": [2**40, "high"], "tags": ["x", [1], {"a": 1}], "attributes": [[], {"a": {}}],
               "lock_keys": ["x", [1], ["a\u0000"]], "context": [1, []], "definition": ["a b", ""],
               "namespace": ["a\u0001"], "business_key": ["x" * 2000]}
        for name, values in bad.items():
            for value in values:
                reply = self.server.post("/api/v1/sagas", {"definition": "order", name: value})
                self.assert_problem(reply, 400, name)

    def test_bad_keys_and_paths(self):
        body = {"definition": "order"}
        self.assert_problem(self.server.post("/api/v1/sagas", body, Idempotency_Key="x" * 300), 400)
        for path in ("a%2Fb", "a%00", "%", "%zz", "a%20b", "%ff", "x" * 300):
            self.assert_problem(self.server.get(f"/api/v1/sagas/{path}"), 400)
        self.assert_problem(self.server.get("/api/v1/nothing"), 404)
        reply = self.server.ask("PUT", "/api/v1/sagas/x")
        self.assert_problem(reply, 405)
        self.assertEqual(set(reply.headers["Allow"].split(", ")), {"GET", "HEAD", "DELETE"})


class Commands(Case):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        assert cls.server.define(WAITER).status == 201

    def waiting(self, saga_id):
        self.assertEqual(self.server.start(definition="waiter", id=saga_id).status, 201)
        return self.server.when(saga_id, lambda s: s["steps"][0]["waits_for"] == "signal",
                                "it waits for its signal")

    def test_signal(self):
        self.waiting("signal-1")
        reply = self.server.post("/api/v1/sagas/signal-1/signals",
                                 {"name": "approved", "id": "s1", "data": {"by": "boss"}})
        self.assertEqual(reply.status, 200, reply.body)
        saga = self.server.ended("signal-1")
        self.assertEqual(saga["state"], "completed")
        self.assertEqual(saga["output"]["approval"], {"by": "boss"})
        self.assert_problem(self.server.post("/api/v1/sagas/signal-1/signals", {"name": "x"}), 409)
        self.assert_problem(self.server.post("/api/v1/sagas/nope/signals", {"name": "x"}), 404)
        self.assert_problem(self.server.post("/api/v1/sagas/signal-1/signals", {}), 400, "name")

    def test_cancel(self):
        self.waiting("cancel-1")
        reply = self.server.command("cancel-1", "cancel", key="c1")
        self.assertEqual(reply.status, 200, reply.body)
        self.assertEqual(self.server.ended("cancel-1")["state"], "cancelled")
        again = self.server.command("cancel-1", "cancel", key="c1")
        self.assertEqual(again.status, 200, again.body)
        self.assertEqual(again.headers.get("Skald-Replayed"), "true")
        self.assert_problem(self.server.command("cancel-1", "cancel", key="c2"), 409)
        self.assertEqual(self.server.events("cancel-1").count("operator.cancel"), 1)
        event = [e for e in self.server.get("/api/v1/sagas/cancel-1/events").json["items"]
                 if e["type"] == "operator.cancel"][0]
        self.assertEqual((event["data"]["by"], event["data"]["reason"]), ("tester", "because"))

    def test_suspend_and_resume(self):
        self.waiting("hold-1")
        saga = self.server.command("hold-1", "suspend").json
        self.assertEqual((saga["state"], saga["suspended_in"]), ("suspended", "running"))
        self.assertEqual(self.server.command("hold-1", "suspend").status, 200)
        listed = self.server.get("/api/v1/sagas?state=suspended").json["items"]
        self.assertIn("hold-1", [item["id"] for item in listed])
        self.assertEqual(self.server.command("hold-1", "resume").json["state"], "running")
        self.assertEqual(self.server.command("hold-1", "resume").status, 200)
        self.server.command("hold-1", "cancel")
        self.server.ended("hold-1")

    def test_skip_step_with_output(self):
        self.waiting("skip-1")
        reply = self.server.command("skip-1", "skip-step", step="approval", output={"by": "me"})
        self.assertEqual(reply.status, 200, reply.body)
        step = self.server.ended("skip-1")["steps"][0]
        self.assertEqual((step["state"], step["output"]), ("skipped", {"by": "me"}))

    def test_force(self):
        self.waiting("force-1")
        self.assertEqual(self.server.command("force-1", "force-complete").status, 200)
        saga = self.server.ended("force-1")
        self.assertEqual((saga["state"], saga["reason"]), ("completed", "forced"))
        self.waiting("force-2")
        self.assertEqual(self.server.command("force-2", "force-cancel").status, 200)
        self.assertEqual(self.server.ended("force-2")["state"], "cancelled")

    def test_retry_of_a_failed_undoing(self):
        self.participant.on("/ship", (422, {"error": {"code": "no"}}))
        self.participant.on("/unpay", (400, {"error": {"code": "closed"}}))
        self.server.start(definition="order", id="retry-1", input={"amount": 1})
        saga = self.server.ended("retry-1")
        self.assertEqual(saga["state"], "failed")
        self.assertEqual(self.participant.paths()[-1], "/unreserve")
        self.participant.on("/unpay", (200, {}))
        self.assertEqual(self.server.command("retry-1", "retry").status, 200)
        saga = self.server.when("retry-1", lambda s: s["state"] == "compensated", "it is undone")
        self.assertEqual(self.participant.paths().count("/unreserve"), 1)

    def test_cancel_while_a_pivot_is_in_flight(self):
        """202: recorded, and decided when the pivot is settled."""
        text = order_definition(self.participant, "pivotal", "fixed_delay").replace(
            "  - id: pay\n", "  - id: pay\n    pivot: true\n")
        reply = self.server.define(text)
        self.assertEqual(reply.status, 201, reply.body)
        for saga_id, answer, state in (("pivot-1", (200, {}), "completed"),
                                       ("pivot-2", (422, {"error": {"code": "no"}}), "cancelled")):
            release = threading.Event()
            self.participant.forget()
            self.participant.on("/pay", lambda request: (release.wait(30), answer)[1])
            self.server.start(definition="pivotal", id=saga_id, input={"amount": 1})
            self.participant.wait_for("/pay")
            reply = self.server.command(saga_id, "cancel")
            self.assertEqual(reply.status, 202, reply.body)
            self.assertEqual(reply.json["requested"], "cancel")
            release.set()
            self.assertEqual(self.server.ended(saga_id)["state"], state)
        self.assert_problem(self.server.command("pivot-1", "cancel"), 409)

    def test_too_many_signals(self):
        """Stored and not consumed: 1,000; then 429 and when to come again."""
        self.waiting("flood-1")
        connection = http.client.HTTPConnection(self.server.host, self.server.port, timeout=60)
        for i in range(1001):
            connection.request("POST", "/api/v1/sagas/flood-1/signals",
                               json.dumps({"name": "other", "id": f"s{i}"}),
                               {"Content-Type": "application/json"})
            reply = connection.getresponse()
            body = reply.read()
            self.assertEqual(reply.status, 200 if i < 1000 else 429, body)
        self.assertTrue(reply.headers["Retry-After"])
        connection.close()
        reply = self.server.post("/api/v1/sagas/flood-1/signals", {"name": "other", "id": "s5"})
        self.assertEqual(reply.status, 200, reply.body)
        self.server.command("flood-1", "cancel")
        self.server.ended("flood-1")

    def test_bad_commands(self):
        self.waiting("bad-1")
        post = self.server.post
        self.assert_problem(post("/api/v1/sagas/bad-1/cancel"), 400, "by")
        self.assert_problem(post("/api/v1/sagas/bad-1/cancel", {"by": "me"}), 400, "reason")
        self.assert_problem(self.server.command("bad-1", "cancel", input=1), 400, "input")
        self.assert_problem(self.server.command("bad-1", "skip-step"), 400, "step")
        self.assert_problem(self.server.command("bad-1", "skip-step", step="nope"), 404)
        self.assert_problem(self.server.command("bad-1", "skip-step", step="approval", item=-1), 400)
        self.assert_problem(self.server.command("nope", "cancel"), 404)
        self.assert_problem(post("/api/v1/sagas/bad-1/cancle", {}), 404)
        self.server.command("bad-1", "cancel")
        self.server.ended("bad-1")


class PendingAnswers(Case):
    def pending(self, saga_id):
        self.participant.on("/pay", (202, {}, {"Skald-Pending": "true"}))
        self.server.start(definition="order", id=saga_id, input={"amount": 1})
        token = self.participant.wait_for("/pay")[0].headers["Skald-Token"]
        self.server.when(saga_id, lambda s: s["steps"][1]["waits_for"] == "answer", "it is pending")
        return token

    def complete(self, saga_id, token, **body):
        return self.server.post(f"/api/v1/sagas/{saga_id}/steps/pay/complete",
                                {"token": token, **body})

    def test_success(self):
        token = self.pending("token-1")
        self.assert_problem(self.complete("token-1", token[:-2] + "xx", outcome="succeeded"), 400)
        self.assert_problem(self.complete("token-1", token, outcome="maybe"), 400, "outcome")
        reply = self.complete("token-1", token, outcome="succeeded", output={"receipt": 7})
        self.assertEqual(reply.status, 200, reply.body)
        saga = self.server.ended("token-1")
        self.assertEqual(saga["output"]["pay"], {"receipt": 7})
        again = self.complete("token-1", token, outcome="succeeded", output={"receipt": 7})
        self.assertEqual(again.status, 200, again.body)
        self.assert_problem(
            self.complete("token-1", token, outcome="failed", error={"code": "no"}), 409)

    def test_failure(self):
        token = self.pending("token-2")
        reply = self.complete("token-2", token, outcome="failed",
                              error={"code": "declined", "message": "too much"})
        self.assertEqual(reply.status, 200, reply.body)
        saga = self.server.ended("token-2")
        self.assertEqual((saga["state"], saga["error"]["code"]), ("compensated", "declined"))


if __name__ == "__main__":
    unittest.main(verbosity=2)
