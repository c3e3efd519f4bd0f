#!/usr/bin/env python3
"""A journal is backed up while its server works in it."""
import json
import os
import pathlib
import resource
import subprocess
import threading
import unittest

from skald_world import GIVE_UP_S, SKALD, OwnJournal, order_definition, store, until

STARTERS = 3
BACKUPS = 3
PADDING = "x" * 60000  # so that segments begin and go


class Load:
    """Starts sagas without end; `acknowledged` are the ids that were answered with 201."""

    def __init__(self, server):
        self.server, self.acknowledged, self.is_over, self.failure = server, set(), False, None
        self.threads = [threading.Thread(target=self.run, args=(n,)) for n in range(STARTERS)]
        for thread in self.threads:
            thread.start()

    def run(self, starter):
        number = 0
        while not self.is_over:
            saga = f"o-{starter}-{number}"
            number += 1
            try:
                status = self.server.start(definition="order", id=saga,
                                           input={"amount": 1, "padding": PADDING}).status
            except OSError as error:
                status = str(error)
            if status == 201:
                self.acknowledged.add(saga)
            elif status != 503:
                self.failure = status
                return

    def so_far(self):
        return set(self.acknowledged)

    def stop(self):
        self.is_over = True
        for thread in self.threads:
            thread.join(GIVE_UP_S)


class JournalBackup(OwnJournal):
    def define(self, server):
        self.assertIn(server.define(order_definition(self.participant)).status, (200, 201))

    def backup(self, copy, **options):
        done = subprocess.run([SKALD, "store", "backup", str(copy), "--store", self.url], text=True,
                              capture_output=True, timeout=GIVE_UP_S, check=False, **options)
        return done.returncode, done.stdout + done.stderr

    def must_back_up(self, copy):
        code, text = self.backup(copy)
        self.assertEqual(code, 0, text)
        self.assertFalse(pathlib.Path(f"{copy}.making").exists())
        self.assertTrue(pathlib.Path(f"{copy}.key").exists())

    def must_not_back_up(self, copy, code, *words, **options):
        found, text = self.backup(copy, **options)
        self.assertEqual(found, code, text)
        for word in words:
            self.assertIn(word, text)
        self.assertFalse(copy.exists())

    def sagas_in(self, url):
        """The ids in a store that passes its check."""
        found = store("check", "--store", url)
        self.assertEqual(found.returncode, 0, found.stdout + found.stderr)
        rows = map(json.loads, store("dump", "--store", url).stdout.splitlines())
        return {row["id"] for row in rows if row["table"] == "saga"}

    def must_end(self, server, saga):
        """One way or the other: the participant is slower than the starters."""
        self.assertIn(server.ended(saga)["state"], ("completed", "compensated"))

    def test_under_load(self):
        promised = {}
        with self.serve() as server:
            self.define(server)
            load = Load(server)
            try:
                for number in range(BACKUPS):
                    before = len(load.acknowledged)
                    until(lambda: load.failure or len(load.acknowledged) > before + 200, "sagas start")
                    copy = self.path / f"copy-{number}.db"
                    promised[copy] = load.so_far()
                    self.must_back_up(copy)
            finally:
                load.stop()
            self.assertIsNone(load.failure)
        sizes = []
        for copy, ids in promised.items():
            sagas = self.sagas_in(f"sqlite:{copy}")
            self.assertEqual(ids - sagas, set())
            self.assertEqual(sagas - load.acknowledged, set())  # all were answered in the end
            sizes.append(len(sagas))
        self.assertEqual(sizes, sorted(sizes))
        last = list(promised)[-1]
        with self.serve(f"sqlite:{last}") as server:
            for saga in sorted(promised[last])[:5] + sorted(promised[last])[-5:]:
                self.must_end(server, saga)
        first = list(promised)[0]
        done = store("restore", str(first), "--store", self.url, "--replace")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(promised[first] - self.sagas_in(self.url), set())
        with self.serve() as server:
            self.assertEqual(server.start(definition="order", id="late", input={"amount": 1}).status, 201)
            self.assertEqual(server.ended("late")["state"], "completed")
            for saga in sorted(promised[first])[-3:]:
                self.must_end(server, saga)

    def test_damage_is_told(self):
        with self.serve() as server:
            self.define(server)
            server.start(definition="order", id="o-0", input={"amount": 1})
            server.ended("o-0")
        with self.serve() as server:  # a second segment
            segment = sorted(self.log.glob("0*.log"))[0]
            whole = segment.read_bytes()
            with open(segment, "r+b") as file:
                file.seek(700)
                file.write(bytes([whole[700] ^ 4]))
            copy = self.path / "copy.db"
            self.must_not_back_up(copy, 1, "damaged", segment.name)
            self.assertFalse(pathlib.Path(f"{copy}.making").exists())
            with open(segment, "r+b") as file:
                file.write(whole)
            self.must_back_up(copy)
            self.assertEqual(server.saga("o-0")["state"], "completed")

    def test_what_is_in_the_way(self):
        def small():
            resource.setrlimit(resource.RLIMIT_FSIZE, (20000, 20000))

        with self.serve() as server:
            self.define(server)
            server.start(definition="order", id="o-0", input={"amount": 1, "padding": PADDING})
            server.ended("o-0")
            copy, side = self.path / "copy.db", self.path / "copy.db.making"
            self.must_not_back_up(copy, 1, "File too large", preexec_fn=small, restore_signals=False)
            self.assertFalse(side.exists())
            side.mkdir()
            (side / "letter").write_text("mine")
            self.must_not_back_up(copy, 2, "in the way")
            self.assertEqual((side / "letter").read_text(), "mine")
            (side / "letter").rename(side / "backup-being-made")  # of one that was killed
            (side / "log").mkdir()
            (side / "log/0000000000000001.log").write_text("half")
            (side / "index.db.new").write_text("half")
            self.must_back_up(copy)
            code, text = self.backup(copy)
            self.assertEqual(code, 2, text)
            self.assertIn("is there already", text)
            self.assertEqual(os.stat(copy).st_mode & 0o022, 0)
        self.assertEqual(self.sagas_in(f"sqlite:{copy}"), {"o-0"})


if __name__ == "__main__":
    unittest.main()
