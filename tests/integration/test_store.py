#!/usr/bin/env python3
"""`skald store`: a copy of a store in use, a restored one that is served on, checks that find damage."""
import json
import sqlite3
import threading
import unittest

from skald_world import OwnFolder, Server, order_definition, store

APPROVAL = """
saga: { id: approval, name: Approval, version: "1", description: Waits }
steps:
  - { id: reserve, name: Reserve, type: http, action: { service: { name: books, endpoint: "%s", path: /reserve } },
      compensation: { type: custom, action: { service: { name: books, path: /unreserve } } } }
  - { id: approved, name: Approved, type: wait, dependencies: [reserve], wait: { signal: approved, timeout: 1h } }
"""


class Case(OwnFolder):
    def setUp(self):
        super().setUp()
        self.url = f"sqlite:{self.path / 'test.db'}"

    def serve(self, store_url=None):
        return Server(self.path, store=store_url or self.url)

    def define(self, server):
        for text in (order_definition(self.participant), APPROVAL % self.participant.url):
            self.assertEqual(server.define(text).status, 201)

    def ok(self, *arguments):
        done = store(*arguments)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        return done.stdout

    def refused(self, code, *arguments):
        done = store(*arguments)
        self.assertEqual(done.returncode, code, done.stdout + done.stderr)
        self.assertTrue(done.stderr.splitlines()[-1].strip())
        return done.stdout + done.stderr


class Copies(Case):
    def test_of_a_busy_server_restored_and_served_on(self):
        copy = str(self.path / "copy.db")
        with self.serve() as server:
            self.define(server)
            server.start(definition="approval", id="waits")
            server.when("waits", lambda saga: saga["steps"][1]["state"] == "waiting", "it waits")
            stops, started = threading.Event(), []

            def keep_busy():
                while not stops.is_set():
                    started.append(server.start(definition="order", input={"amount": 1}).json["id"])
            busy = threading.Thread(target=keep_busy)
            busy.start()
            try:
                done = store("backup", copy, "--store", self.url)
                self.assertEqual(done.returncode, 0, done.stderr)
                self.assertIn("100 %", done.stderr)
                self.refused(1, "check", "--store", self.url)
            finally:
                stops.set()
                busy.join()
            self.assertEqual(server.ended(started[-1])["state"], "completed")
            look = json.loads(self.ok("schema", "--store", self.url, "--json"))
            self.assertEqual(look["in_use_by"], server.process.pid)
        self.assertIn("all is well", self.ok("check", "--store", f"sqlite:{copy}"))
        self.assertIn("all is well", self.ok("check", "--store", self.url))
        restored = f"sqlite:{self.path / 'restored.db'}"
        self.ok("restore", copy, "--store", restored)
        before, after = (json.loads(self.ok("schema", "--json", "--store", url))
                         for url in (f"sqlite:{copy}", restored))
        self.assertNotEqual(before["incarnation"], after["incarnation"])
        self.assertGreater(after["epoch_max"], before["epoch_max"] + 1000)
        self.assertEqual((before["sagas"], before["schema"]), (after["sagas"], after["schema"]))
        self.assertEqual((self.path / "test.db.key").read_bytes(),
                         (self.path / "restored.db.key").read_bytes())
        with self.serve(restored) as server:
            self.assertEqual(server.saga("waits")["state"], "running")
            server.post("/api/v1/sagas/waits/signals", {"name": "approved", "id": "1"})
            self.assertEqual(server.ended("waits")["state"], "completed")
            server.start(definition="order", id="new", input={"amount": 1})
            self.assertEqual(server.ended("new")["state"], "completed")
        self.assertIn("all is well", self.ok("check", "--store", restored))

    def test_what_is_there_is_not_lost(self):
        copy = str(self.path / "copy.db")
        with self.serve() as server:
            self.define(server)
            self.ok("backup", copy, "--store", self.url)
            self.assertIn("is there already", self.refused(2, "backup", copy, "--store", self.url))
            server.start(definition="order", id="later", input={"amount": 1})
            server.ended("later")
            message = self.refused(1, "restore", copy, "--store", self.url, "--replace")
            self.assertIn(f"in use by process {server.process.pid}", message)
        self.assertIn("--replace", self.refused(2, "restore", copy, "--store", self.url))
        self.ok("restore", copy, "--store", self.url, "--replace")
        with self.serve() as server:
            self.assertEqual(server.get("/api/v1/sagas/later").status, 404)
        with self.serve(f"sqlite:{self.path / 'test.db.replaced'}") as server:
            self.assertEqual(server.saga("later")["state"], "completed")

    def test_copy_and_dump(self):
        with self.serve() as server:
            self.define(server)
            for number in range(3):
                server.start(definition="order", id=f"o-{number}", input={"amount": 1})
                server.ended(f"o-{number}")
        look = json.loads(self.ok("schema", "--json", "--store", self.url))
        copies = [f"journal:{self.path / 'journal'}", f"sqlite:{self.path / 'again.db'}"]
        for source, target in zip([self.url, *copies], copies):
            self.assertIn("3 sagas", self.ok("copy", target, "--store", source))
            copied = json.loads(self.ok("schema", "--json", "--store", target))
            self.assertNotEqual(copied["incarnation"], look["incarnation"])
            self.assertGreater(copied["epoch_max"], look["epoch_max"])
            look = copied
        self.assertIn("--replace", self.refused(2, "copy", copies[0], "--store", self.url))
        self.assertIn("the store itself", self.refused(2, "copy", self.url, "--store", self.url))
        self.refused(2, "copy", "memory:", "--store", self.url)
        with self.serve(copies[0]) as server:
            self.assertEqual(server.saga("o-1")["state"], "completed")
            self.refused(1, "dump", "--store", copies[0])
        rows, again = ([json.loads(line) for line in self.ok("dump", "--store", url).splitlines()]
                       for url in (self.url, copies[1]))
        events = [row for row in rows if row["table"] == "event"]
        self.assertEqual(len(events), look["events"])
        self.assertEqual({row["id"] for row in rows if row["table"] == "saga"}, {"o-0", "o-1", "o-2"})
        self.assertEqual([row for row in again if row["table"] not in ("meta", "shard")],
                         [row for row in rows if row["table"] not in ("meta", "shard")])
        with sqlite3.connect(self.path / "again.db") as database:
            database.execute("UPDATE span SET seq = seq + 1 WHERE seq > 1")
        self.assertIn('"damaged"', self.ok("dump", "--store", copies[1]))

    def test_wrong_use(self):
        self.assertIn("sqlite:PATH", self.refused(2, "backup", "x", "--store", "memory:"))
        self.refused(2, "backup", str(self.path / "x"), "--store", f"sqlite:{self.path / 'none.db'}")
        self.refused(2, "check", "--store", f"sqlite:{self.path / 'none.db'}")
        (self.path / "text.db").write_text("hello world " * 1000)
        self.assertIn("not a database",
                      self.refused(2, "restore", str(self.path / "text.db"), "--store", self.url))
        self.assertFalse((self.path / "test.db").exists())
        self.refused(2, "backup")
        self.refused(2, "chekc")
        self.refused(2)


class Damage(Case):
    def setUp(self):
        super().setUp()
        with self.serve() as server:
            self.define(server)
            for number in range(3):
                server.start(definition="order", id=f"o-{number}", input={"amount": 1})
                server.ended(f"o-{number}")
        self.ok("check", "--store", self.url)

    def after(self, *statements):
        """What check says after changes of the file."""
        with sqlite3.connect(self.path / "test.db") as database:
            for statement in statements:
                database.execute(statement)
        done = store("check", "--store", self.url, "--json")
        self.assertEqual(done.returncode, 1, done.stdout + done.stderr)
        found = json.loads(done.stdout)
        self.assertEqual((found["sagas"], found["definitions"]), (3, 2))
        return " | ".join(found["problems"])

    def test_found(self):
        for expected, *statements in (
                ("o-1: the state is 'failed' in its head, but its events say 'completed'",
                 "UPDATE saga SET state = 6 WHERE id = 'o-1'"),
                ("o-1: the business key is 'x'", "UPDATE saga SET business_key = 'x' WHERE id = 'o-1'"),
                ("the tally says 7", "UPDATE tally SET n = 7 WHERE n <> 0"),
                ("o-2: the head is at event",
                 "DELETE FROM span WHERE key = (SELECT max(key) FROM span WHERE saga ="
                 " (SELECT key FROM saga WHERE id = 'o-2'))"),
                ("is not what was written",
                 "UPDATE span SET data = CAST(substr(data, 1, length(data) - 2) || x'ffff' AS BLOB)"),
                ("cannot be folded",
                 "UPDATE span SET data = CAST(substr(data, 1, length(data) - 2) || x'ffff' AS BLOB)"),
                ("its source has another digest", "UPDATE definition SET source = source || ' ' "
                 "WHERE id = 'order'")):
            with self.subTest(expected):
                copy = (self.path / "test.db").read_bytes()
                found = self.after(*statements)
                self.assertIn(expected, found)
                (self.path / "test.db").write_bytes(copy)

    def test_pages(self):
        path = self.path / "test.db"
        data = bytearray(path.read_bytes())
        with sqlite3.connect(path) as database:
            page = database.execute("SELECT rootpage FROM sqlite_master WHERE name = 'saga_id'").fetchone()[0]
        data[(page - 1) * 4096 + 8:(page - 1) * 4096 + 200] = bytes(192)
        path.write_bytes(bytes(data))
        done = store("check", "--store", self.url)
        self.assertEqual(done.returncode, 1, done.stdout + done.stderr)


del Case

if __name__ == "__main__":
    unittest.main()
