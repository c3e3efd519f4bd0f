"""The faults that the chaos test draws from, one function each, and the load that runs meanwhile.

A fault function does its harm, waits, puts things right, and leaves a server that is ready or about to
be. It raises Failure when the server did what it must not: ended by itself where it should go on, or
did not say why it ended.
"""
import itertools
import random
import re
import resource
import signal
import socket
import subprocess
import threading
import time

from cluster import BIN, Client, Failure

WORKERS = 5
PAUSE_S = 0.25  # of a worker between two starts, on average
NETWORK = {"delay": 0.06, "dribble": 0.04, "lose": 0.05, "half-up": 0.04, "half-down": 0.04, "reset": 0.06,
           "cut": 0.06, "deaf": 0.03, "hold": 0.05, "replay": 0.06}
HOGS = 300
MIB = 1 << 20
FULL = "full|space|too large"


# What a person does to a saga, how often, and the event that an answered command has left.
COMMANDS = {"cancel": (6, "operator.cancel"), "force-cancel": (2, "operator.force_cancel"),
            "suspend": (3, "operator.suspend"), "resume": (3, "operator.resume"),
            "retry": (3, "operator.retry")}
SEEN_MAX = 50


class Load:
    """Starts, signals and commands from several threads; knows what was acknowledged."""

    def __init__(self, world, seed):
        self.world, self.seed = world, seed
        self.lock, self.over = threading.Lock(), threading.Event()
        self.acknowledged, self.commanded, self.keys = [], [], {}
        self.refused, self.threads = [], []
        for number in range(WORKERS):
            self.threads.append(threading.Thread(target=self.work, args=(number,), daemon=True))
            self.threads[-1].start()

    @staticmethod
    def draw(chance):
        definition = chance.choices(("chain", "fan", "pivot", "bare", "family", "keeps", "patient"),
                                    (4, 4, 2, 4, 2, 1, 2))[0]
        return definition, {"n": chance.randint(1, 1000), "items": list(range(chance.randint(0, 5))),
                            "shelf": chance.randint(1, 3), "residue": chance.random() < 0.5,
                            "failed": chance.random() < 0.3, "is_over": False}

    def work(self, number):
        chance, recent = random.Random(f"{self.seed}/{number}"), []
        client = Client("127.0.0.1", self.world.port, timeout=20)
        for count in itertools.count():
            if self.over.wait(chance.uniform(0, 2 * PAUSE_S)):
                break
            definition, data = self.draw(chance)
            name = f"c{self.seed}-{number}-{count}"
            saga = self.start(client, name, definition, data, chance.random() < 0.6, chance.random() < 0.2)
            if saga is None:
                continue
            recent = [*recent[-SEEN_MAX:], saga]
            if definition == "patient" and chance.random() < 0.7:
                self.ask(client, saga, "signals", "signal.received", {"name": "go", "id": f"{saga}-go", "data": 1})
            if chance.random() < 0.15:
                self.over.wait(chance.uniform(0, 0.2))
                self.command(client, chance, chance.choice(recent), count)
        client.close()

    def start(self, client, name, definition, data, is_stubborn, has_key):
        """The id, once it is acknowledged. A stubborn client repeats its start until somebody answers;
        another gives up. With a key it is the server that draws the id."""
        body = {"definition": definition, "input": data, "business_key": name}
        body |= {} if has_key else {"id": name}
        headers = {"Idempotency-Key": name} if has_key else {}
        while True:
            status, answer = client.call("POST", "/api/v1/sagas", body, headers)
            if status in (200, 201) and answer is None:
                self.refused.append(f"start {name}: {status} and nothing more")
                return None
            if status in (200, 201):
                with self.lock:
                    self.acknowledged.append(answer["id"])
                    if self.keys.setdefault(name, answer["id"]) != answer["id"]:
                        self.refused.append(f"{name} is {self.keys[name]} and {answer['id']}")
                return answer["id"]
            if status not in (0, 429, 503):
                self.refused.append(f"start {name}: {status} {answer}")
                return None
            if not is_stubborn or self.over.wait(0.02):
                return None

    def command(self, client, chance, saga, count):
        name = chance.choices(list(COMMANDS), [weight for weight, _ in COMMANDS.values()])[0]
        self.ask(client, saga, name, COMMANDS[name][1], {"by": "chaos", "reason": "by chance"},
                 {"Idempotency-Key": f"{saga}/{name}/{count}"})

    def ask(self, client, saga, what, event, body, headers=None):
        """A command or signal, repeated until somebody answers; what was answered well must be in the
        history. One that changed nothing (resume of a running saga) left no event, and says 200."""
        while not self.over.is_set():
            status, answer = client.call("POST", f"/api/v1/sagas/{saga}/{what}", body, headers)
            if status in (200, 201, 202):
                if what not in ("suspend", "resume"):
                    with self.lock:
                        self.commanded.append(f"{saga} {event}")
                return
            if status not in (0, 409, 429, 503):
                self.refused.append(f"{what} {saga}: {status} {answer}")
            if status not in (0, 429, 503):
                return
            self.over.wait(0.02)

    def started(self):
        with self.lock:
            return list(self.acknowledged)

    def told(self):
        """What has to be there: a saga a line, or a saga and the type of an event."""
        with self.lock:
            return self.acknowledged + self.commanded

    def finish(self):
        self.over.set()
        for thread in self.threads:
            thread.join(60)
            if thread.is_alive():
                raise Failure("a start got no answer within a minute")


# ---- the server's process --------------------------------------------------------------------------


def again(world, chance):
    """Another start, with the wall clock a little off: less than participants and engine may differ."""
    world.shim.calm()
    world.shim.set(wall_offset_us=chance.randint(-400000, 400000))
    world.start_server()
    world.await_ready()


def kill(world, chance):
    """kill -9 while it works, sometimes again while it recovers: it comes back with everything."""
    world.server.kill()
    world.start_server()
    if chance.random() < 0.4:
        time.sleep(chance.uniform(0, 0.1))
        world.server.kill()
        world.start_server()
    world.await_ready()


def stop(world, chance):
    """SIGTERM under load: exit code 0, and what was on the wire was awaited or comes again."""
    code = world.server.stop()
    if code != 0:
        raise Failure(f"a graceful stop ended with {code}: {world.server.tail()}")
    again(world, chance)


def stop_twice(world, chance):
    """A second SIGTERM does not wait."""
    world.signal(signal.SIGTERM)
    time.sleep(chance.uniform(0, 0.2))
    if world.server.is_running():
        world.signal(signal.SIGTERM)
    world.server.process.wait(timeout=30)
    again(world, chance)


def freeze(world, chance):
    """Stopped for longer than deadlines, sometimes than its lease; it goes on as the owner or takes
    its shards again."""
    world.signal(signal.SIGSTOP)
    time.sleep(chance.choice((0.3, 1.5, 4.0)))
    world.signal(signal.SIGCONT)
    world.await_ready()


# ---- participants and the network ------------------------------------------------------------------


def kill_participants(world, chance):
    """Killed and started again, one after the other or both; what they had promised stands in their books."""
    for service in chance.sample(world.services, chance.randint(1, len(world.services))):
        service.participant.kill()
        time.sleep(chance.uniform(0, 0.5))
        service.start()


def freeze_participants(world, chance):
    """They stop in the middle of anything and act later, on requests that the engine has given up."""
    for service in world.services:
        service.participant.process.send_signal(signal.SIGSTOP)
    time.sleep(chance.choice((0.5, 1.5, 3.5)))
    for service in world.services:
        service.participant.process.send_signal(signal.SIGCONT)


def network(world, chance):
    """Connections with every kind of fate; some outlast the round."""
    share = chance.choice((0.5, 1, 1.5))
    for _ in range(chance.randint(2, 5)):
        for service in world.services:
            service.order(faults={name: part * share for name, part in NETWORK.items()}, drop=True)
        time.sleep(chance.uniform(0.3, 1))
    for service in world.services:
        service.order(faults={})


def partition(world, chance):
    """All connections are reset, and new ones refused for a while."""
    for service in chance.sample(world.services, chance.randint(1, len(world.services))):
        service.order(refuse=True, drop=True)
    time.sleep(chance.uniform(0.2, 2))
    for service in world.services:
        service.order(refuse=False)


# ---- the disk --------------------------------------------------------------------------------------


def must_serve(world):
    if not world.server.is_running():
        raise Failure(f"the server ended by itself ({world.server.process.returncode}): "
                      f"{world.server.tail()}")


def full_disk(world, chance):
    """No file may grow: it goes on serving reads, and goes on by itself once there is room."""
    if chance.random() < 0.5:
        world.shim.set(is_full=1)
    else:
        largest = max(path.stat().st_size for path in world.folder.rglob("*") if path.is_file())
        world.limit(resource.RLIMIT_FSIZE, largest + chance.randint(0, 65536))
    time.sleep(chance.uniform(0.3, 2))
    must_serve(world)
    status, _ = world.client(10).call("GET", "/healthz")
    if status != 200:
        raise Failure(f"/healthz is {status} while the disk is full")
    world.shim.set(is_full=0)
    world.limit(resource.RLIMIT_FSIZE, None)
    world.await_ready()


def kill_on_full_disk(world, chance):
    """Killed while nothing can be written, and started again on the full disk: it serves, or says what is
    the matter and does once there is room."""
    world.shim.set(is_full=1)
    time.sleep(chance.uniform(0.1, 1))
    world.server.kill()
    is_up = True
    try:
        world.start_server()
        is_up = world.await_ready(may_end=True, seconds=3)
    except Failure:
        is_up = False
    if not is_up and not world.server.is_running() and not re.search(FULL, world.log()):
        raise Failure(f"it does not say that the disk is full: {world.log()[-2000:]}")
    world.met["served a full disk" if is_up else "refused a full disk"] += 1
    world.shim.set(is_full=0)
    if not world.server.is_running():
        world.start_server()
    world.await_ready()


def stop_on_full_disk(world, chance):
    """SIGTERM while nothing can be written: it ends in time, not with 0 unless all was durable."""
    world.shim.set(is_full=1)
    time.sleep(chance.uniform(0.1, 0.6))
    code = world.server.stop(seconds=60)
    world.met[f"stop on a full disk: {code}"] += 1
    said = [line for line in world.log().splitlines() if "server.stopped" in line]
    if code not in (0, 1) or (code == 1 and not said):
        raise Failure(f"a stop on a full disk ended with {code}: {world.server.tail()}")
    again(world, chance)


def kill_in_slow_sync(world, chance):
    """Killed while a commit waits for the disk."""
    world.shim.set(sync_delay_us=300000)
    time.sleep(chance.uniform(0.2, 0.8))
    world.server.kill()
    again(world, chance)


def slow_disk(world, chance):
    """Each sync takes long; nothing leaves before it."""
    world.shim.set(sync_delay_us=chance.choice((20000, 100000, 400000)))
    time.sleep(chance.uniform(0.5, 2.5))
    world.shim.set(sync_delay_us=0)
    must_serve(world)
    world.await_ready()


def went_on_or_said_why(world, chance, words):
    """Either it serves again by itself, or it ended with a message that names the trouble."""
    if world.await_ready(may_end=True):
        world.met["went on"] += 1
    else:
        world.met["ended by itself"] += 1
        code = world.server.process.wait(timeout=30)
        if code == 0 or not re.search(words, world.log()):
            raise Failure(f"it ended with {code} and does not say why: {world.server.tail()}")
        again(world, chance)


def fail_some(world, countdown, times):
    world.shim.set(**{countdown: times})
    until = time.monotonic() + 3
    while world.shim.get(countdown) and time.monotonic() < until and world.server.is_running():
        time.sleep(0.01)
    world.shim.set(**{countdown: 0})


def failing_sync(world, chance):
    """A sync fails: what it was to make durable is not believed on that handle."""
    fail_some(world, "sync_failures", chance.choice((1, 1, 2, 5)))
    went_on_or_said_why(world, chance, "store.broken|store.degraded|disk I/O|sync")


def failing_write(world, chance):
    """A write fails."""
    fail_some(world, "write_failures", chance.choice((1, 2, 8)))
    went_on_or_said_why(world, chance, "store.broken|store.degraded|disk I/O|write")


def backup(world, chance):
    """A copy of one moment, made under load: sound, and every saga in it folds to its head. A journal is
    copied only when nobody serves it, and says so."""
    if world.store.startswith("journal:"):
        done = subprocess.run([BIN / "skald", "store", "backup", world.folder / "copy.db", "--store", world.store],
                              capture_output=True, text=True, check=False)
        if done.returncode == 0 or "in use" not in done.stderr:
            raise Failure(f"the backup of a journal in use ended {done.returncode}: {done.stderr[-1000:]}")
        return
    copy = world.folder / "copy.db"
    for left in world.folder.glob("copy.db*"):
        left.unlink()
    for words in (("backup", copy, "--store", world.store), ("check", "--store", f"sqlite:{copy}")):
        done = subprocess.run([BIN / "skald", "store", *words], capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise Failure(f"store {words[0]} ended {done.returncode}: {done.stdout[-1000:]} {done.stderr[-1000:]}")


# ---- other scarce things ---------------------------------------------------------------------------


def few_descriptors(world, chance):
    """None is left for a while: what needs one is tried again, nobody is told a lie."""
    world.limit(resource.RLIMIT_NOFILE, chance.choice((8, 20, 40)))
    time.sleep(chance.uniform(0.3, 2))
    must_serve(world)
    world.limit(resource.RLIMIT_NOFILE, None)
    world.await_ready()


def hogs(world, chance):
    """A client that holds hundreds of connections, silent or half a request long."""
    held = []
    for _ in range(HOGS):
        try:
            held.append(socket.create_connection(("127.0.0.1", world.port), 5))
            if chance.random() < 0.5:
                held[-1].sendall(b"POST /api/v1/sagas HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{")
        except OSError:
            break
    time.sleep(chance.uniform(0.2, 1))
    must_serve(world)
    for one in held:
        one.close()
    world.await_ready()


def no_memory(world, chance):
    """The address space may not grow any more, and requests are large. It refuses, or ends with a word and
    is started again; what was acknowledged is there."""
    client = world.client(10)
    with open(f"/proc/{world.server.process.pid}/statm", encoding="ascii") as file:
        size = int(file.read().split()[0]) * resource.getpagesize()
    world.limit(resource.RLIMIT_AS, size + chance.choice((0, MIB, 8 * MIB)))
    until, number = time.monotonic() + chance.uniform(0.5, 1.5), 0
    while time.monotonic() < until and world.server.is_running():
        number += 1
        status, answer = client.call("POST", "/api/v1/sagas", {
            "id": f"big-{world.starts}-{number}", "definition": "no-such", "input": "x" * (3 * MIB)})
        if status in (200, 201):
            raise Failure(f"a saga of an unknown definition was started: {answer}")
    client.close()
    if world.server.is_running():
        world.limit(resource.RLIMIT_AS, None)
    went_on_or_said_why(world, chance, "memory")


def clock(world, chance):
    """The wall clock jumps far, and back before long."""
    world.shim.set(wall_offset_us=chance.choice((-3600, -60, 60, 86400)) * 1000000)
    time.sleep(chance.uniform(0.5, 4))
    world.shim.set(wall_offset_us=0)
    must_serve(world)


FAULTS = {fault.__name__: fault for fault in (
    kill, stop, stop_twice, freeze, kill_participants, freeze_participants, network, partition, full_disk,
    kill_on_full_disk, stop_on_full_disk, slow_disk, kill_in_slow_sync, failing_sync, failing_write, backup,
    few_descriptors, hogs, no_memory, clock)}
