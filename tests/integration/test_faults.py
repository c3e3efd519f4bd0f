#!/usr/bin/env python3
"""Trouble on one machine: a full disk that gets room again, too few descriptors, participants that are slow
or dead beside healthy ones, ten thousand starts at once. Nothing that was acknowledged is lost, memory is
bounded, and messages say what is the matter."""
import asyncio
import json
import os
import pathlib
import resource
import shutil
import socket
import tempfile
import threading
import time
import unittest

from skald_world import GIVE_UP_S, Participant, Server, memory_of, order_definition, store_url, until

STARTS = int(os.environ.get("STARTS", "10000"))
CONNECTIONS = 200
MIB = 1 << 20


def waiting_definition():
    """A saga that calls nobody: accepted, then waits."""
    return ("saga: { id: waits, name: waits, version: '1', description: waits for a signal }\n"
            "steps:\n  - { id: wait, name: wait, type: wait, wait: { signal: go } }\n")


class Faults(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix="skald-faults-")

    def tearDown(self):
        shutil.rmtree(self.folder)

    # ---- the disk ------------------------------------------------------------------------------

    def limit_files(self, server, size):
        resource.prlimit(server.process.pid, resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))

    def test_full_disk_and_back(self):
        """A limit on the size of files stands for a full disk: writes fail, then work again. On a file that
        grows: a journal has its room beforehand (chaos fills a real disk under it)."""
        url = store_url(self.folder, "sqlite")
        with Participant() as participant, Server(self.folder, store=url) as server:
            server.define(order_definition(participant))
            acknowledged = [server.start(definition="order", id=f"before-{n}", input={"amount": n}).json["id"]
                            for n in range(20)]
            for saga in acknowledged:
                server.ended(saga)
            largest = max(p.stat().st_size for p in pathlib.Path(self.folder).iterdir())
            self.limit_files(server, largest + 16 * 1024)
            refused = None
            for n in range(2000):
                answer = server.start(definition="order", id=f"full-{n}",
                                      input={"amount": n, "padding": "x" * 2000})
                if answer.status != 201:
                    refused = answer
                    break
                acknowledged.append(answer.json["id"])
            self.assertIsNotNone(refused, "the disk never became full")
            self.assertEqual(refused.status, 503, refused.body)
            self.assertIn("Retry-After", refused.headers)
            self.assertEqual(server.get("/healthz").status, 200)
            self.assertIn("store.degraded", server.log_text())
            self.assertRegex(server.log_text(), "full|space|too large")
            # What was acknowledged can still be read, and is as it was durable.
            for saga in acknowledged:
                self.assertEqual(server.get(f"/api/v1/sagas/{saga}").status, 200)

            self.limit_files(server, resource.RLIM_INFINITY)
            until(lambda: server.start(definition="order", id="after", input={"amount": 1}).status in (200, 201),
                  "starts are taken again")
            for saga in [*acknowledged, "after"]:
                self.assertEqual(server.ended(saga)["state"], "completed")
            self.once_each(participant)

    def once_each(self, participant):
        """Each effect of each saga was asked for under one key, and done once."""
        done = {}
        for request in participant.requests:
            done.setdefault(request.headers["Idempotency-Key"], set()).add(request.body)
        for key, bodies in done.items():
            self.assertEqual(len(bodies), 1, f"{key} was sent with different bodies")

    # ---- descriptors ---------------------------------------------------------------------------

    def more_connections_than_allowed(self, server, count):
        idle = [socket.create_connection((server.host, server.port), GIVE_UP_S) for _ in range(count)]
        idle[0].sendall(b"GET /healthz HTTP/1.0\r\n\r\n")
        self.assertIn(b"200", idle[0].recv(100))
        for connection in idle:
            connection.close()

    def few_descriptors(self, loops, client):
        def slow(request):
            time.sleep(0.02)  # so that the sagas' calls meet
            return 200, {}

        folder = os.path.join(self.folder, f"{client}-{loops}")
        os.mkdir(folder)
        with Participant() as participant, \
                Server(folder, "--loops", str(loops), "--set", f"http.client={client}",
                       under=("prlimit", "--nofile=64:64")) as server:
            self.assertIn("ulimit -n", server.log_text())
            for path in ("/reserve", "/pay", "/ship"):
                participant.on(path, slow)
            server.define(order_definition(participant, retry="fixed_delay"))
            if client == "libevent":
                self.more_connections_than_allowed(server, 12)
            sagas = [server.start(definition="order", id=f"few-{n}", input={"amount": n}) for n in range(60)]
            for answer in sagas:
                self.assertEqual(answer.status, 201, answer.body)
                self.assertEqual(server.ended(answer.json["id"])["state"], "completed")
                events = server.get(f"/api/v1/sagas/{answer.json['id']}/events?limit=1000").body
                self.assertNotIn(b'"code":"network"', events.replace(b" ", b""))

    def test_few_descriptors(self):
        """Connections share what there is: more of them wait, no exchange fails for want of a descriptor,
        and sagas go on; whatever the loops and the client of HTTP."""
        for loops in (1, 2):
            for client in ("libevent", "libcurl"):
                with self.subTest(loops=loops, client=client):
                    self.few_descriptors(loops, client)

    # ---- participants --------------------------------------------------------------------------

    def test_slow_and_dead_beside_healthy(self):
        """Sagas of a healthy participant are not held up by those of a dead and of a slow one."""
        release = threading.Event()

        def slow(request):
            release.wait(GIVE_UP_S)
            return 200, {}

        dead = socket.socket()
        dead.bind(("127.0.0.1", 0))  # not listening: refused
        with Participant() as healthy, Participant() as sick, \
                Server(self.folder, "--set", "circuit_breaker.enabled=off") as server:
            for path in ("/reserve", "/pay", "/ship"):
                sick.on(path, slow)
            server.define(order_definition(healthy, "healthy").replace("name: books", "name: healthy"))
            server.define(order_definition(sick, "slow").replace("name: books", "name: slow"))
            nobody = type("Nobody", (), {"url": f"http://127.0.0.1:{dead.getsockname()[1]}"})
            server.define(order_definition(nobody, "dead", retry="fixed_delay").replace("name: books", "name: dead"))
            held = [server.start(definition="slow", id=f"slow-{n}", input={}).json["id"] for n in range(50)]
            refused = [server.start(definition="dead", id=f"dead-{n}", input={}).json["id"] for n in range(50)]
            sick.wait_for("/reserve", 20)
            before = memory_of(server)
            for n in range(100):
                saga = server.start(definition="healthy", id=f"healthy-{n}", input={}).json["id"]
                self.assertEqual(server.ended(saga)["state"], "completed")
            self.assertLess(memory_of(server) - before, 64 * MIB)
            for saga in refused:
                ended = server.ended(saga)
                self.assertEqual(ended["state"], "compensated")
                self.assertIn(ended["error"]["code"], ("connection_refused", "circuit_open"))
            release.set()
            for saga in held:
                self.assertIn(server.ended(saga)["state"], ("completed", "compensated"))
        dead.close()

    # ---- very many starts ----------------------------------------------------------------------

    def test_ten_thousand_starts_at_once(self):
        with Server(self.folder) as server:
            self.assertEqual(server.define(waiting_definition()).status, 201)
            before = memory_of(server)
            statuses = asyncio.run(flood(server, STARTS))
            accepted = [saga for saga, status in statuses.items() if status == 201]
            self.assertEqual(set(statuses.values()) - {201, 429, 503}, set())
            self.assertGreater(len(accepted), STARTS // 2)
            grown = memory_of(server) - before
            print(f"faults: {len(accepted)} of {STARTS} starts accepted, {grown >> 20} MiB more memory")
            self.assertLess(grown, 400 * MIB)
            tallies = server.get("/api/v1/stats").json["by_state"]
            self.assertEqual(tallies["running"] + tallies["pending"], len(accepted))
            server.kill()
        with Server(self.folder) as server:
            tallies = server.get("/api/v1/stats").json["by_state"]
            self.assertEqual(tallies["running"] + tallies["pending"], len(accepted))
            for saga in accepted[:: max(1, len(accepted) // 100)]:
                self.assertEqual(server.get(f"/api/v1/sagas/{saga}").status, 200)


async def flood(server, count):
    """`count` starts over CONNECTIONS connections, each as fast as it gets answers: {id: status}."""
    statuses, numbers = {}, iter(range(count))

    async def client():
        reader, writer = await asyncio.open_connection(server.host, server.port)
        for number in numbers:
            saga = f"flood-{number}"
            body = json.dumps({"definition": "waits", "id": saga, "input": {"n": number}}).encode()
            writer.write(b"POST /api/v1/sagas HTTP/1.1\r\nHost: skald\r\nContent-Type: application/json\r\n"
                         b"Content-Length: %d\r\n\r\n" % len(body) + body)
            await writer.drain()
            head = await reader.readuntil(b"\r\n\r\n")
            statuses[saga] = int(head.split(None, 2)[1])
            length = next(int(line.split(b":")[1]) for line in head.split(b"\r\n")
                          if line.lower().startswith(b"content-length"))
            await reader.readexactly(length)
        writer.close()

    await asyncio.gather(*(client() for _ in range(CONNECTIONS)))
    return statuses


if __name__ == "__main__":
    unittest.main(verbosity=2)
