#!/usr/bin/env python3
"""The front door under bad manners: slow, half-closed, broken, huge and many connections."""
import http.client
import json
import socket
import tempfile
import threading
import time
import unittest

from skald_world import GIVE_UP_S, Participant, Server, order_definition, read_all

REQUEST_TIMEOUT_S = 2
MIB = 1024 * 1024


class Front(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory()
        cls.participant = Participant()
        cls.server = Server(cls.folder.name, "--request-timeout", f"{REQUEST_TIMEOUT_S}s",
                            "--connections-max", "64", store="memory:")
        assert cls.server.define(order_definition(cls.participant)).status == 201

    @classmethod
    def tearDownClass(cls):
        code = cls.server.stop()
        text = cls.server.log_text()
        cls.server.__exit__(None, None, None)
        cls.participant.close()
        cls.folder.cleanup()
        assert code == 0, f"exit code {code}\n{text}"

    def tearDown(self):
        self.assertEqual(self.server.get("/healthz").status, 200)

    def connect(self):
        connection = socket.create_connection((self.server.host, self.server.port), GIVE_UP_S)
        self.addCleanup(connection.close)
        return connection

    def talk(self, data, half_close=False):
        """Sends and reads until the server closes."""
        connection = self.connect()
        connection.sendall(data)
        if half_close:
            connection.shutdown(socket.SHUT_WR)
        return read_all(connection)

    def test_half_closed(self):
        answer = self.talk(b"GET /version HTTP/1.1\r\nHost: x\r\n\r\n", half_close=True)
        self.assertIn(b"200 OK", answer)
        self.assertIn(b'"name":"skald"', answer)

    def test_half_a_request(self):
        self.assertEqual(self.talk(b"POST /api/v1/sagas HTTP/1.1\r\nContent-Length: 50\r\n\r\n{",
                                   half_close=True), b"")
        self.assertEqual(self.talk(b"GET /ver", half_close=True), b"")

    def test_slow_request_is_cut(self):
        """A byte now and then does not keep a connection: its time counts from the first byte."""
        connection = self.connect()
        connection.settimeout(0.2)
        for byte in b"GET /version HTTP/1.1\r\nX-Slow: " + b"x" * 1000:
            try:
                connection.sendall(bytes([byte]))
                if connection.recv(100) == b"":
                    return
                self.fail("an answer to half a request")
            except TimeoutError:
                continue
            except (ConnectionResetError, BrokenPipeError):
                return
        self.fail("it was never cut")

    def test_slow_body_is_cut(self):
        connection = self.connect()
        connection.sendall(b"POST /api/v1/sagas HTTP/1.1\r\nContent-Type: application/json\r\n"
                           b"Content-Length: 1000\r\n\r\n{")
        self.assertEqual(read_all(connection), b"")

    def test_no_http(self):
        for noise in (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\x00" * 50 + b"\r\n\r\n",
                      b"HELO there\r\n\r\n", b"\x00" * 100 + b"\r\n\r\n", b"GET\r\n\r\n",
                      b"GET / HTTP/9.9\r\n\r\n", b"BREW /pot HTTP/1.1\r\n\r\n"):
            answer = self.talk(noise, half_close=True)
            self.assertTrue(answer == b"" or answer.startswith(b"HTTP/1.") and
                            answer.split()[1][:1] in (b"4", b"5"), answer)

    def test_headers_without_end(self):
        answer = self.talk(b"GET / HTTP/1.1\r\n" + b"X-Long: " + b"y" * 100000 + b"\r\n\r\n")
        self.assertTrue(answer == b"" or b" 400 " in answer.splitlines()[0], answer[:200])
        many = b"".join(b"X-%d: y\r\n" % i for i in range(20000))
        answer = self.talk(b"GET / HTTP/1.1\r\n" + many + b"\r\n")
        self.assertTrue(answer == b"" or b" 400 " in answer.splitlines()[0], answer[:200])

    def test_bodies_that_are_too_large(self):
        kind = b"Content-Type: application/json\r\n"
        for size in (5 * MIB, 40 * MIB):
            reply = self.server.ask("POST", "/api/v1/sagas", b" " * size)
            self.assertEqual(reply.status, 413)
        problem = self.server.ask("POST", "/api/v1/sagas", b" " * (5 * MIB)).json
        self.assertIn("at most", problem["detail"])
        answer = self.talk(b"POST /api/v1/sagas HTTP/1.1\r\n" + kind +
                           b"Content-Length: 99999999999999999999999\r\n\r\n{}", half_close=True)
        self.assertTrue(answer == b"" or b" 4" in answer[:12], answer)
        answer = self.talk(b"POST /api/v1/sagas HTTP/1.1\r\n" + kind + b"Content-Length: -5\r\n\r\n")
        self.assertIn(b" 400 ", answer)

    def test_large_body_that_is_allowed(self):
        text = "x" * (3 * MIB)
        reply = self.server.start(definition="order", id="large-1", input={"text": text})
        self.assertEqual(reply.status, 201, reply.body[:500])
        self.assertEqual(self.server.ended("large-1")["input"]["text"], text)

    def test_chunked_body(self):
        body = json.dumps({"definition": "order", "id": "chunked-1", "input": {"amount": 1}}).encode()
        chunks = b"".join(b"%x\r\n%c\r\n" % (1, byte) for byte in body) + b"0\r\n\r\n"
        answer = self.talk(b"POST /api/v1/sagas HTTP/1.1\r\nConnection: close\r\n"
                           b"Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n" + chunks)
        self.assertIn(b" 201 ", answer.splitlines()[0])

    def test_kept_alive(self):
        connection = http.client.HTTPConnection(self.server.host, self.server.port, timeout=GIVE_UP_S)
        for i in range(50):
            connection.request("GET", "/version" if i % 2 else "/api/v1/sagas/none-such")
            reply = connection.getresponse()
            reply.read()
            self.assertEqual(reply.status, 200 if i % 2 else 404)
        connection.close()

    def test_two_requests_at_once(self):
        answer = self.talk(b"GET /version HTTP/1.1\r\n\r\nGET /healthz HTTP/1.1\r\nConnection: close\r\n\r\n")
        self.assertEqual(answer.count(b"HTTP/1.1 200 OK"), 2, answer)

    def test_old_http(self):
        answer = self.talk(b"GET /version HTTP/1.0\r\n\r\n")
        self.assertIn(b" 200 ", answer.splitlines()[0])

    def test_head(self):
        answer = self.talk(b"HEAD /version HTTP/1.1\r\nConnection: close\r\n\r\n")
        self.assertIn(b"Content-Length: ", answer)
        self.assertTrue(answer.endswith(b"\r\n\r\n"))

    def test_an_answer_of_two_writes_is_not_held_back(self):
        """On a connection that is kept: its end does not wait for the client's acknowledgement of its
        beginning, which comes 40 ms later."""
        for number in range(60):
            self.server.start(definition="order", id=f"listed-{number}", input={"amount": 1})
        connection = http.client.HTTPConnection(self.server.host, self.server.port, timeout=GIVE_UP_S)
        self.addCleanup(connection.close)
        times = []
        for _ in range(12):
            start = time.monotonic()
            connection.request("GET", "/api/v1/sagas?limit=60")
            size = len(connection.getresponse().read())
            times.append(time.monotonic() - start)
            self.assertTrue(16384 < size < 65536, size)
        self.assertLess(sorted(times)[3], 0.030, times)

    def test_clients_that_leave_before_their_reply(self):
        """The reply comes when nobody is there any more."""
        release = threading.Event()
        self.addCleanup(release.set)
        self.participant.on("/reserve", lambda request: (release.wait(GIVE_UP_S), (200, {}))[1])
        self.server.start(definition="order", id="left-1", input={"amount": 1})
        for i in range(20):
            connection = self.connect()
            connection.sendall(b"GET /api/v1/sagas/left-1?wait=30s HTTP/1.1\r\n\r\n")
            if i % 2:
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
            connection.close()
        self.assertEqual(self.server.get("/api/v1/sagas/left-1").status, 200)
        release.set()
        self.participant.answers.clear()
        self.assertEqual(self.server.ended("left-1")["state"], "completed")

    def test_more_connections_than_allowed(self):
        """Those beyond the limit wait in line; none is refused, none waits for ever."""
        crowd = [self.connect() for _ in range(100)]
        for connection in crowd:
            connection.sendall(b"GET /version HTTP/1.1\r\nConnection: close\r\n\r\n")
        for connection in crowd:
            self.assertIn(b" 200 ", read_all(connection).splitlines()[0])

    def test_silent_connections_do_not_keep_others_out_for_ever(self):
        crowd = [self.connect() for _ in range(30)]
        self.assertEqual(self.server.get("/version").status, 200)
        for connection in crowd:
            connection.close()


if __name__ == "__main__":
    unittest.main(verbosity=2)
