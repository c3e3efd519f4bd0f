"""server: `skald serve` as a process of a bench, and a client with one connection."""
import http.client
import json
import os
import pathlib
import select
import signal
import subprocess
import sys
import time

GIVE_UP_S = 900


class Server:
    """Ready when made; `ready_s` says how long that took from the start of the process."""

    def __init__(self, bench, store, folder, *options):
        self.folder = pathlib.Path(folder)
        ready = self.folder / f"ready-{time.monotonic_ns()}"
        self.log = open(self.folder / "server.log", "ab")
        self.began = time.monotonic()
        self.process = subprocess.Popen(
            [bench.program("skald"), "serve", "--store", store, "--listen", "127.0.0.1:0", "--ready-file", str(ready),
             "--log-level", "error", *options], stdout=subprocess.PIPE, stderr=self.log)
        line = ""
        if select.select([self.process.stdout], [], [], GIVE_UP_S)[0]:
            line = self.process.stdout.readline().decode()
        if "http://" not in line:
            self.fail()
        self.port = int(line.rsplit(":", 1)[1].strip().rstrip("/"))
        self.listens_s = time.monotonic() - self.began
        while not ready.exists():
            if self.process.poll() is not None or time.monotonic() - self.began > GIVE_UP_S:
                self.fail()
            time.sleep(0.002)
        self.ready_s = time.monotonic() - self.began
        self.connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=GIVE_UP_S)

    def fail(self):
        self.process.kill()
        self.process.wait()
        sys.exit("bench: the server does not come up:\n" + (self.folder / "server.log").read_text()[-3000:])

    def ask(self, method, path, body=None, kind="application/json"):
        """(status, JSON)"""
        if body is not None and not isinstance(body, (str, bytes)):
            body = json.dumps(body)
        self.connection.request(method, path, body, {"Content-Type": kind} if body is not None else {})
        reply = self.connection.getresponse()
        text = reply.read()
        return reply.status, json.loads(text) if text else None

    def get(self, path):
        status, answer = self.ask("GET", path)
        if status != 200:
            sys.exit(f"bench: GET {path}: {status} {answer}")
        return answer

    def timed(self, path):
        """(seconds, JSON) of one GET."""
        start = time.perf_counter()
        answer = self.get(path)
        return time.perf_counter() - start, answer

    def memory(self):
        """Resident bytes."""
        pages = int(pathlib.Path(f"/proc/{self.process.pid}/statm").read_text().split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE")

    def end(self, how=signal.SIGTERM):
        self.connection.close()
        self.process.send_signal(how)
        self.process.wait(GIVE_UP_S)
        self.process.stdout.close()
        self.log.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.end()


def disk_bytes(folder):
    """What the files of a folder take on the disk, without what was made beforehand and holds nothing yet."""
    total = 0
    for path in pathlib.Path(folder).rglob("*"):
        if path.is_file() and path.suffix != ".log":
            total += path.stat().st_blocks * 512
    return total
