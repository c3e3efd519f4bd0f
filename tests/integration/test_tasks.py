#!/usr/bin/env python3
"""Worker queues over the API: polls, leases, heartbeats, batches; workers and servers that die."""
import json
import os
import pathlib
import socket
import subprocess
import tempfile
import threading
import unittest

from skald_world import GIVE_UP_S, SKALD, Server, until

DEFINITION = """
saga: { id: pack, name: Pack, version: "1", description: d, order: sequential }
steps:
  - { id: box, name: Box, type: task, action: { task: { queue: boxes, input: { n: "{{.input.n}}" } } }
      , retry_policy: { type: fixed_delay, max_attempts: 3, initial_delay: 20ms }, compensation: { type: automatic } }
  - { id: label, name: Label, type: task, action: { task: labels }
      , retry_policy: { type: fixed_delay, max_attempts: 3, initial_delay: 20ms }, compensation: { type: skip } }
"""


class Tasks(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.path = pathlib.Path(folder.name)

    def poll(self, server, queue, **more):
        answer = server.post("/api/v1/tasks/poll", {"queue": queue, "worker": "w", "wait": "20s", **more})
        self.assertEqual(answer.status, 200, answer.body)
        return answer.json["items"]

    def tell(self, server, verb, *tasks, **more):
        answer = server.post(f"/api/v1/tasks/{verb}", {"tasks": list(tasks), **more})
        self.assertEqual(answer.status, 200, answer.body)
        return answer.json["items"]

    @staticmethod
    def done(task, **more):
        return {"saga": task["saga"], "token": task["token"], **more}

    def queues(self, server):
        return {q["queue"]: q for q in server.get("/api/v1/tasks").json["items"]}

    def test_a_saga_of_tasks(self):
        with Server(self.path) as server:
            self.assertEqual(server.define(DEFINITION).status, 201)
            server.start(definition="pack", id="t1", input={"n": 3}, business_key="k-7")
            task, = self.poll(server, "boxes")
            self.assertEqual((task["saga"], task["step"], task["input"]), ("t1", "box", {"n": 3}))
            self.assertEqual((task["key"], task["operation"]), ("t1/box/action", "action"))
            self.assertEqual((task["attempt"], task["round"], task["business_key"]), (1, 1, "k-7"))
            self.assertEqual(server.saga("t1")["steps"][0]["state"], "running")
            self.assertEqual(self.queues(server)["boxes"]["in_flight"], 1)
            self.assertEqual(self.poll(server, "boxes", wait="50ms"), [])
            beat, = self.tell(server, "heartbeat", self.done(task), lease="10m")
            self.assertTrue(beat["ok"] and not beat["cancel"])
            self.assertGreater(beat["lease_until"], task["lease_until"])
            result, = self.tell(server, "complete", self.done(task, output={"id": 7}))
            self.assertTrue(result["ok"])
            result, = self.tell(server, "complete", self.done(task, output={"id": 7}))
            self.assertTrue(result["ok"])
            results = self.tell(server, "complete", self.done(task, output={"id": 8}),
                                {"saga": "nobody", "token": task["token"]})
            self.assertEqual([r["code"] for r in results], ["SKALD_E_CONFLICT", "SKALD_E_ARGUMENT"])
            label, = self.poll(server, "labels")
            self.tell(server, "fail", self.done(label, error={"code": "no_ink", "message": "empty"}))
            undo, = self.poll(server, "boxes")
            self.assertEqual((undo["operation"], undo["input"]),
                             ("compensation", {"input": {"n": 3}, "output": {"id": 7}}))
            self.tell(server, "complete", self.done(undo))
            saga = server.ended("t1")
            self.assertEqual((saga["state"], saga["error"]["code"]), ("compensated", "no_ink"))
            self.assertEqual(self.queues(server), {})

    def test_workers_wait_and_share(self):
        with Server(self.path) as server:
            server.define(DEFINITION)
            taken, lock = [], threading.Lock()

            def work():
                while True:
                    tasks = self.poll(server, "boxes", max=4)
                    with lock:
                        taken.extend(t["saga"] for t in tasks)
                        is_over = len(taken) >= 40
                    self.tell(server, "complete", *[self.done(t) for t in tasks]) if tasks else None
                    if is_over or not tasks:
                        return
            workers = [threading.Thread(target=work) for _ in range(3)]
            for worker in workers:
                worker.start()
            until(lambda: self.queues(server).get("boxes", {}).get("workers_waiting") == 3, "they wait")
            for i in range(44):
                server.start(definition="pack", id=f"s-{i}", input={"n": i})
            for worker in workers:
                worker.join(GIVE_UP_S)
            self.assertEqual(len(taken), len(set(taken)))
            until(lambda: self.queues(server)["labels"]["waiting"] >= 40, "their labels wait")

    def test_fair_between_definitions(self):
        with Server(self.path, "--loops", "1") as server:  # each loop is fair among its own
            server.define(DEFINITION)
            server.define(DEFINITION.replace("id: pack", "id: other"))
            for i in range(20):
                server.start(definition="pack", id=f"busy-{i}", input={})
            for name, priority in (("low", 0), ("high", 5)):
                server.start(definition="other", id=name, input={}, priority=priority)
            until(lambda: self.queues(server).get("boxes", {}).get("waiting") == 22, "all wait")
            order = [t["saga"] for t in self.poll(server, "boxes", max=6)]
            self.assertEqual([s for s in order if not s.startswith("busy")], ["high", "low"])

    def test_lease_expires_and_retry(self):
        with Server(self.path) as server:
            server.define(DEFINITION)
            server.start(definition="pack", id="slow", input={"n": 1})
            first, = self.poll(server, "boxes", lease="1s")
            second, = self.poll(server, "boxes")
            self.assertEqual((second["attempt"], second["key"]), (2, first["key"]))
            beat, = self.tell(server, "heartbeat", self.done(first))
            self.assertEqual((beat["ok"], beat["cancel"], beat["code"]), (False, True, "SKALD_E_STATE"))
            self.tell(server, "fail", self.done(second, error={"code": "jam"}, retryable=True))
            third, = self.poll(server, "boxes")
            self.assertEqual(third["attempt"], 3)
            self.assertTrue(self.tell(server, "complete", self.done(first))[0]["ok"])  # it was only slow
            self.assertEqual(server.saga("slow")["steps"][0]["state"], "completed")

    def test_cancel_tells_the_worker(self):
        with Server(self.path) as server:
            server.define(DEFINITION)
            server.start(definition="pack", id="c1", input={})
            task, = self.poll(server, "boxes")
            server.command("c1", "cancel")
            beat, = self.tell(server, "heartbeat", self.done(task), lease="1h")
            self.assertEqual((beat["ok"], beat["cancel"], beat["lease_until"]), (True, True, task["lease_until"]))
            self.tell(server, "complete", self.done(task, output=1))
            undo, = self.poll(server, "boxes")
            self.tell(server, "complete", self.done(undo))
            self.assertEqual(server.ended("c1")["state"], "cancelled")
            server.start(definition="pack", id="c2", input={})
            until(lambda: self.queues(server).get("boxes", {}).get("waiting") == 1, "it waits")
            server.command("c2", "cancel")
            self.assertEqual(server.ended("c2")["state"], "cancelled")
            self.assertEqual(self.queues(server), {})

    def test_a_worker_that_hangs_up_takes_nothing(self):
        with Server(self.path) as server:
            server.define(DEFINITION)
            body = json.dumps({"queue": "boxes", "wait": "60s"}).encode()
            gone = socket.create_connection((server.host, server.port))
            gone.sendall(b"POST /api/v1/tasks/poll HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
                         b"Content-Length: %d\r\n\r\n" % len(body) + body)
            until(lambda: self.queues(server).get("boxes", {}).get("workers_waiting") == 1, "it waits")
            gone.close()
            server.start(definition="pack", id="g1", input={})
            task, = self.poll(server, "boxes")
            self.assertEqual(task["attempt"], 1)

    def test_killed_while_tasks_wait_and_are_held(self):
        with Server(self.path) as server:
            server.define(DEFINITION)
            server.start(definition="pack", id="held", input={"n": 1})
            held, = self.poll(server, "boxes", lease="1m")
            for i in range(5):
                server.start(definition="pack", id=f"w-{i}", input={"n": i})
            until(lambda: self.queues(server).get("boxes", {}).get("waiting") == 5, "they wait")
            server.kill()
        with Server(self.path) as server:
            self.assertEqual(server.saga("held")["steps"][0]["state"], "running")
            tasks = []
            while len(tasks) < 5:  # one answer may hold those of one loop only
                tasks += self.poll(server, "boxes", max=10)
            self.assertEqual({t["saga"] for t in tasks}, {f"w-{i}" for i in range(5)})
            results = self.tell(server, "complete", self.done(held), *[self.done(t) for t in tasks])
            self.assertTrue(all(r["ok"] for r in results), results)
            labels = []
            while len(labels) < 6:
                labels += self.poll(server, "labels", max=10)
            self.assertTrue(all(r["ok"] for r in self.tell(server, "complete", *[self.done(t) for t in labels])))
            for name in ["held"] + [f"w-{i}" for i in range(5)]:
                self.assertEqual(server.ended(name)["state"], "completed")
            self.assertEqual(server.events("held").count("step.started"), 2)

    def test_stop_answers_those_who_wait(self):
        with Server(self.path) as server:
            server.define(DEFINITION)
            answers = []
            worker = threading.Thread(target=lambda: answers.append(self.poll(server, "boxes", wait="60s")))
            worker.start()
            until(lambda: self.queues(server).get("boxes", {}).get("workers_waiting") == 1, "it waits")
            self.assertEqual(server.stop(), 0)
            worker.join(GIVE_UP_S)
            self.assertEqual(answers, [[]])

    def test_wrong_requests(self):
        with Server(self.path) as server:
            for path, body in (("poll", {}), ("poll", {"queue": "q", "max": 101}), ("complete", {"tasks": []}),
                               ("complete", {"tasks": 5}), ("fail", {"tasks": [{"saga": "x"}]}),
                               ("heartbeat", {"tasks": [{"saga": "x", "token": "y"}] * 101})):
                answer = server.post(f"/api/v1/tasks/{path}", body)
                self.assertEqual(answer.status, 400, (path, body, answer.body))
                self.assertIn("remedy", answer.json)
            result, = self.tell(server, "complete", {"saga": "x", "token": "y"})
            self.assertEqual((result["ok"], result["code"]), (False, "SKALD_E_ARGUMENT"))

    def test_command_line(self):
        with Server(self.path) as server:
            server.define(DEFINITION)
            server.start(definition="pack", id="cli", input={})
            until(lambda: self.queues(server).get("boxes", {}).get("waiting") == 1, "it waits")
            for options, word in ((["--json"], '"boxes"'), ([], "boxes")):
                shown = subprocess.run([SKALD, "tasks", "--server", server.url, *options], check=False,
                                       capture_output=True, text=True, timeout=GIVE_UP_S, env=os.environ)
                self.assertEqual(shown.returncode, 0, shown.stderr)
                self.assertIn(word, shown.stdout)


if __name__ == "__main__":
    unittest.main(verbosity=2)
