"""exchanges: sagas over HTTP as a load: nginx as the participant, wrk as the one who starts them, `skald serve` or
limit-http between, and the processor time of its threads."""
import json
import os
import pathlib
import select
import shutil
import signal
import socket
import subprocess
import sys
import time

import server

HERE = pathlib.Path(__file__).resolve().parent / "http"
KINDS = {"happy": ("completed", 3), "undo": ("compensated", 5)}
THREADS = {"skald-commit": "commit", "skald-checkpt": "commit", "skald-index": "index", "limit-commit": "commit"}
SETTLE_S, GIVE_UP_S = 0.25, 60


def is_possible():
    """nginx and wrk are there."""
    return nginx_program() is not None and shutil.which("wrk") is not None


def nginx_program():
    return shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin:/usr/local/sbin")


class Participant:
    """nginx on a free port, in a folder of its own."""

    def __init__(self, bench):
        folder = self.folder = bench.work / "participant"
        folder.mkdir()
        self.port = free_port()
        text = (HERE / "nginx.conf").read_text().replace("@FOLDER@", str(folder)).replace("@PORT@", str(self.port))
        (folder / "nginx.conf").write_text(text)
        self.process = subprocess.Popen([nginx_program(), "-p", str(folder), "-c", str(folder / "nginx.conf"), "-e",
                                         str(folder / "error.log")], stderr=subprocess.DEVNULL)
        wait_for_port(self.process, self.port)

    def end(self):
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(GIVE_UP_S)


def free_port():
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        return bound.getsockname()[1]


def wait_for_port(process, port):
    until = time.monotonic() + GIVE_UP_S
    while time.monotonic() < until and process.poll() is None:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.01)
    sys.exit("bench: nginx does not come up")


def threads_us(pid):
    """CPU time by kind of thread; the loop is the process's own thread, and those of a server with several
    loops; `other` are the helpers."""
    spent = {"loop": 0.0, "commit": 0.0, "index": 0.0, "other": 0.0}
    for task in pathlib.Path(f"/proc/{pid}/task").iterdir():
        try:
            name = (task / "comm").read_text().strip()
            spent_ns = int((task / "schedstat").read_text().split()[0])
        except (FileNotFoundError, ProcessLookupError):
            continue
        is_loop = int(task.name) == pid or name.startswith("skald-loop-")
        kind = "loop" if is_loop else THREADS.get(name, "other")
        spent[kind] += spent_ns / 1000
    return spent


def settled_us(pid):
    """The same once the index has caught up."""
    until = time.monotonic() + GIVE_UP_S
    before = threads_us(pid)
    while time.monotonic() < until:
        time.sleep(SETTLE_S)
        now = threads_us(pid)
        if now["index"] - before["index"] < 200:
            return now
        before = now
    return before


def drive(port, kind, in_flight, seconds, script="start.lua"):
    command = ["wrk", "-t1", f"-c{in_flight}", f"-d{seconds}s", "--timeout", "30s", "-s", str(HERE / script),
               f"http://127.0.0.1:{port}"]
    state = KINDS[kind][0] if kind else ""
    done = subprocess.run(command, capture_output=True, text=True, check=False,
                          env=dict(os.environ, BENCH_KIND=kind or "", BENCH_STATE=state))
    lines = [line for line in done.stdout.splitlines() if line.startswith("{")]
    if done.returncode != 0 or not lines:
        sys.exit(f"bench: wrk: {done.stdout[-2000:]}{done.stderr[-2000:]}")
    found = json.loads(lines[-1])
    if found["bad"] > 0 or found["errors"] > 0 or found["requests"] == 0:
        sys.exit(f"bench: {found['bad']} answers were not as expected: {done.stdout[-2000:]}")
    return found


def measure(pid, port, kind, in_flight, seconds, script="start.lua"):
    drive(port, kind, in_flight, 1, script)
    before = settled_us(pid)
    found = drive(port, kind, in_flight, seconds, script)
    after = settled_us(pid)
    sagas = found["requests"]
    cpu = {f"{name}_us": (after[name] - before[name]) / sagas for name in after}
    without = sum(cpu.values()) - cpu["index_us"]
    return {**cpu, "cpu_us": without, "cpu_index_us": sum(cpu.values()), "sagas_per_cpu_s": 1e6 / without,
            "sagas_per_cpu_s_index": 1e6 / sum(cpu.values()), "sagas_per_s": sagas / found["seconds"],
            "ms_p50": found["p50"], "ms_p95": found["p95"], "ms_p99": found["p99"]}


def serve(bench, folder, participant, store, kind):
    """skald serve on a new store in the folder, with the definition; `libcurl` is a journal with that client."""
    text = (HERE / f"{kind}.saga.yaml").read_text().replace("@PORT@", str(participant.port))
    (folder / f"{kind}.saga.yaml").write_text(text)
    url = f"sqlite:{folder}/store.db" if store == "sqlite" else f"journal:{folder}/journal"
    client = ["--set", "http.client=libcurl"] if store == "libcurl" else []
    return server.Server(bench, url, folder, "--define", str(folder / f"{kind}.saga.yaml"), "--loops",
                         str(getattr(bench.args, "loops", 1)), *client)


def run_skald(bench, participant, store, kind, in_flight):
    with bench.folder() as folder, serve(bench, folder, participant, store, kind) as skald:
        return measure(skald.process.pid, skald.port, kind, in_flight, bench.args.seconds)


def run_limit(bench, participant, client, kind, in_flight):
    with bench.folder() as folder:
        process = subprocess.Popen(
            [bench.program("limit-http"), "--participant", str(participant.port), "--log", str(folder / "log"),
             "--client", client, "--calls", str(KINDS[kind][1]), "--record", str(bench.args.record_bytes)],
            stdout=subprocess.PIPE, text=True)
        try:
            ready = select.select([process.stdout], [], [], GIVE_UP_S)[0]
            line = process.stdout.readline() if ready else ""
            if not line.startswith("ready "):
                sys.exit("bench: limit-http does not come up")
            return measure(process.pid, int(line.split()[1]), kind, in_flight, bench.args.seconds, "limit.lua")
        finally:
            process.terminate()
            process.wait(GIVE_UP_S)
            process.stdout.close()
