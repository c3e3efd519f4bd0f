#!/usr/bin/env python3
"""What concerns all loops of a server: lists, figures, task polls, streams and observations are those of
all of them, whichever loop has the connection. One saga at a time: test_several_loops.py."""
import contextlib
import json
import tempfile
import threading
import unittest

from skald_world import Participant, Server, order_definition, until
from sse import Stream

LOOPS = 2
SAGAS = 16  # each loop serves some of them
ASKED = 12  # requests and streams, each on a connection of its own: each loop has some
TASK = """
saga: {id: packing, name: Packing, version: '1'}
steps:
  - {id: pack, name: Pack, type: task, action: {task: packers}}
"""
HELD = """
saga: {id: held, name: Held, version: '1'}
steps:
  - {id: go, name: Go, type: wait, wait: {signal: go}}
"""


class AllLoops(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.participant = self.enterContext(Participant())
        self.server = self.enterContext(Server(folder.name, "--loops", str(LOOPS)))
        for text in (order_definition(self.participant), TASK, HELD):
            self.assertEqual(self.server.define(text).status, 201)

    def start(self, definition, prefix, count=SAGAS, **more):
        ids = [f"{prefix}-{i}" for i in range(count)]
        for saga in ids:
            reply = self.server.start(definition=definition, id=saga, **more)
            self.assertEqual(reply.status, 201, reply.body)
        return ids

    def get(self, path):
        """The same, whoever is asked."""
        answers = [self.server.get(path) for _ in range(ASKED)]
        for answer in answers:
            self.assertEqual(answer.status, 200, answer.body)
            self.assertEqual(answer.json, answers[0].json)
        return answers[0].json

    def test_lists(self):
        for i in range(SAGAS):
            reply = self.server.post("/api/v1/schedules", {"id": f"s-{i:02}", "cron": "@yearly",
                                                           "definition": "held"})
            self.assertEqual(reply.status, 201, reply.body)
        self.assertEqual([s["id"] for s in self.get("/api/v1/schedules")["items"]],
                         [f"s-{i:02}" for i in range(SAGAS)])
        ids, cursor = [], ""
        while cursor is not None:
            page = self.get(f"/api/v1/schedules?limit=5&cursor={cursor}")
            ids += [s["id"] for s in page["items"]]
            cursor = page["next"]
        self.assertEqual(ids, [f"s-{i:02}" for i in range(SAGAS)])
        batches = [self.server.post("/api/v1/sagas/batch", {
            "command": "cancel", "by": "me", "reason": "test", "filter": {"definition": "held"}})
            for _ in range(6)]
        for batch in batches:
            self.assertEqual(batch.status, 202, batch.body)
        made = [batch.json["id"] for batch in batches]
        until(lambda: all(b["state"] == "finished" for b in
                          self.server.get("/api/v1/batches").json["items"]), "the batches are over")
        listed = self.get("/api/v1/batches")["items"]
        self.assertEqual({b["id"] for b in listed}, set(made))
        times = [b["created_at"] for b in listed]
        self.assertEqual(times, sorted(times, reverse=True))

    def test_locks(self):
        for i in range(SAGAS):
            reply = self.server.start(definition="held", id=f"l-{i}", lock_keys=[f"key-{i}"])
            self.assertEqual(reply.status, 201, reply.body)
        until(lambda: len(self.server.get("/api/v1/locks").json["items"]) == SAGAS, "all are held")
        held = self.get("/api/v1/locks")["items"]
        self.assertEqual({(k["key"], k["holder"]) for k in held},
                         {(f"key-{i}", f"l-{i}") for i in range(SAGAS)})
        for i in range(SAGAS):
            one = self.server.get(f"/api/v1/locks?key=key-{i}").json["items"]
            self.assertEqual([k["holder"] for k in one], [f"l-{i}"])

    def test_figures_and_the_sweep(self):
        self.start("held", "f")
        stats = self.get("/api/v1/stats")
        self.assertEqual(stats["engine"]["started"], SAGAS)
        self.assertEqual(stats["engine"]["sagas_active"], SAGAS)
        cluster = self.server.get("/api/v1/cluster").json
        self.assertEqual(stats["engine"]["shards_owned"], cluster["shards_total"])
        for _ in range(ASKED):
            lines = self.server.get("/metrics").body.decode().splitlines()
            self.assertIn(f"skald_sagas_started_total {SAGAS}", lines)
            self.assertIn(f"skald_shards_owned {cluster['shards_total']}", lines)
        before = self.server.get("/api/v1/recovery").json["scanned"]
        after = self.server.post("/api/v1/recovery/run").json
        self.assertGreaterEqual(after["scanned"], before + SAGAS)

    def test_tasks(self):
        sagas = self.start("packing", "t")
        until(lambda: self.server.get("/api/v1/tasks").json["items"][0]["waiting"] == SAGAS,
              "all are on offer")
        given, lock = [], threading.Lock()

        def work():
            while True:
                tasks = self.server.post("/api/v1/tasks/poll", {"queue": "packers"}).json["items"]
                if not tasks:
                    return
                with lock:
                    given.extend(tasks)

        workers = [threading.Thread(target=work) for _ in range(4)]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join()
        self.assertEqual(sorted(task["saga"] for task in given), sorted(sagas))
        queue = self.get("/api/v1/tasks")["items"][0]
        self.assertEqual((queue["waiting"], queue["in_flight"]), (0, SAGAS))
        done = self.server.post("/api/v1/tasks/complete", {"tasks": [
            {"saga": task["saga"], "token": task["token"], "output": {}} for task in given]})
        self.assertTrue(all(item["ok"] for item in done.json["items"]), done.body)
        for saga in sagas:
            self.assertEqual(self.server.ended(saga)["state"], "completed")

    def test_a_worker_that_waits_hears_of_tasks_anywhere(self):
        for i in range(8):
            answer = []
            worker = threading.Thread(target=lambda: answer.append(self.server.post(
                "/api/v1/tasks/poll", {"queue": "packers", "wait": "30s"})))
            worker.start()
            until(lambda: any(q["workers_waiting"] for q in
                              self.server.get("/api/v1/tasks").json["items"]), "it waits")
            self.start("packing", f"w{i}", 1)
            worker.join()
            self.assertEqual([task["saga"] for task in answer[0].json["items"]], [f"w{i}-0"])

    def test_streams(self):
        with contextlib.ExitStack() as stack:
            streams = [stack.enter_context(Stream(self.server, "/api/v1/events?type=saga.*"))
                       for _ in range(ASKED)]
            until(lambda: self.get("/api/v1/stats")["streams"] == ASKED, "all are open")
            sagas = self.start("order", "e", input={"amount": 1})
            for stream in streams:
                seen, ended = {}, set()
                while ended != set(sagas):
                    event = stream.next()
                    saga, seq = event.json["saga"], event.json["seq"]
                    self.assertGreater(seq, seen.get(saga, 0))
                    seen[saga] = seq
                    if event.json["type"] == "saga.completed":
                        ended.add(saga)
                last = event.id
        # It goes on there, whichever loop is asked.
        self.start("held", "after", 1)
        for _ in range(ASKED):
            with Stream(self.server, "/api/v1/events?type=saga.*", last_id=last) as stream:
                self.assertEqual(stream.next().json["saga"], "after-0")

    def test_streams_of_one_saga(self):
        for i in range(8):
            saga = self.start("held", f"o{i}", 1)[0]
            with contextlib.ExitStack() as stack:
                streams = [stack.enter_context(Stream(self.server, f"/api/v1/sagas/{saga}/events"))
                           for _ in range(4)]
                for stream in streams:
                    while stream.next().json["type"] != "step.started":
                        pass
                reply = self.server.post(f"/api/v1/sagas/{saga}/signals", {"name": "go"})
                self.assertEqual(reply.status, 200, reply.body)
                for stream in streams:
                    self.assertEqual(stream.all()[-2].json["type"], "saga.completed")

    def test_observations(self):
        self.participant.on("/pay", (422, {"error": {"code": "no"}}))
        self.participant.on("/unreserve", (422, {"error": {"code": "never"}}))
        path = "/api/v1/events/observations?type=alert.*"
        with contextlib.ExitStack() as stack:
            streams = [stack.enter_context(Stream(self.server, path)) for _ in range(ASKED)]
            sagas = self.start("order", "a", input={"amount": 1})
            for stream in streams:
                events = [stream.next() for _ in sagas]
                self.assertEqual({event.json["saga"] for event in events}, set(sagas))
                numbers = [event.json["number"] for event in events]
                self.assertEqual(numbers, sorted(set(numbers)))
        items = self.get(path)["items"]
        self.assertEqual({item["saga"] for item in items}, set(sagas))
        rest = self.get(f"{path}&cursor={events[5].id}")["items"]
        self.assertEqual([item["number"] for item in rest], numbers[6:])


if __name__ == "__main__":
    unittest.main(verbosity=2)
