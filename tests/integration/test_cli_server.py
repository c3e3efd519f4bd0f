#!/usr/bin/env python3
"""The command line against a real server: what it prints for people and for programs, exit codes,
the live tree on a terminal, and the demo."""
import fcntl
import json
import os
import pathlib
import pty
import re
import signal
import struct
import subprocess
import tempfile
import termios
import threading
import unittest

from skald_world import GIVE_UP_S, SKALD, Participant, Server, order_definition, run, until

WAITER = """
saga: { id: waiter, name: Waiter, version: "1", description: Waits }
steps:
  - { id: gate, name: Gate, type: wait, wait: { signal: go }, compensation: { type: skip } }
"""


def run_on_terminal(*arguments, columns=100, rows=40, on_text=None, **environment):
    """(exit code, everything that was written) of a run on a pseudo-terminal. `on_text(text,
    process)` is asked after each piece."""
    leader, follower = pty.openpty()
    fcntl.ioctl(follower, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
    process = subprocess.Popen([SKALD, *arguments], stdin=follower, stdout=follower, stderr=follower,
                               env=dict(os.environ, TERM="xterm", LANG="C.UTF-8", **environment))
    os.close(follower)
    text = b""
    while True:
        try:
            piece = os.read(leader, 65536)
        except OSError:  # the other side is closed
            break
        if not piece:
            break
        text += piece
        if on_text is not None:
            on_text(text.decode(errors="replace"), process)
    os.close(leader)
    return process.wait(GIVE_UP_S), text.decode()


class Commands(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory()
        cls.path = pathlib.Path(cls.folder.name)
        cls.participant = Participant()
        cls.server = Server(cls.folder.name)
        (cls.path / "order.yaml").write_text(order_definition(cls.participant))
        (cls.path / "waiter.yaml").write_text(WAITER)
        done = cls.skald("define", str(cls.path / "order.yaml"), str(cls.path / "waiter.yaml"))
        assert done.returncode == 0, done.stderr
        cls.order = json.loads(cls.skald("define", "--json", str(cls.path / "order.yaml")).stdout)

    @classmethod
    def tearDownClass(cls):
        cls.server.stop()
        cls.server.__exit__(None, None, None)
        cls.participant.close()
        cls.folder.cleanup()

    @classmethod
    def skald(cls, *arguments, **more):
        return run(*arguments, "--server", cls.server.url, **more)

    def tearDown(self):
        self.participant.answers.clear()

    def check(self, code, *arguments, **more):
        done = self.skald(*arguments, **more)
        self.assertEqual(done.returncode, code, done.stdout + done.stderr)
        return done

    # ---- define, start, show, events ---------------------------------------------------------

    def test_define_says_whether_it_is_new(self):
        self.assertFalse(self.order["is_new"])
        done = self.check(0, "define", str(self.path / "order.yaml"))
        self.assertIn("was defined already", done.stdout)
        other = self.path / "other.yaml"
        other.write_text(order_definition(self.participant).replace("name: ", "name: other ", 1))
        done = self.skald("define", str(other))
        self.assertIn(done.returncode, (0, 1))  # 1 where the version is bound to other content
        bad = self.path / "bad.yaml"
        bad.write_text("saga: { id: x }\n")
        self.assertIn("bad.yaml:1:", self.check(1, "define", str(bad)).stderr)

    def test_start_and_wait_prints_a_line_per_event_and_the_tree(self):
        done = self.check(0, "start", "order", "--id", "w1", "--wait", "--input", "{}")
        self.assertIn("saga.accepted", done.stdout)
        self.assertIn("saga.completed", done.stdout)
        self.assertIn("└─ ✔", done.stdout)
        self.assertNotIn("\033", done.stdout)
        ascii_tree = self.check(0, "show", "w1", LC_ALL="C").stdout
        self.assertIn("`- +", ascii_tree)

    def test_start_is_idempotent_by_id(self):
        self.assertIn("i1 started", self.check(0, "start", "order", "--id", "i1").stdout)
        self.assertIn("was started before",
                      self.check(0, "start", "order", "--id", "i1").stdout)
        done = self.check(1, "start", "order", "--id", "i1", "--input", '{"other": 1}')
        self.assertIn("skald:", done.stderr)

    def test_everything_that_a_start_can_carry(self):
        done = self.check(0, "start", "order", "--json", "--input", '{"n": 1}', "--context",
                          '{"c": 2}', "--business-key", "bk", "--tag", "red", "--tag", "blue",
                          "--attribute", "region=north", "--timeout", "90s", "--max-attempts", "2",
                          "--priority", "-3", "--namespace", "shop")
        saga = json.loads(done.stdout)
        self.assertEqual(saga["input"], {"n": 1})
        self.assertEqual(saga["tags"], ["red", "blue"])
        self.assertEqual(saga["attributes"], {"region": "north"})
        self.assertEqual(saga["business_key"], "bk")
        for option in (("--tag", "blue"), ("--attribute", "region:north"), ("--business-key", "bk"),
                       ("--namespace", "shop")):
            found = json.loads(self.check(0, "list", "--json", *option).stdout)["items"]
            self.assertEqual([row["id"] for row in found], [saga["id"]], option)

    def test_a_saga_that_is_undone_ends_with_1(self):
        self.participant.on("/ship", (422, {"error": {"code": "sold_out", "message": "none left"}}))
        done = self.check(1, "start", "order", "--id", "u1", "--wait")
        self.assertIn("sold_out: none left", done.stdout)
        self.assertIn("undone, the last first:", done.stdout)
        found = json.loads(self.check(1, "start", "order", "--wait", "--json").stdout)
        self.assertEqual(found["state"], "compensated")
        rows = self.check(0, "events", "u1").stdout.splitlines()
        self.assertTrue(rows[0].split()[:3] == ["SEQ", "AT", "TYPE"])
        kinds = [json_event["type"] for json_event in
                 json.loads(self.check(0, "events", "u1", "--json").stdout)["items"]]
        self.assertEqual(kinds[-1], "saga.compensated")
        self.assertEqual(len(rows), len(kinds) + 1)

    def test_what_is_not_there_is_1_with_a_sentence(self):
        for arguments in (("show", "nobody"), ("events", "nobody"), ("start", "nothing"),
                          ("cancel", "nobody", "--by", "me", "--reason", "why")):
            done = self.check(1, *arguments)
            self.assertRegex(done.stderr, r"^skald: .+\n       .+\n$")
            problem = json.loads(self.check(1, *arguments, "--json").stderr)
            self.assertEqual(problem["status"], 404)

    # ---- list --------------------------------------------------------------------------------

    def test_list_aligns_and_pages(self):
        for number in range(3):
            self.check(0, "start", "order", "--id", f"l-{'x' * number}", "--wait", "--tag", "l")
        lines = self.check(0, "list", "--tag", "l").stdout.splitlines()
        self.assertEqual(len(lines), 4)
        self.assertEqual(len({line.index("order", 6) for line in lines[1:]}), 1)
        seen, cursor = [], []
        while True:
            page = json.loads(self.check(0, "list", "--tag", "l", "--limit", "1", "--json",
                                         *cursor).stdout)
            seen += [row["id"] for row in page["items"]]
            if page["next"] is None:
                break
            cursor = ["--cursor", page["next"]]
        self.assertEqual(seen, ["l-xx", "l-x", "l-"])
        self.assertIn("more: --cursor", self.check(0, "list", "--tag", "l", "--limit", "1").stderr)
        self.assertIn("completed", self.check(2, "list", "--state", "complete").stderr)

    # ---- commands ----------------------------------------------------------------------------

    def test_signals_and_cancel(self):
        self.check(0, "start", "waiter", "--id", "s1")
        self.check(0, "signal", "s1", "go", "--data", '{"by": "ada"}', "--id", "sig-1")
        self.check(0, "show", "s1", "--watch")
        self.check(0, "start", "waiter", "--id", "s2")
        done = self.check(0, "cancel", "s2", "--by", "ada", "--reason", "no longer wanted")
        self.assertIn("s2 is", done.stdout)
        self.check(1, "show", "s2", "--watch")
        self.assertIn("no longer wanted", self.check(0, "events", "s2").stdout)
        self.check(1, "cancel", "s2", "--by", "ada", "--reason", "again")

    def test_waiting_ends_with_its_time(self):
        done = self.check(1, "start", "waiter", "--id", "s0", "--wait", "--wait-timeout", "200ms")
        self.assertIn("has not ended yet: it is running", done.stderr)
        self.check(0, "force-complete", "s0", "--by", "ada", "--reason", "enough")

    def test_suspend_and_resume(self):
        self.check(0, "start", "waiter", "--id", "s3")
        who = ("--by", "ada", "--reason", "a look")
        self.assertIn("suspended", self.check(0, "suspend", "s3", *who).stdout)
        self.assertNotIn("suspended", self.check(0, "resume", "s3", *who).stdout)
        self.check(0, "force-cancel", "s3", *who)

    def test_complete_by_token(self):
        self.participant.on("/ship", lambda request: (202, {}, {"Skald-Pending": "true"}))
        self.participant.forget()
        self.check(0, "start", "order", "--id", "c1")
        request, = self.participant.wait_for("/ship")
        step, token = request.headers["Skald-Step-Id"], request.headers["Skald-Token"]
        self.assertIn("skald:", self.check(2, "complete", "c1", step, "--token", "x" * 20).stderr)
        self.server.when("c1", lambda saga: saga["steps"][-1]["waits_for"] == "answer", "it is pending")
        self.check(0, "complete", "c1", step, "--token", token, "--output", '{"done": true}')
        self.check(0, "show", "c1", "--watch")

    # ---- terminals ---------------------------------------------------------------------------

    def test_the_tree_is_redrawn_in_place_and_fits(self):
        gate = threading.Event()
        self.participant.on("/ship", lambda request: (gate.wait(5), (200, {}))[1])

        def on_text(text, process):
            if "running" in text:
                gate.set()
        code, text = run_on_terminal("start", "order", "--id", "t1", "--wait", "--server",
                                     self.server.url, columns=40, on_text=on_text)
        self.assertEqual(code, 0, text)
        self.assertIn("\033[J", text)
        self.assertIn("\033[32m", text)
        for line in re.sub(r"\033\[[0-9;]*[A-Za-z]", "", text).splitlines():
            self.assertLessEqual(len(line), 40, line)
        code, text = run_on_terminal("show", "t1", "--server", self.server.url, NO_COLOR="1")
        self.assertNotIn("\033[", text)

    def test_a_tall_tree_stays_within_the_terminal(self):
        steps = "".join(f"  - {{ id: s{n}, name: S, type: http, action: {{ service: {{ name: s, "
                        f"endpoint: {self.participant.url}, path: /s{n} }} }}, "
                        f"compensation: {{ type: skip }} }}\n" for n in range(30))
        (self.path / "tall.yaml").write_text(
            "saga: { id: tall, name: Tall, version: '1', order: sequential }\nsteps:\n" + steps)
        self.check(0, "define", str(self.path / "tall.yaml"))
        code, text = run_on_terminal("start", "tall", "--wait", "--server", self.server.url, rows=12)
        self.assertEqual(code, 0, text)
        ups = [int(n) for n in re.findall(r"\033\[(\d+)A", text)]
        self.assertTrue(all(n <= 11 for n in ups), ups)
        self.assertIn("lines)", text)
        self.assertIn("s29", text)

    def test_what_participants_say_is_no_command_to_the_terminal(self):
        self.participant.on("/ship", (422, {"error": {"code": "x", "message": "\033]0;owned\007 \u202e歌"}}))
        done = self.check(1, "start", "order", "--id", "e1", "--wait")
        self.assertNotIn("\033", done.stdout)
        self.assertNotIn("\u202e", done.stdout)
        self.assertIn("歌", done.stdout)
        self.assertNotIn("\033]", self.check(0, "events", "e1").stdout)

    def test_states_colour_the_graph(self):
        self.check(0, "start", "order", "--id", "v1", "--wait")
        plain = run("visualize", str(self.path / "order.yaml"), "--format", "svg").stdout
        done = self.check(0, "visualize", str(self.path / "order.yaml"), "--format", "svg", "--saga", "v1")
        self.assertNotEqual(done.stdout, plain)

    def test_something_else_that_answers_is_no_server(self):
        self.participant.on("/api/v1/sagas?limit=50", (200, b"<html>hello</html>"))
        done = run("list", "--server", self.participant.url)
        self.assertEqual(done.returncode, 3)
        self.assertIn("no Skald server", done.stderr)


class Restart(unittest.TestCase):
    def test_a_watcher_outlives_its_server(self):
        with tempfile.TemporaryDirectory() as folder, Participant() as participant:
            gate = threading.Event()
            server = Server(folder)
            port = server.port
            text = order_definition(participant, retry="fixed_delay")
            self.assertEqual(server.define(text).status, 201)
            participant.on("/pay", lambda request: (gate.wait(20), (200, {}))[1])
            server.start(definition="order", id="r1")
            participant.wait_for("/pay")
            watcher = subprocess.Popen([SKALD, "show", "r1", "--watch", "--server", server.url],
                                       stdout=subprocess.PIPE, text=True)
            self.assertIn("saga.accepted", watcher.stdout.readline())
            server.kill()
            server.__exit__(None, None, None)
            gate.set()
            with Server(folder, "--listen", f"127.0.0.1:{port}"):
                out, _ = watcher.communicate(timeout=GIVE_UP_S)
            self.assertEqual(watcher.returncode, 0, out)
            self.assertIn("completed", out)


class Demo(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = folder.name

    def left_behind(self):
        """Processes that still have our folder on their command line."""
        found = []
        for entry in pathlib.Path("/proc").iterdir():
            try:
                line = (entry / "cmdline").read_bytes() if entry.name.isdigit() else b""
            except OSError:
                continue
            if self.folder.encode() in line:
                found.append(line)
        return found

    def test_without_a_terminal_it_judges_itself_and_leaves_nothing(self):
        for _ in range(2):
            done = run("demo", "--delay", "5", TMPDIR=self.folder)
            self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
            self.assertIn("Everything ended as it should.", done.stdout)
            self.assertIn("repeated after a crash", done.stdout)
            self.assertEqual(os.listdir(self.folder), [])
            self.assertEqual(self.left_behind(), [])

    def test_on_a_terminal_it_serves_until_it_is_stopped(self):
        answers = []

        def on_text(text, process):
            found = re.search(r"export SKALD_SERVER=(http://\S+)", text)
            if found and not answers and "skald events" in text:
                answers.append(run("list", "--json", SKALD_SERVER=found[1]))
                process.send_signal(signal.SIGINT)
        code, text = run_on_terminal("demo", "--delay", "5", TMPDIR=self.folder, on_text=on_text)
        self.assertEqual(code, 0, text)
        self.assertEqual(len(json.loads(answers[0].stdout)["items"]), 4)
        self.assertEqual(os.listdir(self.folder), [])
        self.assertEqual(self.left_behind(), [])

    def test_interrupted_or_killed_it_takes_its_children_along(self):
        for number in (signal.SIGTERM, signal.SIGKILL):
            process = subprocess.Popen([SKALD, "demo"], stdout=subprocess.PIPE, text=True,
                                       stderr=subprocess.DEVNULL, env=dict(os.environ, TMPDIR=self.folder))
            while "order-1" not in process.stdout.readline():
                pass
            process.send_signal(number)
            process.stdout.read()
            self.assertNotEqual(process.wait(GIVE_UP_S), 0)
            process.stdout.close()
            until(lambda: not self.left_behind(), "the children are gone")
            if number == signal.SIGTERM:
                self.assertEqual(os.listdir(self.folder), [])


if __name__ == "__main__":
    unittest.main(verbosity=2)
