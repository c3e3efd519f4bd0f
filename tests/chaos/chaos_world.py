"""A server under a shim, participants with books behind proxies, one store: what the chaos tests share.

A world lives in one folder and can be opened again on what another run left there.
"""
import collections
import json
import mmap
import os
import pathlib
import resource
import shutil
import signal
import struct
import subprocess
import sys
import tempfile
import time

from cluster import BIN, READY_SECONDS, Client, Failure, Program

HERE = pathlib.Path(__file__).resolve().parent
SHIM = BIN.parent / "tests" / "libskald-shim.so"
SAGAS = sorted((HERE / "sagas").glob("*.saga.yaml"))
SETTINGS = ("lease.duration=3s", "lease.margin=500ms", "recovery.interval=2s", "server.grace=3s",
            "circuit_breaker.threshold=10", "circuit_breaker.timeout=500ms")


class Shim:
    """The page that shim.c reads: disk and clock of the server that was started with it."""
    FIELDS = ("sync_delay_us", "sync_failures", "write_failures", "is_full", "wall_offset_us",
              "syncs_count", "writes_count", "failures_count")

    def __init__(self, path):
        self.path = path
        path.write_bytes(bytes(8 * len(self.FIELDS)))
        with open(path, "r+b") as file:
            self.page = mmap.mmap(file.fileno(), 8 * len(self.FIELDS))

    def set(self, **values):
        for name, value in values.items():
            at = 8 * self.FIELDS.index(name)
            self.page[at:at + 8] = struct.pack("<q", value)

    def get(self, name):
        at = 8 * self.FIELDS.index(name)
        return struct.unpack("<q", self.page[at:at + 8])[0]

    def calm(self):
        self.set(sync_delay_us=0, sync_failures=0, write_failures=0, is_full=0, wall_offset_us=0)

    def environment(self):
        return {"LD_PRELOAD": str(SHIM), "SKALD_SHIM": str(self.path)}


class Service:
    """A participant that can be killed, behind a proxy that stays."""

    def __init__(self, folder, name, seed, is_guarded, temper):
        self.folder, self.name, self.seed = folder, name, seed
        self.is_guarded, self.temper = is_guarded, temper
        self.books = folder / f"{name}.db"
        self.server, self.starts = "", 0
        self.participant = self.proxy = None
        self.start()
        self.proxy = Program([sys.executable, HERE / "proxy.py", "--seed", seed, "--target",
                              f"127.0.0.1:{self.participant.port}"], folder / f"{name}-proxy.log",
                             stdin=subprocess.PIPE)
        self.url = f"http://127.0.0.1:{self.proxy.port}"

    def start(self):
        self.starts += 1
        options = ["--books", self.books, "--seed", self.seed + self.starts, "--temper", self.temper]
        options += ["--guarded"] if self.is_guarded else []
        options += ["--server", self.server] if self.server else []
        self.participant = Program([sys.executable, HERE / "participant.py", *options],
                                   self.folder / f"{self.name}.log")
        if self.proxy is not None:
            self.order(target=f"127.0.0.1:{self.participant.port}")

    def restart(self):
        self.participant.kill()
        self.start()

    def order(self, **order):
        self.proxy.process.stdin.write(json.dumps(order).encode() + b"\n")
        self.proxy.process.stdin.flush()

    def counts(self):
        self.order(count=True)
        return json.loads(self.proxy.process.stdout.readline())

    def close(self):
        for program in (self.participant, self.proxy):
            if program is not None and program.is_running():
                program.kill()


class World:
    """tempers: {name: (is_guarded, temper)}, the services that the definitions name."""

    def __init__(self, tempers, seed, folder=None, kind=None):
        self.is_kept = folder is not None
        self.folder = pathlib.Path(folder or tempfile.mkdtemp(prefix="skald-chaos-"))
        self.folder.mkdir(parents=True, exist_ok=True)
        kind = kind or os.environ.get("CHAOS_STORE", "sqlite")  # or journal
        self.store_path = self.folder / ("skald.db" if kind == "sqlite" else "skald")
        self.store = f"{kind}:{self.store_path}"
        self.shim = Shim(self.folder / "shim")
        self.server, self.port, self.starts, self.services = None, 0, 0, []
        self.met = collections.Counter()  # what came of the faults
        try:
            for number, (name, (is_guarded, temper)) in enumerate(tempers.items()):
                self.services.append(Service(self.folder, name, seed * 1000 + number * 100, is_guarded,
                                             temper))
        except BaseException:
            self.close(keep=False)
            raise

    # ---- the server ------------------------------------------------------------------------------

    def log_path(self):
        return self.folder / f"server-{self.starts % 4}.log"

    def start_server(self, *settings):
        """Listening, maybe still recovering; only the last logs are kept."""
        self.starts += 1
        log = self.log_path()
        log.unlink(missing_ok=True)
        endpoints = [f"services.{service.name}.endpoint={service.url}" for service in self.services]
        options = [word for setting in (*SETTINGS, *endpoints, *settings) for word in ("--set", setting)]
        self.server = Program([BIN / "skald", "serve", "--store", self.store, "--listen",
                               f"127.0.0.1:{self.port}", "--log-level", "warn", "--log-format", "json",
                               *options], log, env=self.shim.environment())
        self.port = self.server.port

    def start_all(self):
        """The first start: everything is defined, and participants know where to complete."""
        self.start_server()
        self.await_ready()
        subprocess.run([str(BIN / "skald"), "define", "--server", f"http://127.0.0.1:{self.port}",
                        *map(str, SAGAS)], check=True, stdout=subprocess.DEVNULL)
        for service in self.services:
            service.server = f"127.0.0.1:{self.port}"
            service.restart()

    def client(self, timeout=60):
        return Client("127.0.0.1", self.port, timeout)

    def log(self):
        return self.log_path().read_text(errors="replace")

    def await_ready(self, may_end=False, seconds=READY_SECONDS):
        """True once sagas are served and the store can be read; False when it ended by itself, or needs
        longer, and that is allowed."""
        client, deadline = self.client(5), time.monotonic() + seconds
        while client.call("GET", "/readyz")[0] != 200 or \
                client.call("GET", "/api/v1/sagas?limit=1")[0] != 200:
            if not self.server.is_running():
                if may_end:
                    return False
                raise Failure(f"the server ended by itself ({self.server.process.returncode}): "
                              f"{self.server.tail()}")
            if time.monotonic() > deadline:
                if may_end and seconds < READY_SECONDS:
                    return False
                raise Failure(f"the server is not ready after {READY_SECONDS} s: {self.server.tail()}")
            time.sleep(0.005)
        client.close()
        return True

    def limit(self, what, soft):
        """A limit of the running server, put back with soft=None; the hard one stays."""
        _, hard = resource.prlimit(self.server.process.pid, what)
        resource.prlimit(self.server.process.pid, what, (hard if soft is None else soft, hard))

    def signal(self, number):
        self.server.process.send_signal(number)

    # ---- everybody -------------------------------------------------------------------------------

    def calm(self):
        """Whatever was wrong is right again; a frozen process goes on."""
        self.shim.calm()
        for service in self.services:
            service.order(faults={}, refuse=False)
            service.participant.process.send_signal(signal.SIGCONT)
        if self.server is not None and self.server.is_running():
            self.signal(signal.SIGCONT)
            for what in (resource.RLIMIT_FSIZE, resource.RLIMIT_NOFILE, resource.RLIMIT_AS):
                self.limit(what, None)

    def await_end(self, seconds):
        """As the client's."""
        client = self.client(120)
        resumed = client.await_end(seconds)
        client.close()
        return resumed

    def audit(self, *options, started=()):
        """The audit's report as a dictionary; what it cannot read is a failure."""
        names = self.folder / "started.txt"
        names.write_text("\n".join(started))
        done = subprocess.run([sys.executable, str(HERE / "audit"), "--server",
                               f"http://127.0.0.1:{self.port}", "--books",
                               *[str(service.books) for service in self.services],
                               "--started", str(names), "--json", *options],
                              capture_output=True, text=True, check=False)
        if not done.stdout:
            raise Failure(f"the audit cannot read: {done.stderr[-2000:]}")
        return json.loads(done.stdout)

    def check_store(self):
        """Of a stopped server: sound, and each saga's events fold to its head. What is wrong."""
        done = subprocess.run([str(BIN / "skald"), "store", "check", "--json", "--store", self.store],
                              capture_output=True, text=True, check=False)
        found = json.loads(done.stdout) if done.stdout else {"problems": [done.stderr], "sagas": 0}
        problems = [f"store check: {problem}" for problem in found["problems"]]
        return problems if done.returncode == 0 or problems else [f"store check ended {done.returncode}"]

    def close(self, keep):
        if self.server is not None and self.server.is_running():
            self.server.kill()
        for service in self.services:
            service.close()
        if keep or self.is_kept:
            print(f"kept: {self.folder}")
        else:
            shutil.rmtree(self.folder, ignore_errors=True)
