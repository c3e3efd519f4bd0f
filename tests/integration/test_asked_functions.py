#!/usr/bin/env python3
"""Functions that decide conditions and retries, with the real engine in virtual time: their answers, their
silence, and a crash while they think."""
import pathlib
import subprocess
import tempfile
import unittest

from skald_world import GIVE_UP_S, SKALD

ORDER = """\
definition
saga: { id: order, name: Order, version: "1", order: sequential }
steps:
  - { id: pay, name: Pay, type: function, action: { function: { name: pay } },
      compensation: { type: automatic, retry_policy: { type: fixed_delay, max_attempts: 3, initial_delay: 1s,
                                                       decide: judge } },
      retry_policy: { type: fixed_delay, max_attempts: 3, initial_delay: 1s, decide: judge } }
  - { id: gift, name: Gift, type: function, action: { function: { name: gift } }, compensation: { type: skip },
      condition: { function: is_regular, variables: { who: "{{ .input.who }}" } } }
end
"""

SCENARIOS = """
scenario a clear no is tried again
reply pay first fail odd
reply pay.decision ok true
reply pay ok
reply gift-condition ok false
start s1
expect saga s1 completed
expect step pay completed attempts=2
expect step gift skipped

scenario no further attempt
reply pay retry odd
reply pay.decision ok {"retry": false}
start s1
expect saga s1 compensated
expect step pay failed attempts=1

scenario max_attempts stands above every verdict
reply pay always fail odd
reply pay.decision always ok true
start s1
expect saga s1 compensated
expect step pay failed attempts=3

scenario silence leaves it to the policy
reply pay first retry odd
reply pay.decision silent
reply pay ok
reply gift-condition ok true
reply gift ok
start s1
expect saga s1 completed

scenario a crash in between repeats the attempt
reply pay first fail odd
start s1
crash
reply pay.decision ok {"retry": true, "after_ms": 7000}
reply pay ok
reply gift-condition ok true
reply gift ok
expect saga s1 completed
expect step pay completed attempts=2
expect event step.redriven pay
expect event step.waiting pay

scenario an undo is judged, too
reply pay ok
reply gift-condition fail unreachable
reply pay.compensation first fail locked
reply pay.decision ok true
reply pay.compensation ok
start s1
expect saga s1 compensated

scenario an answer that comes by token is judged, too
reply pay pending
reply pay.decision ok true
reply pay ok
reply gift-condition ok false
start s1
complete pay fail odd
expect saga s1 completed
expect step pay completed attempts=2

scenario a verdict of no ends what came by token
reply pay pending
reply pay.decision ok false
start s1
complete pay fail odd
expect saga s1 compensated
expect step pay failed attempts=1

scenario nobody is asked about a success
reply pay pending
reply gift-condition ok false
start s1
complete pay ok {"paid": true}
expect saga s1 completed
"""


class AskedFunctions(unittest.TestCase):
    def test_scenarios(self):
        with tempfile.TemporaryDirectory() as folder:
            path = pathlib.Path(folder) / "asked.scenario"
            path.write_text(ORDER + SCENARIOS)
            done = subprocess.run([SKALD, "test", str(path)], text=True, capture_output=True,
                                  timeout=GIVE_UP_S, check=False)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        self.assertIn("9 passed, 0 failed", done.stdout)


if __name__ == "__main__":
    unittest.main()
