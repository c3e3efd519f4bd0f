#!/usr/bin/env python3
"""A server with several loops is one server to whoever asks it: whichever loop has the connection, and
whichever has the saga."""
import http.client
import json
import pathlib
import signal
import socket
import subprocess
import tempfile
import threading
import time
import unittest

from skald_world import GIVE_UP_S, SKALD, Participant, Server, order_definition, until
from sse import Stream

LOOPS = 3
SAGAS = 24  # so that each loop has some: the ids are the same in every run
WAIT = """
saga: {id: waiting, name: Waiting, version: '1'}
steps:
  - {id: go, name: Go, type: wait, wait: {signal: go}}
"""


class Case(unittest.TestCase):
    STORE = None
    OPTIONS = ()

    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)
        self.participant = self.enterContext(Participant())
        self.server = self.enterContext(self.open())
        self.server.define(order_definition(self.participant))
        self.server.define(WAIT)

    def open(self, *options):
        return Server(self.folder, "--loops", str(LOOPS), *self.OPTIONS, *options, store=self.STORE)

    def connections(self):
        """So many that every loop has some."""
        many = [http.client.HTTPConnection(self.server.host, self.server.port, timeout=GIVE_UP_S)
                for _ in range(8 * LOOPS)]
        for connection in many:
            self.addCleanup(connection.close)
        return many

    @staticmethod
    def ask(connection, method, path, body=None, **headers):
        connection.request(method, path, body=None if body is None else json.dumps(body),
                           headers={"Content-Type": "application/json",
                                    **{k.replace("_", "-"): v for k, v in headers.items()}})
        reply = connection.getresponse()
        return reply.status, dict(reply.getheaders()), json.loads(reply.read() or b"null")


class OneServer(Case):
    def test_every_connection_answers_for_every_saga(self):
        many = self.connections()
        for n in range(SAGAS):
            status, headers, saga = self.ask(many[n % len(many)], "POST", "/api/v1/sagas",
                                             {"definition": "order", "id": f"s-{n}"})
            self.assertEqual((status, saga["id"], headers["Location"]),
                             (201, f"s-{n}", f"/api/v1/sagas/s-{n}"))
        for n in range(SAGAS):
            for connection in many[n % 3::3]:
                status, _, saga = self.ask(connection, "GET", f"/api/v1/sagas/s-{n}?wait=30s")
                self.assertEqual((status, saga["state"]), (200, "completed"))
        for n in range(SAGAS):
            status, headers, _ = self.ask(many[(n + 5) % len(many)], "POST", "/api/v1/sagas",
                                          {"definition": "order", "id": f"s-{n}"})
            self.assertEqual((status, headers["Skald-Replayed"]), (200, "true"))
        status, _, problem = self.ask(many[0], "POST", "/api/v1/sagas",
                                      {"definition": "order", "id": "s-1", "input": 1})
        self.assertEqual((status, problem["status"]), (409, 409))
        for n in range(SAGAS):
            status, _, problem = self.ask(many[0], "GET", f"/api/v1/sagas/none-{n}")
            self.assertEqual((status, problem["status"]), (404, 404))

    def test_keys_and_drawn_ids(self):
        many = self.connections()
        for n in range(SAGAS):
            answers = [self.ask(connection, "POST", "/api/v1/sagas", {"definition": "order", "namespace": "n"},
                                Idempotency_Key=f"key-{n}") for connection in many[n % 8::8]]
            self.assertEqual([status for status, _, _ in answers], [201] + [200] * (len(answers) - 1))
            self.assertEqual(len({saga["id"] for _, _, saga in answers}), 1)
        drawn = {self.ask(connection, "POST", "/api/v1/sagas?wait=30s", {"definition": "order"})[2]["id"]
                 for connection in many}
        self.assertEqual(len(drawn), len(many))

    def test_commands_signals_and_streams(self):
        many = self.connections()
        for n in range(LOOPS * 4):
            self.ask(many[n], "POST", "/api/v1/sagas", {"definition": "waiting", "id": f"w-{n}"})
        streams = [self.enterContext(Stream(self.server, f"/api/v1/sagas/w-{n}/events"))
                   for n in range(LOOPS * 4)]
        for n in range(LOOPS * 4):
            verb = ("signals", {"name": "go", "id": "1"}) if n % 2 else \
                ("cancel", {"by": "ada", "reason": "it is enough"})
            status, _, saga = self.ask(many[-n], "POST", f"/api/v1/sagas/w-{n}/{verb[0]}", verb[1])
            self.assertIn(status, (200, 202), saga)
        for n, stream in enumerate(streams):
            names = []
            while not names or names[-1] != "end":
                event = stream.next()
                names.append("end" if event.name == "end" else event.json["type"])
            self.assertIn("saga.completed" if n % 2 else "saga.cancelled", names)

    def test_schedules_and_batches(self):
        many = self.connections()
        for n in range(LOOPS * 4):
            status, _, _ = self.ask(many[n], "POST", "/api/v1/schedules",
                                    {"id": f"nightly-{n}", "cron": "0 4 * * *", "definition": "order"})
            self.assertEqual(status, 201)
        self.assertEqual(self.ask(many[0], "POST", "/api/v1/schedules",
                                  {"cron": "0 4 * * *", "definition": "order"})[0], 201)
        for n in range(LOOPS * 4):
            for connection in many[n % 8::8]:
                self.assertEqual(self.ask(connection, "GET", f"/api/v1/schedules/nightly-{n}")[0], 200)
            self.assertEqual(self.ask(many[-n], "DELETE", f"/api/v1/schedules/nightly-{n}")[0], 204)
        for n in range(LOOPS * 2):
            status, _, batch = self.ask(many[n], "POST", "/api/v1/sagas/batch", {
                "command": "cancel", "filter": {"state": "running"}, "by": "ada", "reason": "over"})
            self.assertEqual(status, 202)
            self.assertEqual(self.ask(many[-n], "GET", f"/api/v1/batches/{batch['id']}")[0], 200)

    def test_its_figures(self):
        self.assertEqual(self.server.get("/api/v1/cluster").json["loops"], LOOPS)
        self.assertEqual(self.server.get("/readyz").status, 200)

    def test_the_port_of_another_is_refused(self):
        done = subprocess.run([SKALD, "serve", "--store", "memory:", "--loops", str(LOOPS), "--listen",
                               f"127.0.0.1:{self.server.port}"], capture_output=True, text=True,
                              timeout=GIVE_UP_S, check=False)
        self.assertNotEqual(done.returncode, 0)
        self.assertIn("is in use", done.stderr)

    def test_so_many_are_too_many(self):
        done = subprocess.run([SKALD, "serve", "--store", "memory:", "--loops", "65"], capture_output=True,
                              text=True, timeout=GIVE_UP_S, check=False)
        self.assertEqual(done.returncode, 2)
        self.assertIn("64", done.stderr)

    def test_a_stop_answers_who_waits(self):
        many = self.connections()
        for n, connection in enumerate(many):
            self.ask(connection, "POST", "/api/v1/sagas", {"definition": "waiting", "id": f"w-{n}"})
            connection.request("GET", f"/api/v1/sagas/w-{n}?wait=30s")
        self.server.process.send_signal(signal.SIGTERM)
        for connection in many:
            try:
                self.assertIn(connection.getresponse().status, (200, 503))
            except (http.client.HTTPException, OSError):
                pass  # it was closed before the answer: nothing is known
        self.assertEqual(self.server.process.wait(GIVE_UP_S), 0)

    def test_clients_that_go_away(self):
        for n in range(SAGAS):
            with socket.create_connection((self.server.host, self.server.port)) as client:
                client.sendall(f"GET /api/v1/sagas/gone-{n}?wait=1s HTTP/1.1\r\nHost: x\r\n\r\n".encode())
        self.assertEqual(self.server.start(definition="order", id="after").status, 201)
        self.assertEqual(self.server.ended("after")["state"], "completed")


class Restart(Case):
    """What was acknowledged is there after a kill, with another number of loops."""

    def test_killed(self):
        stop = threading.Event()
        acknowledged = []

        def load(number):
            count = 0
            while not stop.is_set():
                try:
                    count += 1
                    if self.server.start(definition="order", id=f"k-{number}-{count}").status == 201:
                        acknowledged.append(f"k-{number}-{count}")
                except (http.client.HTTPException, OSError):
                    return
        threads = [threading.Thread(target=load, args=(n,)) for n in range(4)]
        for thread in threads:
            thread.start()
        until(lambda: len(acknowledged) > 40, "some are acknowledged")
        self.server.kill()
        stop.set()
        for thread in threads:
            thread.join()
        began = time.monotonic()
        with Server(self.folder, "--loops", "2", store=self.STORE) as server:
            for saga in acknowledged:
                self.assertIn(server.ended(saga)["state"], ("completed", "compensated"))
        self.assertLess(time.monotonic() - began, GIVE_UP_S)


if __name__ == "__main__":
    unittest.main()
