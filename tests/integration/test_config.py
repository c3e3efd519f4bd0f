#!/usr/bin/env python3
"""Settings: files, environment and flags over each other, what is said about wrong ones, the table."""
import json
import os
import re
import subprocess
import sys
import unittest

from skald_world import Server
from test_cli_offline import SOURCE, Folder, run


def settings(*arguments, **environment):
    """The settings in force: name -> (value, origin)."""
    done = run("serve", "--print-config", "--json", *arguments, **environment)
    assert done.returncode == 0, done.stderr
    return {row["name"]: (row["value"], row["origin"]) for row in json.loads(done.stdout)["settings"]}


class Layers(Folder):
    def test_defaults(self):
        found = settings()
        self.assertEqual(found["listen"], ("127.0.0.1:8080", "default"))
        self.assertEqual(found["timeouts.attempt"], ("10s", "default"))
        self.assertEqual(found["limits.sagas_max"], (100000, "default"))
        self.assertEqual(found["retry.max_attempts"], (4, "default"))

    def test_later_ones_override(self):
        base = self.write("base.yaml", "listen: 127.0.0.1:1\nlimits: { sagas_max: 1, pending_max: 1,"
                                       " cache_max: 1, batch_max: 16 }\nlog: { level: debug }\n")
        over = self.write("over.yaml", "limits:\n  pending_max: 2\n  cache_max: 2\n  batch_max: 20\n"
                                       "log: { level: ~ }\n")
        found = settings("--config", base, "--config", over, "--set", "limits.batch_max=40",
                         "--listen", ":0", SKALD_LIMITS_CACHE_MAX="3", SKALD_LIMITS_BATCH_MAX="30")
        self.assertEqual(found["listen"], (":0", "--listen"))
        self.assertEqual(found["limits.sagas_max"], (1, f"{base}:2"))
        self.assertEqual(found["limits.pending_max"], (2, f"{over}:2"))
        self.assertEqual(found["limits.cache_max"], (3, "environment SKALD_LIMITS_CACHE_MAX"))
        self.assertEqual(found["limits.batch_max"], (40, "--set"))
        self.assertEqual(found["log.level"], ("info", "default"))

    def test_files_of_the_environment(self):
        base = self.write("base.yaml", "limits: { sagas_max: 7 }")
        over = self.write("over.yaml", "limits:\n  pending_max: ${MOST:-8}\n")
        found = settings(SKALD_CONFIG=f"{base}:{over}", MOST="9")
        self.assertEqual(found["limits.sagas_max"], (7, f"{base}:1"))
        self.assertEqual(found["limits.pending_max"], (9, f"{over}:2"))

    def test_lists(self):
        self.assertEqual(settings("-d", "a,b", "-d", "c")["definitions"], (["a,b", "c"], "--define"))
        self.assertEqual(settings(SKALD_DEFINITIONS="a, b")["definitions"][0], ["a", "b"])
        self.assertEqual(settings(SKALD_DEFINITIONS='["a, b", c]')["definitions"][0], ["a, b", "c"])
        path = self.write("one.yaml", "definitions: a,b")
        self.assertEqual(settings("-c", path)["definitions"], (["a,b"], f"{path}:1"))

    def test_a_password_in_a_url_is_not_shown(self):
        shown = settings("--store", "postgres://me:geheim@db/orders")["store.url"][0]
        self.assertEqual(shown, "postgres://me:***@db/orders")

    def test_text_for_people(self):
        done = run("serve", "--print-config", "--log-level", "warn")
        self.assertRegex(done.stdout, r"log\.level +warn +--log-level")


class Secrets(Folder):
    def test_shown_as_references_and_found_at_the_start(self):
        path = self.write("s.yaml", "http: { proxy: 'http://me:${secret:proxy}@127.0.0.1:9' }\n"
                                    "services: { books: { endpoint: 'http://b', headers: "
                                    "{ Authorization: 'Bearer ${secret:books}' } } }\n")
        found = settings("-c", path, SKALD_SECRET_proxy="hunter2")
        self.assertEqual(found["http.proxy"][0], "http://me:${secret:proxy}@127.0.0.1:9")
        self.assertEqual(found["services.books.headers"][0], {"Authorization": "Bearer ${secret:books}"})
        done = run("serve", "-c", path, "--store", "memory:", "--listen", ":0")
        self.assertEqual(done.returncode, 1, done.stderr)
        self.assertIn("there is no secret proxy: set SKALD_SECRET_proxy", done.stderr)
        self.write("proxy", "hunter2\n")
        with Server(self.path, "-c", path, "--set", f"secrets.folder={self.path}") as server:
            self.assertEqual(server.get("/readyz").status, 200)

    def test_written_out_they_are_refused_and_not_repeated(self):
        path = self.write("s.yaml", "services: { b: { headers: { X-Api-Key: hunter2 } } }")
        done = run("config", "check", path)
        self.assertEqual(done.returncode, 1)
        self.assertIn("a secret is written out", done.stdout)
        self.assertNotIn("hunter2", done.stdout)


class Wrong(Folder):
    def check(self, text, *expected):
        done = run("config", "check", self.write("wrong.yaml", text))
        self.assertEqual(done.returncode, 1, done.stdout)
        for part in expected:
            self.assertIn(part, done.stdout)
        self.assertEqual(done.stdout.count("error:"), len(expected))

    def test_all_at_once_with_places(self):
        self.check("limits: { pending_mx: 3 }\n"
                   "timeouts:\n  attempt: 10\n  saga: 1ms\n"
                   "retry: { type: exponential, multiplier: x, max_attempts: [1] }\n"
                   "sagas_max: 3\nserver: 5\nlog: { level: { deep: 1 } }\n",
                   "wrong.yaml:1:11: error: limits.pending_mx: no setting has this name (did you mean"
                   " `limits.pending_max`?)",
                   ":3:12: error: timeouts.attempt: '10' is no duration (write it with its unit: 500ms",
                   ":4:9: error: timeouts.saga: '1ms' is out of range (it goes from 1s to 8760h)",
                   ":5:16: error: retry.type: 'exponential' is not known here (it is one of fixed_delay,",
                   ":5:41: error: retry.multiplier: 'x' is no number",
                   ":5:58: error: retry.max_attempts: no list belongs here (write a whole number",
                   ":6:1: error: sagas_max: no setting has this name (did you mean `limits.sagas_max`?)",
                   ":7:9: error: server: a map belongs here",
                   ":8:15: error: log.level: no map belongs here (write one of its words)")

    def test_broken_yaml_and_secrets_where_none_belong(self):
        self.check("listen: [\n", "wrong.yaml:2:1: error:")
        self.check("- a\n", "the file holds no map")
        self.check("listen: ${secret:WHERE}\n", "${secret:…} is not resolved here")

    def test_one_setting_against_another(self):
        self.check("lease: { duration: 2s, margin: 3s }", "lease.margin is not shorter")
        self.check("retry: { initial_delay: 9s, max_delay: 2s }", "retry.max_delay is less than")

    def test_good_empty_and_missing_files(self):
        done = run("config", "check", self.write("good.yaml", "log: { level: warn }"),
                   self.write("empty.yaml", "# nothing\n"))
        self.assertEqual((done.returncode, done.stdout), (0, "valid\n"))
        done = run("config", "check", str(self.path / "missing.yaml"))
        self.assertEqual(done.returncode, 2)
        self.assertIn("missing.yaml", done.stderr)

    def test_json(self):
        done = run("config", "check", "--json", self.write("wrong.yaml", "lissten: 3"))
        self.assertEqual(done.returncode, 1)
        found = json.loads(done.stdout)
        self.assertFalse(found["valid"])
        self.assertEqual(found["diagnostics"][0]["remedy"], "did you mean `listen`?")

    def test_environment_and_flags(self):
        done = run("serve", "--print-config", SKALD_LIMITS_SAGAS_MAX="many")
        self.assertEqual(done.returncode, 2)
        self.assertIn("environment SKALD_LIMITS_SAGAS_MAX: error: limits.sagas_max: 'many' is no whole"
                      " number", done.stderr)
        done = run("serve", "--print-config", SKALD_LIMITS_SAGAS_MX="1",
                   SKALD_SERVICE_HOST="10.0.0.7")
        self.assertEqual(done.returncode, 0)
        self.assertIn("did you mean SKALD_LIMITS_SAGAS_MAX?", done.stderr)
        self.assertNotIn("SERVICE_HOST", done.stderr)
        done = run("serve", "--set", "limits.sagas=1")
        self.assertEqual(done.returncode, 2)
        self.assertIn("--set: error: limits.sagas: no setting has this name (did you mean "
                      "`limits.sagas_max`?)", done.stderr)
        done = run("serve", "--set", "nonsense")
        self.assertEqual(done.returncode, 2)
        self.assertIn("no NAME=VALUE", done.stderr)


DEFINITION = """
saga: { id: tiny, name: Tiny, version: "1", description: One pause }
steps:
  - { id: pause, name: Pause, type: wait, wait: { for: 1ms } }
"""


class Examples(Folder):
    def served(self, name, *options):
        """A server with that file ends a saga; its settings in force."""
        path = str(SOURCE / "examples/config" / name)
        with Server(self.path, "--config", path, *options) as server:
            self.assertEqual(server.define(DEFINITION).status, 201)
            self.assertEqual(server.start(definition="tiny", id="t-1").status, 201)
            self.assertEqual(server.ended("t-1")["state"], "completed")
        return settings("--config", path)

    def test_development(self):
        found = self.served("development.yaml")
        self.assertEqual(found["store.url"][0], "memory:")
        self.assertEqual(found["limits.sagas_max"][0], 10)
        self.assertEqual(found["retry.max_attempts"][0], 2)

    def test_production(self):
        found = self.served("production.yaml")
        self.assertEqual(found["limits.sagas_max"][0], 500)
        self.assertEqual(found["timeouts.acquire"][0], "30s")
        self.assertEqual(found["server.grace"][0], "2m")
        self.assertEqual([found[f"retry.{name}"][0] for name in
                          ("type", "max_attempts", "initial_delay", "max_delay", "jitter")],
                         ["exponential_backoff", 5, "1s", "2m", "quarter"])


class Table(unittest.TestCase):
    def test_the_page_is_what_the_table_says(self):
        done = subprocess.run([sys.executable, str(SOURCE / "scripts/config-docs"), "--check"],
                              capture_output=True, text=True, check=False)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)

    def test_rows(self):
        rows = json.loads(run("config", "list", "--json").stdout)["settings"]
        names = [row["name"] for row in rows]
        variables = [row["variable"] for row in rows if row["variable"]]
        flags = [row["flag"] for row in rows if row["flag"]]
        for unique in (names, variables, flags):
            self.assertEqual(len(set(unique)), len(unique))
        for row in rows:
            self.assertRegex(row["name"], r"^[a-z0-9_.<>]+$")
            self.assertTrue(row["help"] and not row["help"].endswith("."), row)
        help_page = run("serve", "--help").stdout
        for flag in flags:
            self.assertIn(f"--{flag} ", help_page)

    def test_what_others_call_their_settings(self):
        """Each name of ours in the map is a setting, each default there is its default."""
        rows = {row["name"]: row["default"] for row in
                json.loads(run("config", "list", "--json").stdout)["settings"]}
        page = (SOURCE / "docs/configuration.md").read_text().split("## Settings of other engines")[1]
        cells = [line.split("|")[2] for line in page.splitlines() if line.startswith("| `")]
        seen = 0
        for name, default in re.findall(r"`([a-z_.]+)`(?: (\w+))?", " ".join(cells)):
            group = [row for row in rows if row.startswith(name + ".")]
            self.assertTrue(name in rows or group, name)
            if default:
                self.assertEqual(rows[name], default, name)
                seen += 1
        self.assertGreaterEqual(seen, 9)

    def test_wrong_use(self):
        for arguments in ((), ("chekc",), ("check",), ("list", "x")):
            self.assertEqual(run("config", *arguments).returncode, 2, arguments)


del Folder

if __name__ == "__main__":
    os.environ.pop("SKALD_CONFIG", None)
    unittest.main()
