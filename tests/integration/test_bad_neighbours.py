#!/usr/bin/env python3
"""Bad neighbours: participants that answer with noise, too much, too slowly or not at all; servers
that are none; database files, folders, ports and options that cannot be used. Sagas end all the same,
and messages name the place and the remedy."""
import os
import shutil
import socket
import sqlite3
import stat
import subprocess
import time
import unittest

from bad_world import ABORT, MIB, OK, SAGAS, Case, RudeParticipant, answer, run, text_of
from skald_world import GIVE_UP_S, SKALD, Server, until

NOBODY = 65534


# ---- participants --------------------------------------------------------------------------------

def endless(head, part):
    def send(connection):
        connection.sendall(head)
        while True:
            connection.sendall(part)
    return send


def trickle(connection):
    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n")
    while True:
        connection.sendall(b"x")
        time.sleep(0.02)


def silence(connection):
    connection.recv(1)  # until it is closed


def reset(connection):
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, ABORT)


# name: (answer, code, word of the message, may it have happened?)
RUDE = {
    "garbage": (b"\0\1\2 nonsense" * 10, "network", "HTTP", True),
    "another-protocol": (b"SSH-2.0-OpenSSH\r\n\r\n", "network", "HTTP", True),
    "http-0.9": (b"<html>hello</html>", "network", "HTTP/0.9", True),
    "http-9.9": (b"HTTP/9.9 200 OK\r\nContent-Length: 0\r\n\r\n", "network", "version", True),
    "no-answer": (b"", "network", "Empty reply", True),
    "reset": (reset, "network", "reset", True),
    "half-a-head": (OK + b"Content-Le", "network", "headers", True),
    "half-a-body": (OK + b'Content-Length: 100\r\n\r\n{"a":', "network", "95 bytes", True),
    "half-a-chunk": (OK + b"Transfer-Encoding: chunked\r\n\r\n5\r\nab", "network", "remaining", True),
    "bad-chunk": (OK + b"Transfer-Encoding: chunked\r\n\r\nzz\r\nab\r\n", "network", "chunk", True),
    "bad-length": (OK + b"Content-Length: much\r\n\r\n{}", "network", "Content-Length", True),
    "endless-length": (OK + b"Content-Length: " + b"9" * 30 + b"\r\n\r\n{}", "body_too_large",
                       "larger than", True),
    "endless-body": (endless(OK + b"\r\n", b"x" * 65536), "body_too_large", "larger than", True),
    "endless-headers": (endless(OK, b"X-A: " + b"y" * 1000 + b"\r\n"), "network", "headers", True),
    "endless-header": (endless(OK + b"X: ", b"y" * 65536), "network", "headers", True),
    "large-header": (OK + b"X: " + b"y" * 400000 + b"\r\nContent-Length: 2\r\n\r\n{}", "network",
                     "headers", True),
    "large-body": (answer(b"200 OK", b'"' + b"x" * (5 * MIB) + b'"'), "body_too_large", "larger", True),
    "trickle": (trickle, "timeout", "in time", True),
    "silence": (silence, "timeout", "in time", True),
    "not-utf-8": (answer(b"200 OK", b'"\xff\xfe"'), "bad_body", "UTF-8", True),
    "packed": (answer(b"200 OK", b"\x1f\x8b\x08xxxx", b"Content-Encoding: gzip\r\n"), "bad_body",
               "UTF-8", True),
    "302": (answer(b"302 Found", b"", b"Location: http://127.0.0.1:1/\r\n"), "unexpected_status",
            "302", False),
    "307": (answer(b"307 Again", b"", b"Location: /elsewhere\r\n"), "unexpected_status", "307", False),
    "304": (b"HTTP/1.1 304 Not Modified\r\n\r\n", "unexpected_status", "304", False),
    "only-100": (b"HTTP/1.1 100 Continue\r\n\r\n" * 2000, "network", "", True),
    "endless-103": (endless(b"", b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n" * 100), "network",
                    "headers", True),
    "101": (b"HTTP/1.1 101 Switching\r\nUpgrade: x\r\nConnection: Upgrade\r\n\r\n", "network", "", True),
    "999": (answer(b"999 What"), "http_999", "999", True),
    "000": (answer(b"000 What"), "network", "code", True),
    "no-status": (b"HTTP/1.1 what\r\n\r\n", "network", "HTTP", True),
    "500-noise": (answer(b"500 Oh", b"<html>\xff\xff"), "http_500", "500", True),
    "400-noise": (answer(b"400 No", b"\xff\xfe"), "validation", "400", False),
    "400-long": (answer(b"400 No", "ä".encode() * 5000), "validation", "ää", False),
    "400-odd-code": (answer(b"400 No", b'{"error": {"code": {"x": 1}, "message": ["a"]}}'), "validation",
                     "400", False),
    "400-control-code": (answer(b"400 No", b'{"error": {"code": "a\\u0000b"}}'), "validation", "400",
                         False),
    "400-long-code": (answer(b"400 No", b'{"error": {"code": "%s"}}' % (b"c" * 100000)), "validation",
                      "400", False),
    "429-soon": (answer(b"429 Wait", b"", b"Retry-After: soon\r\n"), "too_many_requests", "429", False),
}
# name: (endpoint, code, word)
UNREACHABLE = {
    "refused": (None, "connection_refused", "connect"),
    "no-such-host": ("http://no-such-host.invalid", "network", "no-such-host.invalid"),
    "bad-port": ("{{ .input.no_url }}http://127.0.0.1:99999", "invalid_url", "URL"),
    "bad-host": ("{{ .input.no_url }}http://a b/", "invalid_url", "URL"),
    "no-url": ("{{ .input.no_url }}", "invalid_url", "endpoint"),
}


class Participants(Case):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.rude = RudeParticipant()

    @classmethod
    def tearDownClass(cls):
        super().tearDownClass()
        cls.rude.close()

    def definition(self, name, endpoint, path):
        def action(step, url, where):
            return (f"{{ service: {{ name: p-{step}, endpoint: '{url}', path: '{where}', "
                    "method: POST, body: { a: 1 } } }")
        undo = "{ type: custom, action: %s }"
        url = self.rude.url
        return f"""
saga: {{ id: {name}, name: {name}, version: '1', description: a rude participant }}
services: {{ p-first: {{ circuit_breaker: false }}, p-rude: {{ circuit_breaker: false }} }}
steps:
  - {{ id: first, name: first, type: http, action: {action('first', url, '/first')},
      compensation: {undo % action('first', url, f'/un-first-{name}')} }}
  - id: rude
    name: rude
    type: http
    timeout: 700ms
    dependencies: [first]
    retry_policy: {{ type: no_retry }}
    action: {action('rude', endpoint, path)}
    compensation: {undo % action('rude', url, f'/un-{name}')}
"""

    def start(self, name, endpoint, path):
        reply = self.server.define(self.definition(f"r-{name.replace('.', '-')}", endpoint, path))
        self.assertEqual(reply.status, 201, reply.body)
        reply = self.server.start(definition=f"r-{name.replace('.', '-')}", id=f"r:{name.replace('.', '-')}")
        self.assertEqual(reply.status, 201, reply.body)
        self.acknowledged.append(reply.json["id"])
        return reply.json["id"]

    def assert_undone(self, saga_id, code, word, may_have_happened):
        saga = self.server.ended(saga_id)
        self.assertEqual(saga["state"], "compensated", saga["error"])
        self.assertEqual((saga["error"]["step"], saga["error"]["code"]), ("rude", code), saga["error"])
        self.assertIn(word, saga["error"]["message"])
        name = saga["definition"]
        self.assertEqual(self.rude.seen.count(f"/un-first-{name}"), 1)
        self.assertEqual(self.rude.seen.count(f"/un-{name}"), 1 if may_have_happened else 0)

    def test_rude_answers(self):
        for name, (how, *_) in RUDE.items():
            self.rude.how[f"/{name}"] = how
            self.start(name, self.rude.url, f"/{name}")
        for name, (_, code, word, may_have_happened) in RUDE.items():
            with self.subTest(name):
                self.assert_undone(f"r:{name.replace('.', '-')}", code, word, may_have_happened)
        self.assertNotIn("/elsewhere", self.rude.seen)

    def test_unreachable(self):
        with socket.create_server(("127.0.0.1", 0)) as closed:
            dead = f"http://127.0.0.1:{closed.getsockname()[1]}"
        for name, (endpoint, *_) in UNREACHABLE.items():
            self.start(name, endpoint or dead, "/first")
        for name, (_, code, word) in UNREACHABLE.items():
            with self.subTest(name):
                self.assert_undone(f"r:{name}", code, word, False)

    def test_large_values(self):
        """An output next to its limit is kept; what would be larger than the limit ends with words."""
        for size in (3 * MIB, 4 * MIB - 16):
            self.rude.how[f"/large-{size}"] = answer(b"200 OK", b'"' + b"x" * size + b'"')
            saga = self.server.ended(self.start(f"large-{size}", self.rude.url, f"/large-{size}"))
            self.assertEqual((saga["state"], len(saga["output"]["rude"])), ("completed", size))
        text = self.definition("r-twice", self.rude.url, "/first").replace(
            "body: { a: 1 }", "body: { a: '{{ .input.t }}', b: '{{ .input.t }}' }")
        self.assertEqual(self.server.define(text).status, 201)
        reply = self.server.start(definition="r-twice", id="r:twice", input={"t": "x" * (3 * MIB)})
        self.assertEqual(reply.status, 201, reply.body[:300])
        self.acknowledged.append("r:twice")
        saga = self.server.ended("r:twice")
        self.assertEqual((saga["state"], saga["error"]["code"]), ("compensated", "too_large"))
        self.assertIn("4 MiB", saga["error"]["message"])

    def test_odd_but_usable(self):
        """Text that is no JSON is an output as text."""
        for name, body in (("wrong-json", b'{"a": nul}'), ("raw-nul", b'{"a": "x\0"}'),
                           ("deep", b"[" * 100000), ("words", "schön".encode())):
            self.rude.how[f"/{name}"] = answer(b"200 OK", body)
            saga = self.server.ended(self.start(name, self.rude.url, f"/{name}"))
            self.assertEqual(saga["state"], "completed", saga["error"])
            self.assertEqual(saga["output"]["rude"], body.decode())
        self.rude.how["/none"] = b"HTTP/1.1 204 No Content\r\n\r\n"
        saga = self.server.ended(self.start("none", self.rude.url, "/none"))
        self.assertEqual((saga["state"], saga["output"]["rude"]), ("completed", None))


class Servers(unittest.TestCase):
    """What answers where the command line looks for a server."""

    def test_no_skald(self):
        rude = RudeParticipant()
        self.addCleanup(rude.close)
        answers = {"garbage": b"\0\1\2", "nothing": b"", "half-a-head": OK + b"Content-Le",
                   "half-a-body": OK + b"Content-Length: 9\r\n\r\n{", "page": answer(b"200 OK", b"<html>"),
                   "text": answer(b"200 OK", b'"hello"'), "blank": answer(b"200 OK"),
                   "404": answer(b"404 Not Found", b"<html>"), "not-utf-8": answer(b"200 OK", b"\xff")}
        for name, how in answers.items():
            rude.how = {path: how for path in (SAGAS, f"{SAGAS}?limit=20", f"{SAGAS}/x")}
            for arguments in (["start", "order"], ["show", "x"]):
                with self.subTest(name, command=arguments[0]):
                    done = run(*arguments, "--server", rude.url)
                    self.assertEqual(done.returncode, 3, text_of(done))
                    self.assertEqual(done.stdout, b"")
                    self.assertIn("--server URL", text_of(done))
        rude.how = {SAGAS: answer(b"302 Found", b"", b"Location: /x\r\n")}
        done = run("start", "order", "--server", rude.url)
        self.assertEqual(done.returncode, 1)
        self.assertIn("302", text_of(done))


# ---- the database file, the port, the options ----------------------------------------------------

class Files(Case):
    STORE_KIND = "sqlite"  # damaged journals are in test_journal.py

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        os.chmod(cls.path, 0o755)  # for the server of another user
        cls.is_well("before")
        cls.server.stop()
        cls.good = (cls.path / "test.db").read_bytes()
        cls.server.__exit__(None, None, None)
        cls.server = cls.serve()

    def refused(self, code, *arguments, **options):
        done = run("serve", *arguments, **options)
        self.assertEqual(done.returncode, code, text_of(done))
        self.assertTrue(done.stderr.startswith(b"skald: "), done.stderr)
        return text_of(done)

    def store(self, path):
        return ("--store", f"sqlite:{path}", "--listen", ":0")

    def test_damaged(self):
        good = self.good
        damaged = {
            "half": (good[:len(good) // 2], 1, ["truncated", "restore"]),
            "no-header": (good[:50], 1, ["truncated", "50 bytes", "restore"]),
            "one-byte-short": (good[:-1], 1, ["truncated", "restore"]),
            "empty": (b"", 1, ["empty", "restore", "remove"]),
            "text": (b"hello world " * 1000, 2, ["not a database", "another file"]),
            "short": (b"hi", 2, ["not a database"]),
            "zeros": (b"\0" * len(good), 2, ["not a database"]),
            "newer": (good[:60] + b"\0\0\0\x63" + good[64:], 1, ["version 99", "newer skald"]),
            "foreign": (good[:68] + b"\1\2\3\4" + good[72:], 2, ["another program", "another file"]),
            "page-of-noise": (good[:4096] + b"\xff" * 4096 + good[8192:], 1, ["malformed", "restore"]),
            "noise": (good[:4096] + b"\xff" * (len(good) - 4096), 1, ["malformed", "restore"]),
            "page-size": (good[:16] + b"\0\3" + good[18:], 1, ["not a database", "restore"]),
        }
        for name, (data, code, words) in damaged.items():
            with self.subTest(name):
                path = self.path / f"{name}.db"
                path.write_bytes(data)
                message = self.refused(code, *self.store(path))
                for word in [str(path), *words]:
                    self.assertIn(word, message)
                self.assertEqual(path.read_bytes(), data)
                self.assertFalse((self.path / f"{name}.db.key").exists())

    def test_of_another_program(self):
        path = self.path / "other.db"
        with sqlite3.connect(path) as other:
            other.execute("CREATE TABLE x (a)")
        other.close()
        before = path.read_bytes()
        self.assertIn("another program", self.refused(2, *self.store(path)))
        self.assertEqual(path.read_bytes(), before)

    def test_no_files(self):
        (self.path / "folder.db").mkdir()
        (self.path / "circle.db").symlink_to(self.path / "circle.db")
        for code, path, words in (
                (2, self.path / "folder.db", ["folder", "name a file"]),
                (1, self.path / "none" / "a.db", ["none", "create it"]),
                (1, self.path / "circle.db", ["symbolic links"]),
                (1, self.path / ("x" * 300), ["too long"]),
                (2, "/dev/null", ["not a regular file"]),
                (2, ":memory:", ["not the name of a file"]),
                (2, "", ["sqlite:orders.db"])):
            message = self.refused(code, *self.store(path))
            for word in words:
                self.assertIn(word, message)
        self.assertFalse((self.path / "none").exists())

    def test_in_use(self):
        message = self.refused(1, *self.store(self.path / "test.db"))
        self.assertIn(f"process {self.server.process.pid}", message)
        self.assertIn("stop it", message)
        link = self.path / "link.db"
        link.symlink_to(self.path / "test.db")
        self.assertIn(str(self.server.process.pid), self.refused(1, *self.store(link)))
        message = self.refused(1, "--store", "memory:", "--listen", f"127.0.0.1:{self.server.port}")
        self.assertIn(f"port {self.server.port}", message)
        self.assertIn("ss -ltnp", message)
        self.is_well("while-locked")

    def test_held_by_another_program(self):
        path = self.path / "held.db"
        path.write_bytes(self.good)
        other = sqlite3.connect(path, isolation_level=None)
        self.addCleanup(other.close)
        other.execute("BEGIN EXCLUSIVE")
        message = self.refused(1, *self.store(path))
        self.assertIn("close the other program", message)

    def test_read_only(self):
        """As somebody whom the permissions concern."""
        binary = self.path / "skald"
        shutil.copy(SKALD, binary)
        folder = self.path / "read-only"
        folder.mkdir()
        for name in ("file.db", "whole.db"):
            (folder / name).write_bytes(self.good)
        os.chmod(folder / "file.db", stat.S_IRUSR | stat.S_IRGRP | stat.S_IROTH)
        os.chmod(folder / "whole.db", 0o666)
        os.chmod(folder, 0o555)
        user = {"user": NOBODY, "group": NOBODY} if os.geteuid() == 0 else {}
        before = sorted(os.listdir(folder))
        for name, words in (("file.db", ["cannot be written", "right"]),
                            ("whole.db", ["folder", "right"]), ("new.db", ["right", "folder"])):
            done = subprocess.run([binary, "serve", *self.store(folder / name)], capture_output=True,
                                  timeout=GIVE_UP_S, check=False, **user)
            self.assertEqual(done.returncode, 1, text_of(done))
            for word in [name, *words]:
                self.assertIn(word, text_of(done))
        self.assertEqual(sorted(os.listdir(folder)), before)
        self.assertEqual((folder / "file.db").read_bytes(), self.good)
        os.chmod(folder, 0o755)

    def test_wrong_use(self):
        for words, *arguments in (
                (["--stroe", "did you mean --store"], "--stroe", "x"),
                (["--qqqq", "--help"], "--qqqq"),
                (["--store", "URL"], "--store"),
                (["did you mean sqlite:"], "--store", "sqllite:x"),
                (["postgres://x", "sqlite, journal, memory"], "--store", "postgres://x"),
                (["orders.db", "sqlite:"], "--store", "orders.db"),
                (["nothing after it"], "--store", "memory:x"),
                (["here", "127.0.0.1:8080"], "--listen", "here"),
                (["99999", "127.0.0.1:8080"], "--listen", "127.0.0.1:99999"),
                (["-1", "127.0.0.1:8080"], "--listen", "127.0.0.1:-1"),
                (["[::1]:8080"], "--listen", "::1"),
                (["192.0.2.1", "0.0.0.0"], "--store", "memory:", "--listen", "192.0.2.1:80"),
                (["'-1'", "4MiB"], "--body-max", "-1"),
                (["out of range", "1KiB"], "--body-max", "7"),
                (["is no size"], "--body-max", "x"),
                (["-5s", "30s"], "--grace", "-5s"),
                (["loud", "debug"], "--log-level", "loud"),
                (["--define FILE"], "order.yaml"),
                (["none.yaml", "No such file"], "--define", "none.yaml")):
            with self.subTest(arguments):
                message = self.refused(2, *arguments)
                for word in words:
                    self.assertIn(word, message)
        for name, word in (("srve", "skald serve"), ("qqqq", "skald --help"), ("--nope", "skald --help")):
            done = run(name)
            self.assertEqual(done.returncode, 2)
            self.assertIn(word, text_of(done))

    def test_ready_file_that_cannot_be(self):
        done = run("serve", "--store", "memory:", "--listen", ":0", "--ready-file",
                   str(self.path / "nowhere" / "ready"))
        self.assertEqual(done.returncode, 1)
        self.assertIn(f"{self.path / 'nowhere' / 'ready'}: the ready file cannot be written: No such",
                      text_of(done))
        until(lambda: self.server.get("/readyz").status == 200, "the other server serves")


if __name__ == "__main__":
    unittest.main(verbosity=2)
