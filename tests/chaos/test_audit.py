#!/usr/bin/env python3
"""The judges of the chaos tests are judged: the audit finds every kind of disagreement that is put into a
sound history, and nothing in a sound one; exported files tell it the same as the server; each fate of the
proxy is what it says."""
import contextlib
import copy
import dataclasses
import itertools
import json
import pathlib
import socket
import subprocess
import sys
import tempfile
import threading
import unittest

from audit_rules import RULES, Line, Saga, judge
from chaos_world import HERE, World
from cluster import BIN, Program

DEFINITION = {"saga": {"id": "two", "order": "sequential"}, "steps": [
    {"id": "a", "type": "http", "compensation": {"type": "custom"}},
    {"id": "b", "type": "http", "compensation": {"type": "custom"}},
    {"id": "c", "type": "http", "pivot": True}]}
START = 1000000


class Sketch:
    """A history and the books that belong to it, written line by line."""

    def __init__(self, name="s", state="compensated"):
        self.saga = Saga(name, state, None, [], copy.deepcopy(DEFINITION), is_whole=True)
        self.lines, self.now = [], START

    def event(self, kind, step=None, attempt=1, **data):
        self.now += 10
        self.saga.events.append({"seq": len(self.saga.events) + 1, "at_ms": self.now, "type": kind,
                                 "step": step, "item": None, "attempt": attempt, "data": data})
        return self

    def line(self, step, operation, decision, deadline, attempt=1, guarded=1):
        self.now += 1
        key = f"{self.saga.id}/{step}/{'action' if operation == 'verify' else operation}"
        self.lines.append(Line(0, len(self.lines) + 1, self.now, guarded, 0, self.saga.id, step, key, operation,
                               attempt, deadline, f"/{step}", f"{key}", "{}", decision, 200, "{}"))
        return self

    def action(self, step, guarded=1):
        deadline = self.now + 1000
        self.event("step.started", step, deadline=deadline, body={}, request=f"POST /{step}\n")
        self.line(step, "action", "applied", deadline, guarded=guarded)
        return self.event("step.completed", step)

    def undo(self, step, guarded=1):
        deadline = self.now + 1000
        self.event("compensation.started", step, deadline=deadline, body={}, request=f"POST /{step}\n")
        self.line(step, "compensation", "undone", deadline, guarded=guarded)
        return self.event("compensation.completed", step)

    def judged(self, *others, started=("s",)):
        sketches = (self, *others)
        return judge({one.saga.id: one.saga for one in sketches},
                     [line for one in sketches for line in one.lines], list(started), False)


def undone(guarded=1):
    sketch = Sketch().event("saga.accepted").event("saga.started").action("a", guarded).action("b", guarded)
    return sketch.event("saga.compensating").undo("b", guarded).undo("a", guarded).event("saga.compensated")


def completed():
    sketch = Sketch(state="completed").event("saga.accepted").event("saga.started")
    return sketch.action("a").action("b").action("c").event("saga.completed")


def unknown(wait_ms):
    """An attempt without an answer; its undo begins so long after its deadline."""
    sketch = Sketch().event("saga.accepted").event("saga.started")
    sketch.event("step.started", "a", deadline=START + 1000, body={}, request="POST /a\n")
    sketch.line("a", "action", "applied", START + 1000)
    sketch.event("step.unknown", "a", unanswered_until=START + 1000)
    sketch.event("step.failed", "a").event("saga.compensating")
    sketch.now = START + 1000 + wait_ms
    return sketch.undo("a").event("saga.compensated")


def with_parent(state):
    child = completed()
    child.saga.id, child.saga.parent = "p.a", "p"
    for line in child.lines:
        line.saga, line.key = "p.a", line.key.replace("s/", "p.a/")
    parent = Sketch("p", state).event("saga.accepted").event("saga.started")
    parent.saga.definition["steps"][0]["type"] = "saga"
    parent.event("step.started", "a").event("step.completed", "a").event(f"saga.{state}")
    return child, parent


class Rules(unittest.TestCase):
    def finds(self, rule, sketch, *others, started=("s",)):
        found = sketch.judged(*others, started=started)
        self.assertIn(rule, {problem.rule for problem in found.problems}, found.problems)
        self.seen.add(rule)

    def test_each_rule(self):
        self.seen = set()
        for sound in (undone(), undone(0), completed(), unknown(2000)):
            self.assertEqual([vars(p) for p in sound.judged().problems], [])
        child, parent = with_parent("completed")
        self.assertEqual([vars(p) for p in parent.judged(child, started=()).problems], [])

        self.finds("started", undone(), started=("s", "another"))
        self.finds("told", undone(), started=("s", "s operator.cancel"))
        sketch = undone()
        sketch.lines[0].saga = "nobody"
        self.finds("known", sketch)
        sketch = undone()
        sketch.saga.state = "compensating"
        self.finds("ended", sketch)
        sketch = undone()
        del sketch.saga.events[3]
        self.finds("history", sketch)
        sketch = undone()
        sketch.saga.state = "cancelled"
        self.finds("history", sketch)
        sketch = undone()
        sketch.saga.events[4]["at_ms"] = START
        self.finds("history", sketch)
        sketch = undone()
        sketch.lines[0].attempt = 2
        self.finds("announced", sketch)
        sketch = undone()
        sketch.lines[0].deadline_ms += 1
        self.finds("announced", sketch)
        sketch = undone()
        sketch.lines.append(copy.copy(sketch.lines[0]))
        sketch.lines[-1].digest, sketch.lines[-1].decision = "other", "repeated"
        self.finds("bytes", sketch)
        sketch = undone()
        sketch.lines[0].body = '{"n": 1}'
        self.finds("bytes", sketch)
        sketch = completed()
        sketch.lines.append(copy.copy(sketch.lines[1]))
        self.finds("completed", sketch)
        sketch = completed()
        del sketch.lines[1]
        self.finds("completed", sketch)
        self.finds("claimed", sketch)
        sketch = completed().line("a", "compensation", "undone", 0)
        self.finds("completed", sketch)
        sketch = undone()
        sketch.lines = [line for line in sketch.lines if line.decision != "undone"]
        self.finds("undone", sketch)
        self.finds("claimed", sketch)
        for index in (1, 2):
            sketch = undone()
            sketch.lines.append(copy.copy(sketch.lines[index]))
            self.finds("once", sketch)
        self.finds("waits", unknown(1900))
        for guarded in (0, 1):
            sketch = undone(guarded)
            again = copy.copy(sketch.lines[0])
            again.no = 9
            sketch.lines.append(again)
            self.finds("arrives", sketch)
        self.finds("order", Sketch().event("saga.accepted").action("a").action("b")
                   .event("saga.compensating").undo("a").undo("b").event("saga.compensated"))
        self.finds("pivot", Sketch().event("saga.accepted").action("a").action("c")
                   .event("saga.compensating").undo("a").event("saga.compensated"))
        sketch = undone()
        sketch.saga.residue = ["a"]
        self.finds("named", sketch)
        sketch = undone()
        sketch.saga.state = "failed"
        sketch.saga.events[-1]["type"] = "saga.failed"
        self.finds("named", sketch)
        child, parent = with_parent("compensated")
        self.finds("children", parent, child)
        self.assertEqual(set(RULES) - self.seen, set(), "rules that nothing was shown to break")

    def test_what_is_excused(self):
        """Of the unguarded: what came late, and what the network repeated. Nothing of the guarded."""
        for change, guarded in itertools.product(({"at_ms": START + 5000}, {"is_replay": 1}), (0, 1)):
            sketch = undone(guarded)
            sketch.lines.append(dataclasses.replace(sketch.lines[0], no=9, **change))
            found = sketch.judged()
            if guarded:
                self.assertTrue(found.problems)
            else:
                self.assertEqual([vars(p) for p in found.problems], [])
                self.assertTrue(found.excused["arrives"] and found.excused["undone"])


class Files(unittest.TestCase):
    def test_exports_tell_the_same(self):
        world = World({"guarded": (True, "no=0.2,lost=0.1"), "bare": (False, "no=0.2")}, 5)
        try:
            world.start_all()
            client, names = world.client(), []
            for number, name in enumerate(("chain", "fan", "pivot", "keeps") * 4):
                names.append(f"e{number}")
                status, _ = client.call("POST", "/api/v1/sagas", {
                    "id": names[-1], "definition": name,
                    "input": {"n": number * 100, "items": [1, 2], "failed": number == 3}})
                self.assertEqual(status, 201)
            client.close()
            world.await_end(60)
            files = []
            for name in names:
                files.append(world.folder / f"{name}.json")
                subprocess.run([BIN / "skald", "export", name, "-o", files[-1], "--server",
                                f"http://127.0.0.1:{world.port}"], check=True, stdout=subprocess.DEVNULL)
            live = world.audit(started=names)
            self.assertEqual(live["problems"], [])
            books = [str(service.books) for service in world.services]
            told = self.audit("--export", *map(str, files), "--books", *books)
            self.assertEqual(told.returncode, 0, told.stdout + told.stderr)
            self.assertEqual(json.loads(told.stdout)["events"], live["events"])
            # A line that is torn out of the books is found, and the table names it.
            subprocess.run([sys.executable, "-c", "import sqlite3, sys; db = sqlite3.connect(sys.argv[1]);"
                            "db.execute(\"DELETE FROM line WHERE decision = 'undone'\"); db.commit()",
                            books[0]], check=True)
            told = self.audit("--export", *map(str, files), "--books", *books, is_json=False)
            self.assertEqual(told.returncode, 1)
            self.assertRegex(told.stdout, r"(?m)^undone +e\d+ +ended compensated, but \w+ stands")
        finally:
            world.close(keep=False)

    @staticmethod
    def audit(*options, is_json=True):
        return subprocess.run([sys.executable, HERE / "audit", *options, *(["--json"] if is_json else [])],
                              capture_output=True, text=True, check=False)


class Proxy(unittest.TestCase):
    """Against a server of its own, which answers each line with itself in capitals."""

    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.addCleanup(self.folder.cleanup)
        self.heard = []
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.addCleanup(self.listener.close)
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self.answer, args=(connection,), daemon=True).start()

    def answer(self, connection):
        try:
            with connection, connection.makefile("rb") as file:
                for line in file:
                    self.heard.append(line)
                    with contextlib.suppress(OSError):  # who asked may not wait for all of it
                        connection.sendall(line.upper())
        except OSError:
            pass  # the proxy has seen to that

    def talk(self, fate, text=b"hello\n" * 600, timeout=20):
        """(what came back, how it ended) of one connection with this fate."""
        target = "127.0.0.1:%d" % self.listener.getsockname()[1]
        proxy = Program([sys.executable, HERE / "proxy.py", "--target", target, "--seed", "3", "--hold", "0.5",
                         *(["--faults", f"{fate}=1"] if fate else [])],
                        pathlib.Path(self.folder.name) / "log", stdin=subprocess.PIPE)
        self.addCleanup(lambda: proxy.is_running() and proxy.kill())
        self.proxy = proxy
        got, end = b"", "silence"
        with socket.create_connection(("127.0.0.1", proxy.port)) as connection:
            connection.settimeout(timeout)
            try:
                connection.sendall(text)
                while len(got) < len(text):
                    part = connection.recv(65536)
                    if not part:
                        end = "closed"
                        break
                    got += part
                else:
                    end = "whole"
            except ConnectionResetError:
                end = "reset"
            except TimeoutError:
                pass
        return got, end

    def test_fates(self):
        self.assertEqual(self.talk(None)[1], "whole")
        self.assertEqual(self.talk("delay")[1], "whole")
        self.assertEqual(self.talk("dribble")[1], "whole")
        for fate, ends in (("lose", {"silence"}), ("reset", {"reset"}), ("cut", {"closed", "reset"}),
                           ("deaf", {"silence"}), ("half-down", {"closed"}), ("half-up", {"closed"})):
            got, end = self.talk(fate, timeout=0.4 if ends == {"silence"} else 20)
            self.assertIn(end, ends, fate)
            self.assertLess(len(got), 3600, fate)

    def test_hold_arrives_after_the_caller_has_gone(self):
        got, end = self.talk("hold", b"late\n", timeout=0.1)
        self.assertEqual((got, end), (b"", "silence"))
        self.wait_until(lambda: b"late\n" in self.heard)

    def test_replay_sends_a_whole_request_again(self):
        request = b"POST / HTTP/1.1\r\nContent-Length: 3\r\n\r\nab\n"
        self.talk("replay", request)
        self.wait_until(lambda: self.heard.count(b"ab\n") == 2)
        self.assertEqual(self.heard.count(b"X-Replayed: yes\r\n"), 1)

    def test_refuse_and_count(self):
        self.talk(None, b"x\n")
        self.order(refuse=True)
        with self.assertRaises(ConnectionRefusedError):
            self.wait_until(self.connect)
        self.order(refuse=False, count=True)
        counts = json.loads(self.proxy.process.stdout.readline())
        self.assertEqual(counts["refuse"], 1)
        self.assertEqual(self.connect(), None)

    def connect(self):
        try:
            socket.create_connection(("127.0.0.1", self.proxy.port)).close()
        except ConnectionResetError:
            pass  # it stood in the queue as the proxy stopped listening

    def order(self, **order):
        self.proxy.process.stdin.write(json.dumps(order).encode() + b"\n")
        self.proxy.process.stdin.flush()

    def wait_until(self, is_so):
        done = threading.Event()
        for _ in range(1000):
            if is_so():
                return
            done.wait(0.01)
        self.fail("waited for nothing")


if __name__ == "__main__":
    unittest.main(verbosity=2)
