#!/usr/bin/env python3
"""docs/coming-from.md says where the names of other systems are in Skald: each name of ours that it gives
must be in Skald's own tables, with the default it gives, and no name of theirs may be missing."""
import json
import re
import subprocess
import unittest

from skald_world import ROOT, SKALD

PAGE = (ROOT / "docs/coming-from.md").read_text()
KEEPING = (ROOT / "docs/keeping.md").read_text()

THEIRS = {
    "states of Swit": ["Pending", "Running", "StepCompleted", "Completed", "Compensating", "Compensated",
                       "Failed", "Cancelled", "TimedOut"],
    "states of RTE": ["CREATED", "LOCKED", "EXECUTING", "CONFIRMING", "COMPLETED", "FAILED", "COMPENSATING",
                      "COMPENSATED", "COMPENSATION_FAILED", "TIMEOUT", "CANCELLED"],
    "states of steps of Swit": [f"StepState{state}" for state in (
        "Pending", "Running", "Completed", "Failed", "Compensating", "Compensated", "Skipped")],
    "events of Swit": ["EventSagaStarted", "EventSagaCompleted", "EventSagaFailed", "EventSagaCancelled",
                       "EventStepStarted", "EventStepCompleted", "EventStepFailed",
                       "EventCompensationStarted", "EventCompensationCompleted"],
    "events of RTE": ["tx.created", "tx.completed", "tx.failed", "tx.timeout", "tx.cancelled",
                      "tx.compensation_failed", "step.started", "step.completed", "step.failed",
                      "circuit.opened", "circuit.closed", "recovery.start", "alert.warning", "alert.critical"],
    "requests of RTE": ["GET /api/transactions", "GET /api/transactions/{txID}",
                        "POST /api/transactions/{txID}/force-complete",
                        "POST /api/transactions/{txID}/force-cancel", "POST /api/transactions/{txID}/retry",
                        "GET /api/stats", "GET /api/recovery/stats", "GET /api/circuit-breakers",
                        "POST /api/circuit-breakers/{service}/reset", "GET /api/events"],
    "settings of RTE": ["LockTTL", "LockExtendPeriod", "MaxRetries", "RetryInterval", "CircuitThreshold",
                        "CircuitTimeout", "CircuitHalfOpenReqs", "RecoveryInterval", "StuckThreshold",
                        "StepTimeout", "TxTimeout", "IdempotencyTTL"],
    "coordinator of Swit": ["StartSaga", "GetSagaInstance", "CancelSaga", "GetActiveSagas", "GetMetrics",
                            "HealthCheck"],
}


def ours(kind):
    """The names of this kind that the page gives."""
    found = []
    for match in re.finditer(rf"\b{kind}s? (`[^`]+`(?:(?:, | and )`[^`]+`)*)", PAGE):
        found += re.findall(r"`([^`]+)`", match[1])
    assert found, kind
    return found


def skald(*arguments):
    return subprocess.run([SKALD, *arguments], capture_output=True, text=True, check=True).stdout


class ComingFrom(unittest.TestCase):
    maxDiff = None

    def test_nothing_of_theirs_is_missing(self):
        for what, names in THEIRS.items():
            for name in names:
                with self.subTest(what=what, name=name):
                    self.assertIn(f"`{name}", PAGE + KEEPING)

    def test_events(self):
        known = set(re.findall(r'X\(\w+, \d+, "([a-z._]+)"\)', (ROOT / "src/core/event.h").read_text()))
        self.assertGreater(len(known), 30)
        self.assertEqual(set(ours("event")) - known, set())

    def test_states_of_steps(self):
        document = json.loads(skald("openapi"))
        text = json.dumps(document)
        for state in ours("step state"):
            self.assertTrue(f'"{state}"' in text, state)

    def test_requests(self):
        paths = json.loads(skald("openapi"))["paths"]
        for request in ours("request"):
            method, path = request.split()
            self.assertTrue(method.lower() in paths.get(path, {}), f"there is no {request}")

    def test_commands(self):
        help_text = skald("--help")
        for command in ours("command"):
            self.assertRegex(help_text, rf"(?m)^  {command.removeprefix('skald ')}\s")

    def test_settings(self):
        rows = {row["name"]: row for row in json.loads(skald("config", "list", "--json"))["settings"]}
        for name in ours("setting"):
            self.assertIn(name, rows)
        for name, default in re.findall(r"setting `([^`]+)` = (\S+?)[:;.]? ", PAGE):
            self.assertEqual(str(rows[name]["default"]), default, name)

    def test_observations(self):
        names = {row["name"] for row in json.loads(skald("trouble", "--format", "json"))}
        self.assertEqual(set(ours("observation")) - names, set())

    def test_keys(self):
        schema = json.loads((ROOT / "docs/schemas/saga.schema.json").read_text())
        maps = {"steps": "step"}
        for key in ours("key"):
            where, name = key.split(".")
            self.assertIn(name, schema["definitions"][maps.get(where, where)]["properties"], key)

    def test_functions(self):
        headers = "".join(path.read_text() for path in (ROOT / "include/skald").glob("*.h"))
        for function in ours("C function"):
            self.assertRegex(headers, rf"\b{function}\(")


if __name__ == "__main__":
    unittest.main(verbosity=2)
