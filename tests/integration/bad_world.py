"""What the tests of bad input share: a server that must be well after each group, and participants
without manners."""
import json
import pathlib
import socket
import subprocess
import tempfile
import threading
import unittest

from skald_world import (GIVE_UP_S, SKALD, STORE_KIND, Participant, Server, memory_of,
                         order_definition, read_all, store_url)

MIB = 1024 * 1024
SAGAS = "/api/v1/sagas"
ABORT = b"\1\0\0\0\0\0\0\0"  # linger for 0 s: close() sends a reset
OK = b"HTTP/1.1 200 OK\r\n"


def run(*arguments, **options):
    return subprocess.run([SKALD, *arguments], capture_output=True, timeout=GIVE_UP_S, check=False,
                          **options)


def text_of(done):
    return (done.stdout + done.stderr).decode()


class Case(unittest.TestCase):
    """One server with one store for a group."""
    OPTIONS = ()
    STORE_KIND = STORE_KIND
    MEMORY_MAX_MIB = 256
    IS_KILLED = False  # at the end, instead of stopped

    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory()
        cls.path = pathlib.Path(cls.folder.name)
        cls.participant = Participant()
        cls.acknowledged = []
        cls.server = cls.serve()
        assert cls.server.define(order_definition(cls.participant)).status == 201

    @classmethod
    def serve(cls):
        return Server(cls.path, *cls.OPTIONS, store=store_url(cls.path, cls.STORE_KIND))

    @classmethod
    def tearDownClass(cls):
        try:
            cls.is_well("after")
            size = memory_of(cls.server) // MIB
            assert size < cls.MEMORY_MAX_MIB, f"{size} MiB"
            if cls.IS_KILLED:
                cls.server.kill()
            else:
                assert cls.server.stop() == 0, cls.server.log_text()
            cls.server.__exit__(None, None, None)
            log = (cls.path / "server.log").read_text(errors="replace")
            assert "Sanitizer" not in log and "runtime error" not in log, log[-8000:]
            with cls.serve() as server:
                for saga_id in cls.acknowledged:
                    assert server.ended(saga_id)["state"] in ("completed", "compensated"), saga_id
                assert server.stop() == 0, server.log_text()
        finally:
            if cls.server.process.poll() is None:
                cls.server.kill()
            cls.participant.close()
            cls.folder.cleanup()

    @classmethod
    def is_well(cls, saga_id):
        """The server sees an ordinary saga to its end."""
        reply = cls.server.start(definition="order", id=saga_id, input={"amount": 1})
        assert reply.status == 201, reply.body
        cls.acknowledged.append(saga_id)
        assert cls.server.ended(saga_id)["state"] == "completed"

    def tearDown(self):
        self.assertEqual(self.server.get("/healthz").status, 200)

    def assert_problem(self, reply, status, *words):
        self.assertEqual(reply.status, status, reply.body[:500])
        self.assertEqual(reply.headers["Content-Type"], "application/problem+json")
        problem = reply.json
        for member in ("type", "title", "detail", "remedy"):
            self.assertTrue(problem[member], member)
        for word in words:
            self.assertIn(word, json.dumps(problem, ensure_ascii=False))

    def connect(self):
        connection = socket.create_connection((self.server.host, self.server.port), GIVE_UP_S)
        self.addCleanup(connection.close)
        return connection

    def talk(self, data, half_close=True):
        """Sends, and reads until the server closes."""
        connection = self.connect()
        try:
            connection.sendall(data)
            if half_close:
                connection.shutdown(socket.SHUT_WR)
        except OSError:
            pass  # it has answered and closed already
        return read_all(connection)


def status_of(answer):
    """0 = closed without a word."""
    return int(answer.split(None, 2)[1]) if answer.startswith(b"HTTP/1.") else 0


class RudeParticipant:
    """Answers what was asked for at `how[path]`, on the bare socket; anything else with 200."""

    def __init__(self):
        self.socket = socket.create_server(("127.0.0.1", 0), backlog=128)
        self.url = f"http://127.0.0.1:{self.socket.getsockname()[1]}"
        self.how, self.seen = {}, []
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            try:
                connection, _ = self.socket.accept()
            except OSError:
                return
            threading.Thread(target=self.serve, args=(connection,), daemon=True).start()

    def serve(self, connection):
        with connection:
            try:
                while path := self.read_request(connection):
                    self.seen.append(path)
                    how = self.how.get(path, answer(b"200 OK", b"{}"))
                    if callable(how):
                        how(connection)
                        return
                    connection.sendall(how)
                    if path in self.how:
                        return
            except OSError:
                pass

    @staticmethod
    def read_request(connection):
        data = b""
        while b"\r\n\r\n" not in data:
            part = connection.recv(65536)
            if not part:
                return None
            data += part
        head, _, body = data.partition(b"\r\n\r\n")
        size = 0
        for line in head.split(b"\r\n"):
            if line.lower().startswith(b"content-length:"):
                size = int(line.split(b":")[1])
        while len(body) < size:
            body += connection.recv(65536)
        return head.split()[1].decode()

    def close(self):
        self.socket.close()


def answer(status, body=b"", headers=b""):
    """The connection is not to be kept: one that dies under the next request would have it sent twice, and a no
    to the second copy is no clear no."""
    return (b"HTTP/1.1 %s\r\n%sConnection: close\r\nContent-Length: %d\r\n\r\n%s"
            % (status, headers, len(body), body))
