#!/usr/bin/env python3
"""Many sagas that only wait: a server that is killed and started again serves them all within 30 seconds,
and in little memory. $PARKED_SAGAS says how many (100,000; `make prove` a million)."""
import os
import random
import shutil
import subprocess
import sys
import tempfile
import time
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "integration"))
from skald_world import SKALD, Server, memory_of  # noqa: E402

SAGAS = int(os.environ.get("PARKED_SAGAS", "100000"))
WOKEN = 300
SERVED_WITHIN_S = 30


class Parked(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix="skald-parked-")
        self.store = f"sqlite:{self.folder}/test.db"

    def tearDown(self):
        shutil.rmtree(self.folder)

    def serve(self):
        """The server, ready, and how long that took."""
        before = time.monotonic()
        server = Server(self.folder, store=self.store)
        return server, time.monotonic() - before

    def wake(self, server, number):
        saga = f"parked-{number}"
        answer = server.post(f"/api/v1/sagas/{saga}/signals", {"name": "go", "id": f"wake-{number}"})
        self.assertIn(answer.status, (200, 202), answer.body)
        self.assertEqual(server.ended(saga)["state"], "completed")

    def test_served_again(self):
        began = time.monotonic()
        subprocess.run([SKALD, "bench", "--parked", "--sagas", str(SAGAS), "--store", self.store, "--json"],
                       check=True, stdout=subprocess.DEVNULL, timeout=3600)
        print(f"parked: {SAGAS} sagas started in {time.monotonic() - began:.1f} s", flush=True)
        chosen = random.Random(SAGAS).sample(range(1, SAGAS + 1), 2 * WOKEN)
        woken = 0
        for part in (chosen[:WOKEN], chosen[WOKEN:]):
            server, seconds = self.serve()
            with server:
                memory = memory_of(server)
                self.wake(server, part[0])
                first = time.monotonic()
                for number in part[1:]:
                    self.wake(server, number)
                woken += len(part)
                tallies = server.get("/api/v1/stats").json["by_state"]
                self.assertEqual((tallies["running"], tallies["completed"]), (SAGAS - woken, woken))
                print(f"parked: served after {seconds:.2f} s, {memory / SAGAS:.0f} bytes of memory a saga "
                      f"({memory >> 20} MiB), {(time.monotonic() - first) / len(part) * 1000:.1f} ms to wake "
                      f"one and see its end", flush=True)
                self.assertLess(seconds, SERVED_WITHIN_S)
                server.kill()


if __name__ == "__main__":
    unittest.main(verbosity=2)
