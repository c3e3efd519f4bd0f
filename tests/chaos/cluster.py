"""The programs of the chaos tests: a server and participants that are killed, and a small
HTTP client that takes a dead server for an ordinary answer."""
import http.client
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import time

BIN = pathlib.Path(os.environ.get("SKALD_BIN_DIR", "build/dev/bin")).resolve()
SOURCE = pathlib.Path(os.environ.get("SKALD_SOURCE_DIR",
                                     pathlib.Path(__file__).resolve().parent.parent.parent))
READY_SECONDS = 60
ACTIVE = "pending,running,compensating,suspended"


class Failure(Exception):
    """The system did what it must not."""


class Program:
    """One process; it ends with this one (setpriv), however this one ends."""

    def __init__(self, argv, log, env=None, stdin=subprocess.DEVNULL):
        self.log = log
        with open(log, "ab") as out:
            self.process = subprocess.Popen(
                ["setpriv", "--pdeathsig", "KILL", *map(str, argv)], stdin=stdin,
                stdout=subprocess.PIPE, stderr=out, env=dict(os.environ, **(env or {})))
        line = self.process.stdout.readline().decode()
        if "http://" not in line:
            self.kill()
            raise Failure(f"{argv[0]} did not start: {line}\n{self.tail()}")
        host, port = line.strip().rsplit("http://", 1)[1].rsplit(":", 1)
        self.host, self.port = host, int(port)

    def is_running(self):
        return self.process.poll() is None

    def kill(self):
        self.process.kill()
        self.process.wait()
        self.process.stdout.close()
        if self.process.stdin is not None:
            self.process.stdin.close()

    def stop(self, seconds=30):
        """SIGTERM; the exit code."""
        self.process.terminate()
        code = self.process.wait(timeout=seconds)
        self.process.stdout.close()
        return code

    def tail(self, size=4000):
        text = pathlib.Path(self.log).read_text(errors="replace")
        return text[-size:]


class Client:
    """One connection, kept; (0, None) when nobody answers. Not shared between threads."""

    def __init__(self, host, port, timeout=60):
        self.host, self.port, self.timeout = host, port, timeout
        self.connection = None

    def call(self, method, path, body=None, headers=None):
        try:
            if self.connection is None:
                self.connection = http.client.HTTPConnection(self.host, self.port,
                                                             timeout=self.timeout)
            payload = None if body is None else json.dumps(body)
            self.connection.request(method, path, payload,
                                    {"Content-Type": "application/json", **(headers or {})})
            answer = self.connection.getresponse()
            text = answer.read()
            return answer.status, json.loads(text) if text else None
        except (OSError, http.client.HTTPException, ValueError):
            self.close()
            return 0, None

    def close(self):
        if self.connection is not None:
            self.connection.close()
            self.connection = None

    def pages(self, path):
        """All items of a list, page by page."""
        cursor, items = "", []
        while cursor is not None:
            status, page = self.call("GET", path + ("&cursor=" + cursor if cursor else ""))
            if status != 200:
                raise Failure(f"GET {path}: {status} {page}")
            items += page["items"]
            cursor = page["next"]
        return items

    def await_end(self, seconds):
        """Until no saga is active; those that too many faults have suspended are resumed. How many
        were."""
        deadline, resumed = time.monotonic() + seconds, 0
        while active := self.pages(f"/api/v1/sagas?limit=1000&state={ACTIVE}"):
            for saga in active:
                if saga["state"] == "suspended":
                    resumed += 1
                    self.call("POST", f"/api/v1/sagas/{saga['id']}/resume",
                              {"by": "chaos", "reason": "the faults are over"})
            if time.monotonic() > deadline:
                _, why = self.call("GET", f"/api/v1/sagas/{active[0]['id']}/explain")
                raise Failure(f"{len(active)} sagas have not ended after {seconds} s; one of them: {why}")
            self.call("GET", f"/api/v1/sagas/{active[-1]['id']}?wait=2s")
        return resumed


class World:
    """A folder with one store and one set of books, and the programs over them: participants behind a
    proxy, and a server."""

    def __init__(self, seed, participants=()):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="skald-chaos-"))
        self.books = self.folder / "books.db"
        kind = os.environ.get("KILL_STORE", "sqlite")  # or journal
        self.store = f"{kind}:{self.folder}/skald{'.db' if kind == 'sqlite' else ''}"
        self.options = participants
        self.loops = os.environ.get("KILL_LOOPS", "1,2").split(",")  # take turns from start to start
        self.server, self.port = None, 0
        self.starts = 0
        self.participants = self.proxy = None
        self.start_participants()
        self.proxy = Program([sys.executable, pathlib.Path(__file__).resolve().parent / "proxy.py", "--seed",
                              seed, "--target", self.address()], self.folder / "proxy.log",
                             stdin=subprocess.PIPE)

    def start_participants(self):
        self.participants = Program([BIN / "example-participants", "--books", self.books, "--listen",
                                     "127.0.0.1:0", *self.options], self.folder / "participants.log")
        if self.proxy is not None:
            self.order(target=self.address())

    def address(self):
        return f"{self.participants.host}:{self.participants.port}"

    def order(self, **order):
        """To the proxy."""
        self.proxy.process.stdin.write(json.dumps(order).encode() + b"\n")
        self.proxy.process.stdin.flush()

    def start_server(self):
        """Listening, maybe still recovering. Only the last logs are kept."""
        self.starts += 1
        log = self.folder / f"server-{self.starts % 3}.log"
        log.unlink(missing_ok=True)
        self.server = Program([BIN / "skald", "serve", "--store", self.store,
                               "--loops", self.loops[self.starts % len(self.loops)], "--listen", f"127.0.0.1:{self.port}", "--log-level", "warn",
                               "--set", "circuit_breaker.timeout=2s"], log)
        self.port = self.server.port

    def client(self, timeout=60):
        return Client("127.0.0.1", self.port, timeout)

    def await_ready(self):
        client, deadline = self.client(), time.monotonic() + READY_SECONDS
        while client.call("GET", "/readyz")[0] != 200:
            if not self.server.is_running():
                raise Failure(f"the server ended by itself: {self.server.tail()}")
            if time.monotonic() > deadline:
                raise Failure(f"the server is not ready after {READY_SECONDS} s")
            time.sleep(0.002)
        client.close()

    def define(self, *files):
        skald = str(BIN / "skald")
        where = f"http://127.0.0.1:{self.port}"
        url = f"http://{self.proxy.host}:{self.proxy.port}"
        subprocess.run([skald, "define", "--server", where, *[str(SOURCE / f) for f in files]],
                       env=dict(os.environ, PARTICIPANTS_URL=url), check=True,
                       stdout=subprocess.DEVNULL)

    def close(self, keep):
        for program in (self.server, self.participants, self.proxy):
            if program is not None and program.is_running():
                program.kill()
        if keep:
            print(f"kept: {self.folder}")
        else:
            shutil.rmtree(self.folder, ignore_errors=True)
