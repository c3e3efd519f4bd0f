#!/usr/bin/env python3
"""skald test: users' scenarios in virtual time: what they can say, and what they are told."""
import json
import os
import pathlib
import subprocess
import tempfile
import unittest
import xml.etree.ElementTree as xml

from skald_world import GIVE_UP_S, SKALD

SOURCE = pathlib.Path(os.environ.get("SKALD_SOURCE_DIR",
                                     pathlib.Path(__file__).resolve().parent.parent.parent))

TRIP = """\
definition
saga: { id: trip, name: Trip, version: "1", timeout: 1h }
global_retry_policy: { type: fixed_delay, max_attempts: 2, initial_delay: 1s }
steps:
  - { id: fly, name: Fly, type: function, timeout: 5s, action: { function: { name: fly } },
      compensation: { type: custom, action: { function: { name: land } } } }
  - { id: sleep, name: Sleep, type: http, timeout: 5s, dependencies: [fly], pending_timeout: 10m,
      action: { service: { name: hotel, endpoint: "http://hotel", path: /rooms, body: { who: "{{ .input.who }}" } } },
      compensation: { type: skip } }
  - { id: approve, name: Approve, type: wait, dependencies: [sleep], wait: { signal: go } }
  - { id: pack, name: Pack, type: function, dependencies: [approve],
      foreach: { items: "{{ .input.bags }}", var: bag, action: { function: { name: pack } } },
      compensation: { type: skip } }
end
"""


class Scenarios(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.path = pathlib.Path(folder.name)

    def play(self, text, *arguments, name="trip.scenario"):
        (self.path / name).write_text(text)
        return subprocess.run([SKALD, "test", str(self.path / name), *arguments], text=True,
                              capture_output=True, timeout=GIVE_UP_S, check=False)

    def passes(self, text):
        done = self.play(TRIP + text)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)

    def fails(self, text, *hints, code=1):
        done = self.play(TRIP + text)
        self.assertEqual(done.returncode, code, done.stdout + done.stderr)
        for hint in hints:
            self.assertIn(hint, done.stdout)

    def test_the_examples_pass(self):
        done = subprocess.run([SKALD, "test", "--json", str(SOURCE / "examples")], text=True,
                              capture_output=True, timeout=GIVE_UP_S, check=False)
        self.assertEqual(done.returncode, 0, done.stdout)
        self.assertGreaterEqual(json.loads(done.stdout)["passed"], 35)
        for folder in SOURCE.glob("examples/*"):
            if any(folder.glob("*.saga.yaml")):
                self.assertNotEqual(list(folder.glob("*.scenario")), [], f"{folder} has no scenario")

    def test_pending_signal_items_and_time(self):
        self.passes("""
reply fly ok {"seat": "2A"} after 3s
reply sleep pending
reply pack.0 ok "socks"
reply pack.1 ok "shoes"
start t1 with {"who": "Ada", "bags": ["a", "b"]}
expect wire fly
advance 2999ms
expect wire fly
advance 1ms
expect wire none
expect step sleep waiting waits=answer
expect body sleep {"who": "Ada"}
crash
expect step sleep waiting waits=answer
complete sleep ok {"room": 7}
expect step sleep output {"room": 7}
expect step approve waiting waits=signal
expect saga running
signal go {"by": "boss"}
expect saga t1 completed
expect output pack ["socks", "shoes"]
expect calls fly, sleep, pack.0, pack.1
expect time = 3s
""")

    def test_silence_is_maybe_and_undone_after_its_deadline(self):
        self.passes("""
reply fly always silent
reply fly.compensation ok
start t1 with {"bags": []}
expect saga t1 compensated error=timeout
expect step fly compensated attempts=2
expect compensations fly
expect time >= 11s
""")

    def test_several_sagas_and_operators(self):
        self.passes("""
reply * always ok
reply *.compensation always ok
start t1 with {"bags": []}
start t2 with {"bags": []}
t1> suspend
t1> expect saga suspended
t1> resume
t1> cancel
expect saga t1 cancelled
t2> expect saga running
t2> signal go
expect saga t2 completed
refused cancel
repeat 3 start r<n> with {"bags": []}
r3> expect step approve waiting
r2> skip-step approve
expect saga r2 completed
""")

    def test_tasks_are_taken_by_workers(self):
        done = self.play("""\
definition
saga: { id: pack, name: Pack, version: "1" }
steps:
  - { id: pack, name: Pack, type: task, action: { task: { queue: packers, input: { n: "{{ .input.n }}" } } },
      compensation: { type: automatic }, retry_policy: { type: fixed_delay, max_attempts: 2, initial_delay: 5s } }
  - { id: send, name: Send, type: task, dependencies: [pack], action: { task: { queue: senders } },
      compensation: { type: skip } }
end
scenario workers say what became of their tasks
reply pack first retry busy
reply pack ok {"box": 7} after 10s
reply send fail no_stamps
reply pack.compensation ok
start p1 with {"n": 3}
advance 6s
expect wire pack
expect body pack {"n": 3}
crash
expect wire pack
expect saga p1 compensated error=no_stamps
expect step pack output {"box": 7}
expect calls pack, send
expect compensations pack
expect body pack.compensation {"input": {"n": 3}, "output": {"box": 7}}

scenario a worker that says nothing lets its lease pass
reply pack silent
reply pack ok
reply send ok
start p1 with {"n": 3}
expect saga p1 completed
expect step pack attempts 2
expect event step.unknown pack code=lease_expired
expect time = 35s
""")
        self.assertEqual(done.returncode, 0, done.stdout)

    def test_a_start_may_be_refused(self):
        self.passes("""
start t1 with {"bags": []}
refused start t1 with {"bags": [1]}
expect saga running
""")
        self.fails('refused start t1 with {"bags": []}\n', "the command was not refused")
        self.fails('start t1 with {"bags": []}\nstart t1 with {"bags": [1]}\n', "refused: ")

    def test_counted_replies_come_before_standing_ones(self):
        self.passes("""
reply * always ok
reply fly first retry busy
start t1 with {"bags": []}
advance 1s
expect step fly attempts 2
expect event step.retrying fly
expect count 1 step.retrying
expect no event step.failed
""")

    def test_a_failed_expectation_says_what_happened(self):
        self.fails("""
reply fly ok
reply sleep fail full
start t1 with {"bags": []}
reply fly.compensation ok
expect saga t1 completed
""", "trip.scenario:20: expect saga t1 completed", "expected  completed",
                   "happened  compensated (reason: step), error full of step sleep",
                   "step.failed sleep: full", "0 passed, 1 failed")
        self.fails("""
reply * always ok
start t1 with {"bags": []}
expect calls fly, pack
""", "expected  fly, pack", "happened  fly, sleep")

    def test_a_call_that_nobody_answers_is_named(self):
        self.fails('start t1 with {"bags": []}\nexpect saga t1 completed\n',
                   "nobody answers fly: write `reply fly")
        self.fails('start t1 with {"bags": []}\nrun\nexpect saga running\n', "nobody answers fly")

    def test_what_a_saga_waits_for_is_explained(self):
        self.fails("""
reply * always ok
start t1 with {"bags": []}
expect saga suspended
""", "happened  running; Step approve waits for the signal go")

    def test_a_wrong_line_is_2_and_names_the_remedy(self):
        for line, hint in [("reply flie ok", "did you mean fly?"), ("strat t1", "`start`"),
                           ("reply fly perhaps", "ok|fail CODE"), ("advance soon", "advance 5s"),
                           ("expect sagas t1 completed", "did you mean `saga`?"),
                           ("expect saga t1 done", "timed_out"), ("signal go", "start a saga first"),
                           ("reply fly ok {bad}", "no JSON"), ("define no.yaml", "no.yaml"),
                           ("start t1 other {}", "other"), ("expect event step.exploded", "exploded"),
                           ("definition", "a line `end`"), ("", "expects nothing")]:
            self.fails(line + "\n", hint, code=2)

    def test_an_invalid_definition_is_shown_with_its_line(self):
        (self.path / "bad.saga.yaml").write_text("saga: { id: x, name: X }\nsteps:\n  - { id: a }\n")
        done = self.play("define bad.saga.yaml\n")
        self.assertEqual(done.returncode, 2)
        self.assertIn("bad.saga.yaml:3:", done.stdout)

    def test_sections_json_and_junit(self):
        text = TRIP + """
reply * always ok
scenario good & well
start t1 with {"bags": []}
expect saga running
scenario bad
start t1 with {"bags": []}
expect saga pending
"""
        junit = self.path / "out.xml"
        done = self.play(text, "--json", "--junit", str(junit))
        self.assertEqual(done.returncode, 1)
        answer = json.loads(done.stdout)
        self.assertEqual((answer["passed"], answer["failed"]), (1, 1))
        good, bad = answer["scenarios"]
        self.assertEqual((good["name"], good["passed"], good["expectations"]),
                         ("good & well", True, 1))
        self.assertEqual(bad["failure"]["expected"], "pending")
        self.assertTrue(bad["failure"]["happened"].startswith("running; Step approve waits"))
        self.assertEqual(bad["failure"]["line"], text.splitlines().index("expect saga pending") + 1)
        root = xml.parse(junit).getroot()
        self.assertEqual((root.get("tests"), root.get("failures")), ("2", "1"))
        self.assertEqual(root[0].get("name"), "good & well")
        self.assertIn("expect saga pending", root[1][0].text)

    def test_the_same_scenario_gives_the_same_history(self):
        text = TRIP + 'reply fly always retry busy\nreply fly.compensation ok\n' \
                      'start t1 with {}\nexpect saga t1 completed\n'
        self.assertEqual(self.play(text).stdout, self.play(text).stdout)

    def test_folders_and_missing_files(self):
        for arguments in [(str(self.path),), ("/no/such.scenario",), ()]:
            done = subprocess.run([SKALD, "test", *arguments], capture_output=True, text=True,
                                  timeout=GIVE_UP_S, check=False)
            self.assertEqual(done.returncode, 2, arguments)


if __name__ == "__main__":
    unittest.main()
