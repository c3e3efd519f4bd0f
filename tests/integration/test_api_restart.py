#!/usr/bin/env python3
"""`skald serve` from start to end: options, ports, files; kill -9 and what is left after it."""
import http.client
import os
import pathlib
import signal
import stat
import tempfile
import threading
import unittest

from skald_world import (GIVE_UP_S, STORE_KIND, Participant, Server, key_file, order_definition,
                         run, store_url, until)


class CommandLine(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.addCleanup(self.folder.cleanup)
        self.path = pathlib.Path(self.folder.name)

    def refused(self, code, *arguments):
        done = run("serve", *arguments)
        self.assertEqual(done.returncode, code, done.stderr)
        return done.stderr

    def test_help(self):
        self.assertIn("serve", run("--help").stdout)
        done = run("serve", "--help")
        self.assertEqual(done.returncode, 0)
        for word in ("--store", "--listen", "example:", "--ready-file"):
            self.assertIn(word, done.stdout)
        self.assertIn("sqlite", run("version").stdout)

    def test_wrong_use(self):
        self.assertIn("--listen", self.refused(2, "--lsten", "x"))
        self.assertIn("HOST:PORT", self.refused(2, "--listen"))
        self.assertIn("127.0.0.1:8080", self.refused(2, "--listen", "here"))
        self.assertIn("sqlite:", self.refused(2, "--store", "sqllite:x"))
        self.assertIn("memory", self.refused(2, "--store", "orders.db"))
        self.assertIn("--define", self.refused(2, "order.yaml"))
        self.assertIn("json", self.refused(2, "--log-format", "xml"))
        self.assertIn("30s", self.refused(2, "--grace", "long"))
        self.assertIn("no.yaml", self.refused(2, "--define", str(self.path / "no.yaml")))
        done = run("srve")
        self.assertEqual(done.returncode, 2)
        self.assertIn("skald serve", done.stderr)

    def test_bad_definition(self):
        (self.path / "bad.yaml").write_text("saga: { id: x }\nsteps:\n  - { typ: http }\n")
        message = self.refused(2, "--store", "memory:", "--define", str(self.path / "bad.yaml"))
        self.assertIn("bad.yaml:3:", message)
        self.assertGreaterEqual(message.count("error"), 2)

    def test_bad_files(self):
        (self.path / "text.db").write_text("this is not a database " * 1000)
        self.assertIn("text.db", self.refused(2, "--store", f"sqlite:{self.path / 'text.db'}"))
        self.assertIn("nowhere", self.refused(1, "--store", f"sqlite:{self.path / 'nowhere' / 'a.db'}"))
        (self.path / "file").write_text("this is no folder")
        self.assertIn("file", self.refused(1, "--store", f"journal:{self.path / 'file'}"))
        self.assertIn("nowhere", self.refused(1, "--store", f"journal:{self.path / 'nowhere' / 'a'}"))

    def test_bad_key(self):
        for kind in ("journal", "sqlite"):
            url = store_url(self.path, kind)
            with Server(self.path, store=url) as server:
                server.stop()
            key = key_file(url)
            key.write_text("short")
            self.assertIn(key.name, self.refused(1, "--store", url, "--listen", ":0"))
            self.assertEqual(key.read_text(), "short")

    def test_port_and_store_in_use(self):
        with Server(self.path) as server:
            message = self.refused(1, "--store", "memory:", "--listen", f"127.0.0.1:{server.port}")
            self.assertIn(str(server.port), message)
            self.assertIn("ss -ltnp", message)
            message = self.refused(1, "--store", server.store, "--listen", ":0")
            self.assertIn(str(server.process.pid), message)

    def test_define_with_environment_and_include(self):
        with Participant() as participant:
            text = order_definition(participant, "fromfile")
            (self.path / "steps.yaml").write_text(text.split("steps:")[1])
            (self.path / "order.yaml").write_text(
                text.split("steps:")[0].replace("three steps", "for ${WHOM:-nobody}") +
                "steps: !include steps.yaml\n")
            with Server(self.path, "--define", str(self.path / "order.yaml")) as server:
                found = server.get("/api/v1/definitions/fromfile").json
                self.assertEqual(found["source"]["saga"]["description"], "for nobody")
                self.assertEqual(server.start(definition="fromfile", id="f-1").status, 201)
                self.assertEqual(server.ended("f-1")["state"], "completed")
            (self.path / "order.yaml").write_text(text.replace("three steps", "changed"))
            message = self.refused(1, "--store", server.store, "--listen", ":0",
                                   "--define", str(self.path / "order.yaml"))
            self.assertIn("order.yaml", message)
            self.assertIn("definition.refused", message)


class Case(unittest.TestCase):
    STORE_KIND = STORE_KIND

    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.addCleanup(self.folder.cleanup)
        self.participant = Participant()
        self.addCleanup(self.participant.close)

    def server(self, *options):
        return Server(self.folder.name, *options, store=store_url(self.folder.name, self.STORE_KIND))


class Killed(Case):
    def test_kill_in_the_middle(self):
        """Killed while `pay` is on the wire: the same attempt is repeated under the same key."""
        release = threading.Event()
        self.addCleanup(release.set)
        with self.server() as server:
            server.define(order_definition(self.participant, retry="fixed_delay"))
            self.participant.on("/pay", lambda request: (release.wait(GIVE_UP_S), (200, {"n": 1}))[1])
            self.assertEqual(server.start(definition="order", id="killed-1",
                                          input={"amount": 1}).status, 201)
            self.participant.wait_for("/pay")
            server.kill()
        self.participant.on("/pay", (200, {"n": 2}))
        with self.server() as server:
            saga = server.ended("killed-1")
            self.assertEqual(saga["state"], "completed")
            self.assertIn("step.redriven", server.events("killed-1"))
            server.stop()
        requests = [r for r in self.participant.requests if r.path == "/pay"]
        self.assertEqual({r.headers["Idempotency-Key"] for r in requests}, {"killed-1/pay/action"})
        self.assertEqual({r.body for r in requests}, {requests[0].body})
        self.assertEqual({r.headers["Skald-Attempt"] for r in requests}, {"1"})
        self.assertEqual(self.participant.paths().count("/reserve"), 1)

    def test_kill_while_undoing(self):
        release = threading.Event()
        self.addCleanup(release.set)
        with self.server() as server:
            server.define(order_definition(self.participant))
            self.participant.on("/ship", (422, {"error": {"code": "no"}}))
            self.participant.on("/unpay", lambda request: (release.wait(GIVE_UP_S), (200, {}))[1])
            server.start(definition="order", id="undo-1", input={"amount": 1})
            self.participant.wait_for("/unpay")
            server.kill()
        self.participant.on("/unpay", (200, {}))
        with self.server() as server:
            saga = server.ended("undo-1")
            self.assertEqual(saga["state"], "compensated")
            self.assertEqual(self.participant.paths().count("/ship"), 1)
            server.stop()

    def test_nothing_acknowledged_is_lost(self):
        """Killed under load: every start that was answered 201 is there and ends."""
        acknowledged, stop = [], threading.Event()

        def load(server, worker):
            number = 0
            while not stop.is_set():
                saga_id = f"load-{worker}-{number}"
                number += 1
                try:
                    reply = server.start(definition="order", id=saga_id, input={"amount": number})
                except (OSError, http.client.HTTPException):
                    return
                if reply.status == 201:
                    acknowledged.append(saga_id)
        with self.server() as server:
            server.define(order_definition(self.participant))
            workers = [threading.Thread(target=load, args=(server, i)) for i in range(4)]
            for worker in workers:
                worker.start()
            until(lambda: len(acknowledged) >= 60, "60 sagas have started")
            server.kill()
            stop.set()
            for worker in workers:
                worker.join()
        with self.server() as server:
            for saga_id in acknowledged:
                self.assertIn(server.ended(saga_id)["state"], ("completed", "compensated"))
            server.stop()

    def test_tokens_outlive_the_server(self):
        with self.server() as server:
            server.define(order_definition(self.participant))
            self.participant.on("/pay", (202, {}, {"Skald-Pending": "true"}))
            server.start(definition="order", id="pend-1", input={"amount": 1})
            token = self.participant.wait_for("/pay")[0].headers["Skald-Token"]
            server.when("pend-1", lambda s: s["steps"][1]["waits_for"] == "answer", "it is pending")
            server.kill()
        self.assertEqual(stat.S_IMODE(os.stat(key_file(server.store)).st_mode), 0o600)
        with self.server() as server:
            reply = server.post("/api/v1/sagas/pend-1/steps/pay/complete",
                                {"token": token, "outcome": "succeeded", "output": 5})
            self.assertEqual(reply.status, 200, reply.body)
            self.assertEqual(server.ended("pend-1")["output"]["pay"], 5)
            server.stop()


class KilledOnSqlite(Killed):
    STORE_KIND = "sqlite"


class Stopped(Case):
    def test_graceful_stop(self):
        """What is on the wire is awaited, who waits is answered, and the exit code is 0."""
        release = threading.Event()
        self.addCleanup(release.set)
        with self.server() as server:
            server.define(order_definition(self.participant, retry="fixed_delay"))
            self.participant.on("/pay", lambda request: (release.wait(GIVE_UP_S), (200, {}))[1])
            server.start(definition="order", id="grace-1", input={"amount": 1})
            self.participant.wait_for("/pay")
            waiter = http.client.HTTPConnection(server.host, server.port, timeout=GIVE_UP_S)
            waiter.request("GET", "/api/v1/sagas/grace-1?wait=50s")
            self.assertEqual(server.get("/version").status, 200)  # so the one before is in, too
            server.process.send_signal(signal.SIGTERM)
            until(lambda: "server.stopping" in server.log_text(), "it is stopping")
            release.set()
            self.assertEqual(server.process.wait(GIVE_UP_S), 0, server.log_text())
            self.assertIn(waiter.getresponse().status, (200, 503))
            waiter.close()
        self.participant.on("/pay", (200, {}))
        with self.server() as server:
            self.assertEqual(server.ended("grace-1")["state"], "completed")
            self.assertEqual(self.participant.paths().count("/pay"), 1)
            server.stop()

    def test_second_signal_stops_at_once(self):
        release = threading.Event()
        self.addCleanup(release.set)
        with self.server("--grace", "1h") as server:
            server.define(order_definition(self.participant))
            self.participant.on("/pay", lambda request: (release.wait(GIVE_UP_S), (200, {}))[1])
            server.start(definition="order", id="twice-1", input={"amount": 1})
            self.participant.wait_for("/pay")
            server.process.send_signal(signal.SIGINT)
            until(lambda: "server.stopping" in server.log_text(), "it is stopping")
            server.process.send_signal(signal.SIGINT)
            self.assertEqual(server.process.wait(GIVE_UP_S), 1)


if __name__ == "__main__":
    unittest.main(verbosity=2)
