#!/usr/bin/env python3
"""A server on a journal: kills, copies both ways, damage that is named."""
import json
import signal
import subprocess
import unittest

from skald_world import GIVE_UP_S, SKALD, OwnJournal, order_definition, run, store


class Journal(OwnJournal):
    def run_orders(self, server, first, count):
        self.assertIn(server.define(order_definition(self.participant)).status, (200, 201))
        for number in range(first, first + count):
            server.start(definition="order", id=f"o-{number}", input={"amount": 1})
        for number in range(first, first + count):
            self.assertEqual(server.ended(f"o-{number}")["state"], "completed")

    def test_lists_and_sagas_through_kills(self):
        for life in range(4):
            with self.serve() as server:
                self.run_orders(server, 5 * life, 5)
                listed = server.get("/api/v1/sagas?state=completed&limit=100").json["items"]
                self.assertEqual({item["id"] for item in listed},
                                 {f"o-{number}" for number in range(5 * life + 5)})
                self.assertEqual(server.start(definition="order", id="o-0", input={"amount": 2}).status, 409)
                events = server.get("/api/v1/sagas/o-0/events").json["items"]
                self.assertEqual(events[-1]["type"], "saga.completed")
                if life % 2 == 0:
                    server.process.send_signal(signal.SIGKILL)
                    server.process.wait()
        self.assertIn("20 sagas", store("check", "--store", self.url).stdout)

    def test_copies_go_both_ways(self):
        with self.serve() as server:
            self.run_orders(server, 0, 5)
            early = str(self.path / "early.db")
            self.assertEqual(store("backup", early, "--store", self.url).returncode, 0)
            for verb in ("check", "dump"):
                busy = store(verb, "--store", self.url)
                self.assertEqual(busy.returncode, 1)
                self.assertIn("in use by process", busy.stderr)
        found = json.loads(store("check", "--json", "--store", f"sqlite:{early}").stdout)
        self.assertEqual((found["sagas"], found["problems"]), (5, []))
        copy = str(self.path / "copy.db")
        self.assertEqual(store("backup", copy, "--store", self.url).returncode, 0)
        with self.serve(f"sqlite:{copy}") as server:  # a store of its own
            self.run_orders(server, 5, 1)
        self.assertEqual(store("restore", copy, "--store", self.url).returncode, 2)
        self.assertEqual(store("restore", copy, "--store", self.url, "--replace").returncode, 0)
        with self.serve() as server:
            self.run_orders(server, 6, 2)
            self.assertEqual(server.saga("o-5")["state"], "completed")
        found = json.loads(store("check", "--json", "--store", self.url).stdout)
        self.assertEqual((found["sagas"], found["problems"]), (8, []))

    def refused(self, *words):
        done = store("check", "--store", self.url)
        self.assertEqual(done.returncode, 1, done.stdout + done.stderr)
        for word in words:
            self.assertIn(word, done.stderr)
        served = subprocess.run([SKALD, "serve", "--store", self.url, "--listen", "127.0.0.1:0"],
                                capture_output=True, text=True, timeout=GIVE_UP_S, check=False)
        self.assertEqual(served.returncode, 1, served.stderr)
        self.assertIn(words[0], served.stderr)

    def test_damage_is_named_and_not_served(self):
        with self.serve() as server:
            self.run_orders(server, 0, 5)
        with self.serve() as server:  # a second segment
            self.run_orders(server, 5, 5)
        segments = sorted(self.log.glob("0*.log"))
        self.assertGreaterEqual(len(segments), 2)
        whole = segments[0].read_bytes()
        broken = bytearray(whole)
        broken[700] ^= 4
        segments[0].write_bytes(broken)
        self.refused("damaged", segments[0].name)
        segments[0].write_bytes(whole)
        self.assertEqual(store("check", "--store", self.url).returncode, 0)
        segments[1].rename(self.path / "elsewhere")
        (self.log / segments[1].name).write_bytes(whole)
        self.refused("renamed", segments[1].name)

    def test_its_index_is_no_store(self):
        """What was started there would be in no log, and what only the log has would be gone."""
        with self.serve() as server:
            self.run_orders(server, 0, 1)
        served = subprocess.run([SKALD, "serve", "--store", f"sqlite:{self.path}/orders/index.db", "--listen", ":0"],
                                capture_output=True, text=True, timeout=GIVE_UP_S, check=False)
        self.assertEqual(served.returncode, 2, served.stderr)
        self.assertIn("index of a journal", served.stderr)
        for tool in (["check"], ["dump"], ["backup", str(self.path / "copy.db")],
                     ["restore", str(self.path / "copy.db")]):
            command, *rest = tool
            told = run("store", command, "--store", f"sqlite:{self.path}/orders/index.db", *rest)
            self.assertIn("index of a journal", told.stderr, told)
        (self.path / "log").mkdir()
        (self.path / "log/server.log").touch()  # no segment of a journal
        with self.serve(f"sqlite:{self.path}/index.db") as server:
            self.run_orders(server, 1, 1)
        with self.serve() as server:
            self.run_orders(server, 1, 1)


if __name__ == "__main__":
    unittest.main()
