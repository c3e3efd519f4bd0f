"""processes: servers as children of a bench: started with a log, their cost read from /proc, stopped and waited for.

The cost of an engine is that of all its process trees: user and system time of each process that lives and, through
its parent, of each that was waited for. A process that is started by another and leaves its tree would be missed;
none of those measured here does so."""
import contextlib
import os
import pathlib
import pwd
import random
import signal
import socket
import subprocess
import time

TICK = os.sysconf("SC_CLK_TCK")
READY_S, STOP_S = 90, 30


def free_ports(count, highest=0):
    """Ports that are free now: held together, so that no two are the same. `highest`: for who cannot take a higher."""
    with contextlib.ExitStack() as stack:
        found = []
        while len(found) < count:
            one = stack.enter_context(socket.socket())
            with contextlib.suppress(OSError):
                one.bind(("127.0.0.1", random.randrange(highest // 2, highest) if highest else 0))
                found.append(one.getsockname()[1])
        return found


class Failed(Exception):
    """A server that does not come up, with the end of its log."""


class Process:
    """A server. `counted`: it belongs to the engine that is measured, not to what is beside it."""

    def __init__(self, name, command, folder, env=None, counted=True, user=None):
        self.name, self.counted = name, counted
        self.log_path = pathlib.Path(folder) / f"{name}.log"
        with open(self.log_path, "ab") as log:
            self.process = subprocess.Popen([str(word) for word in command], cwd=folder, stdin=subprocess.DEVNULL,
                                            stdout=log, stderr=log, env=dict(os.environ, **(env or {})), user=user,
                                            group=user and pwd.getpwnam(user).pw_gid, extra_groups=[] if user else None)

    def fail(self, words):
        log = self.log_path.read_text(errors="replace")[-3000:]
        self.stop()
        raise Failed(f"{self.name} {words}: {log}")

    def await_ready(self, is_ready):
        """Asks until the answer is yes."""
        end = time.monotonic() + READY_S
        while not is_ready():
            if self.process.poll() is not None:
                self.fail(f"ended with {self.process.returncode}")
            if time.monotonic() > end:
                self.fail(f"is not ready after {READY_S} s")
            time.sleep(0.05)

    def stop(self, how=signal.SIGTERM):
        if self.process.poll() is not None:
            return
        self.process.send_signal(how)
        try:
            self.process.wait(STOP_S)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


def is_open(port):
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
        return True
    return False


def stat_of(pid):
    """(parent, CPU seconds of it and of the children it waited for)"""
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return int(fields[1]), sum(int(field) for field in fields[11:15]) / TICK


def lines_of(path):
    """{name: number} of a file of /proc with lines `name: number`; empty when the process has gone."""
    with contextlib.suppress(OSError, ProcessLookupError):
        rows = (line.split() for line in pathlib.Path(path).read_text().splitlines())
        return {row[0].rstrip(":"): int(row[1]) for row in rows if len(row) > 1 and row[1].isdigit()}
    return {}


def tree(root):
    """{pid: CPU seconds} of a process and all that descend from it."""
    rows = {}
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            with contextlib.suppress(OSError, ProcessLookupError):
                rows[int(entry)] = stat_of(entry)
    found, left = {}, [root]
    while left:
        pid = left.pop()
        if pid in rows:
            found[pid] = rows[pid][1]
            left += [child for child, (parent, _) in rows.items() if parent == pid]
    return found


class Cost:
    """What the counted processes have used up to now; memory is that of the moment."""

    def __init__(self, processes, with_memory=False):
        self.cpu, self.pss, self.rss = {}, 0, 0
        for process in processes:
            if not process.counted:
                continue
            pids = tree(process.process.pid)
            self.cpu[process.name] = self.cpu.get(process.name, 0) + sum(pids.values())
            for pid in pids if with_memory else ():
                memory = lines_of(f"/proc/{pid}/smaps_rollup")
                self.pss += memory.get("Pss", 0) * 1024
                self.rss += memory.get("Rss", 0) * 1024

    def cpu_since(self, before):
        """{process: CPU seconds}"""
        return {name: used - before.cpu.get(name, 0) for name, used in self.cpu.items()}


def written_bytes(folder):
    """What the device of a folder was given to write up to now, by anybody: everything that waits is written first.

    Not `write_bytes` of /proc/PID/io: that counts a large folio whole for each byte in it that becomes dirty, up to
    a MiB a commit for logs that are preallocated."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.sync()
        device = os.fstat(handle).st_dev
    finally:
        os.close(handle)
    stat = pathlib.Path(f"/sys/dev/block/{os.major(device)}:{os.minor(device)}/stat")
    return int(stat.read_text().split()[6]) * 512 if stat.exists() else 0


def kept_bytes(folder):
    """What a folder takes on the disk, as `du` counts, without PostgreSQL's log of changes, which is used again."""
    total = 0
    for path, folders, files in os.walk(folder):
        folders[:] = [name for name in folders if name != "pg_wal"]
        for name in files:
            with contextlib.suppress(OSError):
                total += os.lstat(os.path.join(path, name)).st_blocks * 512
    return total
