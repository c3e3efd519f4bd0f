#!/usr/bin/env python3
"""Parents and children over the API: results, failures, cancels from both sides, a child that was
repaired; and the trace context that goes with all of them."""
import json
import tempfile
import unittest

from skald_world import Participant, Server

TRACE = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"


def action(participant, path):
    return {"service": {"name": "books", "endpoint": participant.url, "path": path,
                        "body": {"saga": "{{ .saga_id }}"}}}


def http(participant, step, **more):
    return {"id": step, "name": step, "type": "http", "timeout": "5s",
            "action": action(participant, f"/{step}"), "retry_policy": {"type": "no_retry"},
            "compensation": {"type": "custom", "action": action(participant, f"/un{step}"),
                             "retry_policy": {"type": "no_retry"}}, **more}


def definition(name, steps):
    return json.dumps({"saga": {"id": name, "name": name, "version": "1", "description": "d",
                                "order": "sequential", "output": {"by": name}}, "steps": steps})


class Children(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.addCleanup(self.folder.cleanup)
        self.books = Participant()
        self.addCleanup(self.books.close)
        self.server = Server(self.folder.name)
        self.addCleanup(self.server.__exit__, None, None, None)
        signal = {"id": "wait", "name": "wait", "type": "wait", "wait": {"signal": "go", "timeout": "1h"}}
        child = {"id": "sub", "name": "sub", "type": "saga", "retry_policy": {"type": "no_retry"},
                 "action": {"saga": {"definition": "child", "input": {"from": "{{ .saga_id }}"}}}}
        for text in (definition("child", [http(self.books, "reserve"), signal, http(self.books, "pay")]),
                     definition("parent", [http(self.books, "first"), child, http(self.books, "last")])):
            reply = self.server.define(text, "d.json")
            self.assertEqual(reply.status, 201, reply.body)

    def start(self, saga_id, **headers):
        reply = self.server.post("/api/v1/sagas", {"definition": "parent", "id": saga_id}, **headers)
        self.assertEqual(reply.status, 201, reply.body)
        self.child = f"{saga_id}.sub"
        self.server.when(saga_id, lambda s: s["steps"][1]["waits_for"] == "child", "the child runs")
        self.server.when(self.child, lambda s: s["steps"][1]["waits_for"] == "signal", "it waits")

    def go(self):
        self.assertEqual(self.server.post(f"/api/v1/sagas/{self.child}/signals", {"name": "go"}).status, 200)

    def test_completes_with_the_childs_result(self):
        self.start("p1", traceparent=TRACE)
        self.assertEqual(self.server.saga(self.child)["parent"], "p1")
        self.assertEqual(self.server.saga(self.child)["input"], {"from": "p1"})
        self.go()
        saga = self.server.ended("p1")
        self.assertEqual(saga["state"], "completed", saga["error"])
        self.assertEqual(saga["steps"][1]["output"], {"by": "child"})
        listed = self.server.get("/api/v1/sagas?parent=p1").json["items"]
        self.assertEqual([row["id"] for row in listed], [self.child])
        spans = [next(v for k, v in request.headers.items() if k.lower() == "traceparent")
                 for request in self.books.requests]
        self.assertEqual(len(set(spans)), 4)  # first, reserve, pay, last
        for span in spans:
            self.assertEqual((span[:36], span[52:]), (TRACE[:36], "-01"))
        self.assertNotIn(TRACE, spans)

    def test_another_trace_is_the_same_request(self):
        self.start("p0", traceparent=TRACE)
        again = self.server.post("/api/v1/sagas", {"definition": "parent", "id": "p0"},
                                 traceparent=TRACE.replace("00f0", "11f0"))
        self.assertEqual(again.status, 200, again.body)
        self.assertEqual(again.json["context"], {"traceparent": TRACE})

    def test_without_a_trace(self):
        self.start("p9", traceparent="rubbish")
        self.assertNotIn("traceparent", [name.lower() for request in self.books.requests
                                         for name in request.headers])

    def test_child_fails(self):
        self.books.on("/pay", (402, {"error": {"code": "no_funds", "message": "empty"}}))
        self.start("p2")
        self.go()
        saga = self.server.ended("p2")
        self.assertEqual((saga["state"], saga["error"]["step"]), ("compensated", "sub"))
        self.assertEqual(self.server.saga(self.child)["state"], "compensated")
        self.assertEqual(self.books.paths(), ["/first", "/reserve", "/pay", "/unreserve", "/unfirst"])

    def test_parent_cancelled(self):
        self.start("p3")
        self.assertEqual(self.server.command("p3", "cancel").status, 200)
        self.assertEqual(self.server.ended("p3")["state"], "cancelled")
        self.assertEqual(self.server.saga(self.child)["state"], "cancelled")
        self.assertEqual(self.books.paths(), ["/first", "/reserve", "/unreserve", "/unfirst"])

    def test_child_cancelled(self):
        self.start("p4")
        self.assertEqual(self.server.command(self.child, "cancel").status, 200)
        saga = self.server.ended("p4")
        self.assertEqual((saga["state"], saga["error"]["step"]), ("compensated", "sub"))
        self.assertEqual(self.server.saga(self.child)["state"], "cancelled")

    def test_undone_after_the_child_completed(self):
        self.books.on("/last", (409, {}))
        self.start("p5")
        self.go()
        self.assertEqual(self.server.ended("p5")["state"], "compensated")
        self.assertEqual(self.server.saga(self.child)["state"], "compensated")
        self.assertEqual(self.books.paths(), ["/first", "/reserve", "/pay", "/last", "/unpay", "/unreserve",
                                              "/unfirst"])

    def test_repaired_child(self):
        self.books.on("/unreserve", [(400, {}), (200, {})])
        self.start("p6")
        self.assertEqual(self.server.command("p6", "cancel").status, 200)
        self.assertEqual(self.server.ended("p6")["state"], "failed")
        self.assertEqual(self.server.ended(self.child)["state"], "failed")
        self.assertIn("/unfirst", self.books.paths())  # the rest was undone
        self.assertEqual(self.server.command(self.child, "retry").status, 200)
        saga = self.server.when(self.child, lambda s: s["state"] == "cancelled", "it is repaired")
        self.assertEqual(saga["residue"], [])
        self.server.when("p6", lambda s: s["state"] == "cancelled", "the parent is repaired by it")


if __name__ == "__main__":
    unittest.main()
