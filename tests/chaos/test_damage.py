#!/usr/bin/env python3
"""A store that was damaged while nobody served it: one bit is turned, and then either nothing is
different, or whoever asks for the saga that was hit is told so (500), and the check of the store finds it.
No saga that is served has changed. DAMAGE_FLIPS bits of each store, each in a copy of its own; those that hit payloads
are chosen on purpose."""
import os
import random
import shutil
import subprocess
import time
import unittest

from chaos_world import World
from cluster import BIN, Client, Failure, Program

FLIPS = int(os.environ.get("DAMAGE_FLIPS", "10"))
SEED = int(os.environ.get("DAMAGE_SEED", str(random.SystemRandom().randrange(1 << 31))))
SAGAS = 30
NOBODY = "http://127.0.0.1:1"
SERVED_S = 10


def look(port):
    """{saga: (status, body of it, status, body of its events)}; None: the list itself is refused."""
    client, seen = Client("127.0.0.1", port, 20), {}
    try:
        for saga in client.pages("/api/v1/sagas?limit=1000"):
            where = f"/api/v1/sagas/{saga['id']}"
            seen[saga["id"]] = (*client.call("GET", where), *client.call("GET", where + "/events?limit=1000"))
    except Failure:
        return None
    finally:
        client.close()
    return seen


class Damage(unittest.TestCase):
    def open(self, kind):
        print(f"damage: seed {SEED}, {FLIPS} flips of a {kind} store", flush=True)
        self.world = World({"guarded": (True, "no=0.1"), "bare": (False, "")}, 7, kind=kind)
        self.addCleanup(lambda: self.world.close(keep=False))
        self.kind = kind

    def fill(self):
        """A store that was stopped properly; what its sagas look like."""
        self.world.start_all()
        client = self.world.client()
        for number in range(SAGAS):
            status, _ = client.call("POST", "/api/v1/sagas", {
                "id": f"d{number}", "definition": ("chain", "fan", "bare")[number % 3],
                "input": {"n": number, "items": [1, 2]}})
            self.assertEqual(status, 201)
        client.close()
        self.world.await_end(60)
        whole = look(self.world.port)
        self.assertEqual(self.world.server.stop(), 0)
        return whole

    def serve(self, path):
        """The server over a copy, or None with what it said when it refused it."""
        options = [word for name in ("guarded", "bare")
                   for word in ("--set", f"services.{name}.endpoint={NOBODY}")]
        log = self.world.folder / "damaged.log"
        log.unlink(missing_ok=True)
        try:
            server = Program([BIN / "skald", "serve", "--store", f"{self.kind}:{path}", "--listen", "127.0.0.1:0",
                              *options], log)
        except Failure:
            return None, log.read_text(errors="replace")
        client, deadline = Client("127.0.0.1", server.port, 5), time.monotonic() + SERVED_S
        while server.is_running() and client.call("GET", "/readyz")[0] != 200 and time.monotonic() < deadline:
            time.sleep(0.01)
        client.close()
        if server.is_running():
            return server, ""
        return None, log.read_text(errors="replace")

    def judge(self, path, whole):
        """What became of one flip."""
        server, said = self.serve(path)
        if server is None:
            self.assertRegex(said, "damaged|malformed|corrupt|truncated|not a database|restore a copy|disk image")
            return "refused"
        try:
            seen = look(server.port)
        finally:
            server.kill()
        if seen is None:
            return "lists refused"
        for saga, (status, body, events_status, events) in seen.items():
            if status != 200:
                self.assertEqual(status, 500, f"{saga} is neither served nor refused: {body}")
                continue
            self.assertEqual(body, whole[saga][1], f"{saga} was changed")
            if events_status == 200:
                self.assertEqual(events, whole[saga][3], f"the history of {saga} was changed")
        if seen == whole:
            return "nothing to see"
        found = subprocess.run([BIN / "skald", "store", "check", "--store", f"{self.kind}:{path}"],
                               capture_output=True, text=True, check=False)
        self.assertEqual(found.returncode, 1, f"the check finds nothing: {found.stdout}")
        return "named"

    def copy(self):
        """The store's files, once more and alone."""
        path = self.world.folder / f"damaged{self.world.store_path.suffix}"
        for left in self.world.folder.glob("damaged*"):
            shutil.rmtree(left) if left.is_dir() else left.unlink()
        if self.world.store_path.is_dir():
            shutil.copytree(self.world.store_path, path)
        else:
            shutil.copy(self.world.store_path, path)
            shutil.copy(f"{self.world.store_path}.key", f"{path}.key")
        return path

    def turn_bits(self):
        whole, chance, counts = self.fill(), random.Random(SEED), {}
        texts = []  # where a byte that says something lies
        for file in sorted(path for path in (self.copy(), *self.copy().rglob("*")) if path.is_file()):
            if file.suffix in (".db", ".log"):
                data = file.read_bytes()
                texts += [(file, at) for at in range(100, len(data)) if 48 <= data[at] <= 122]
        for _ in range(FLIPS):
            path, (file, at), bit = self.copy(), chance.choice(texts), 1 << chance.randrange(8)
            with file.open("r+b") as opened:
                opened.seek(at)
                turned = opened.read(1)[0] ^ bit
                opened.seek(at)
                opened.write(bytes([turned]))
            with self.subTest(file=file.name, at=at, bit=bit, seed=SEED):
                became = self.judge(path, whole)
                counts[became] = counts.get(became, 0) + 1
        self.assertGreater(sum(count for name, count in counts.items() if name != "nothing to see"), 0)
        print(f"damage: of a {self.kind} store: "
              + ", ".join(f"{count} {name}" for name, count in sorted(counts.items())))

    def test_sqlite(self):
        self.open("sqlite")
        self.turn_bits()

    def test_journal(self):
        self.open("journal")
        self.turn_bits()


if __name__ == "__main__":
    unittest.main(verbosity=2)
