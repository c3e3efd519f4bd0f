#!/usr/bin/env python3
"""Every name that an error of Skald's carries has its entry: what it means, what to check, what helps. The
names come from the sources; the page docs/troubleshooting.md is what the binary prints."""
import json
import re
import tempfile
import unittest

from skald_world import ROOT, Server, run

SOURCES = ROOT / "src"
# Names in the sources that are no errors: facts of a saga's history and of a normal day.
NO_TROUBLE = re.compile(r"(saga|step|verify|compensation|lock|hook|operator|signal)\.\w+$|server\.(ready|stopping|"
                        r"stopped|log)$|definition\.")
REASONS = {"cancelled", "compensate", "retry", "child_repaired", "failed", "operator", "engine", "preview"}


def texts(pattern, *folders):
    """What the pattern's group finds in the C files of these folders: {name: place}."""
    found = {}
    for folder in folders:
        for file in sorted((SOURCES / folder).rglob("*.c")):
            for match in re.finditer(pattern, file.read_text(), re.S):
                found.setdefault(match[1], file.name)
    return found


class Troubles(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.rows = json.loads(run("trouble", "--format", "json").stdout)
        cls.names = {}
        for row in cls.rows:
            cls.names.setdefault(row["kind"], set()).add(row["name"])

    def assert_known(self, found, *kinds, least=1):
        known = set().union(*(self.names[kind] for kind in kinds))
        self.assertGreaterEqual(len(found), least, "the pattern does not fit the sources any more")
        missing = {name: place for name, place in found.items() if name not in known}
        self.assertEqual(missing, {}, f"add these to src/base/troubles.c as {kinds[0]}")

    def test_problems(self):
        self.assert_known(texts(r'\{ \d{3}, "([a-z-]+)"', "api") | texts(r'\d{3}, "([a-z-]+)",', "api")
                          | texts(r'slug = "([a-z-]+)"', "api"), "problem", least=15)

    def test_diagnostics(self):
        found = texts(r'SK_SEVERITY_\w+,\s*"([a-z0-9_]+)"', "dsl") | texts(
            r'\b(?:diagnose|fail|report|refuse|complain|problem|error|warn|advise|say)\w*\([^;"]*?"([a-z]+_[a-z0-9_]+)",'
            r'\s*"[^"]* ', "dsl")
        self.assert_known(found, "definition", "outcome", least=40)

    def test_outcomes(self):
        found = texts(r'\.code = SK_STR\("([a-z_]+)"\)', "core", "engine", "invoke")
        found |= texts(r'sk_turn_alert\([^;"]*"([a-z_]+)"', "core")
        found |= texts(r'(?:sk_action_refuse|sk_action_fail|fail_undo)\([^;"]*SK_STR\("([a-z_]+)"\)', "core")
        found |= texts(r'case SK_HTTP_\w+: return "([a-z_]+)"', "invoke")
        self.assert_known({n: p for n, p in found.items() if n not in REASONS}, "outcome", least=20)

    def test_notices(self):
        found = texts(r'(?:sk_engine_notice|say|notice)\([^;"]*"([a-z_]+\.[a-z_]+)"', "engine", "skald", "cli",
                      "runtime", "invoke")
        self.assert_known({n: p for n, p in found.items() if not NO_TROUBLE.match(n)
                           or n in ("saga.stalled", "saga.refused", "saga.unreadable")}, "notice", least=12)

    def test_command_line(self):
        self.assert_known(texts(r'cli_fail\([^;"]*?"([a-z-]+)"', "cli") | {"wrong-use": "options.c"},
                          "command", "problem", least=8)

    def test_statuses(self):
        header = (ROOT / "include/skald/status.h").read_text()
        statuses = re.findall(r"X\((SKALD_E_\w+),", header)
        self.assert_known(dict.fromkeys(statuses, "status.h"), "status", least=20)

    def test_messages_name_their_entry(self):
        """Of the command line's own: wrong use, a file that is not there, no server."""
        for arguments in (["strat"], ["define"], ["list", "--lmit", "3"], ["validate", "/nowhere/a.saga.yaml"],
                          ["list", "--server", "http://127.0.0.1:1"], ["config", "check", "/nowhere/a.yaml"]):
            said = run(*arguments).stderr
            entry = re.search(r"skald trouble ([\w-]+)", said)
            self.assertTrue(entry, said)
            self.assertEqual(run("trouble", entry[1]).returncode, 0, said)

    def test_rows_are_whole(self):
        seen = set()
        for row in self.rows:
            self.assertNotIn((row["kind"], row["name"]), seen)
            seen.add((row["kind"], row["name"]))
            self.assertTrue(row["means"] and row["remedy"], row)

    def test_page(self):
        self.assertEqual(run("trouble", "--format", "markdown").stdout,
                         (ROOT / "docs/troubleshooting.md").read_text(),
                         "renew it: skald trouble -f markdown > docs/troubleshooting.md")

    def test_command(self):
        done = run("trouble", "store-full")
        self.assertEqual(done.returncode, 0)
        self.assertIn("make room", done.stdout)
        done = run("trouble", "no-such-thing")
        self.assertEqual(done.returncode, 2)
        self.assertIn("no trouble is called", done.stderr)

    def test_problems_lead_to_their_entry(self):
        with tempfile.TemporaryDirectory() as folder, Server(folder) as server:
            problem = server.get("/api/v1/sagas/none").json
            entry = server.get(problem["type"])
            self.assertEqual(entry.status, 200)
            self.assertEqual(entry.json["items"][0]["name"], "not-found")
            done = run("show", "none", server=server)
            self.assertIn("(skald trouble not-found)", done.stderr)
            self.assertEqual(server.get("/problems/no-such-thing").status, 404)


if __name__ == "__main__":
    unittest.main(verbosity=2)
