#!/usr/bin/env python3
"""Participants that are called over the network: TLS with certificates made here, HTTP/2, proxies, the
services and hosts of the configuration, requests at once, rates, circuit breakers."""
import http.client
import http.server
import json
import pathlib
import shutil
import socket
import ssl
import subprocess
import tempfile
import threading
import unittest

from skald_world import SKALD, Participant, Server, until


def openssl(folder, *arguments):
    subprocess.run(["openssl", *map(str, arguments)], cwd=folder, check=True, capture_output=True)


class Certificates:
    """An authority, and what it signed: server (localhost), expired, other (elsewhere.example), client;
    stranger is signed by itself."""

    def __init__(self, folder):
        self.folder = pathlib.Path(folder)
        key = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1")
        openssl(folder, "req", "-x509", *key, "-nodes", "-keyout", "ca.key", "-out", "ca.pem", "-subj",
                "/CN=test authority", "-days", 30)
        openssl(folder, "req", "-x509", *key, "-nodes", "-keyout", "stranger.key", "-out", "stranger.pem",
                "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost", "-days", 30)
        for name, host, days in (("server", "localhost", 30), ("expired", "localhost", -1),
                                 ("other", "elsewhere.example", 30), ("client", "client", 30)):
            secret = ("-passout", "pass:open sesame") if name == "client" else ("-nodes",)
            openssl(folder, "req", *key, *secret, "-keyout", f"{name}.key", "-out", f"{name}.csr", "-subj",
                    f"/CN={host}")
            (self.folder / "extra").write_text(f"subjectAltName=DNS:{host}\n")
            openssl(folder, "x509", "-req", "-in", f"{name}.csr", "-CA", "ca.pem", "-CAkey", "ca.key",
                    "-CAcreateserial", "-days", days, "-extfile", "extra", "-out", f"{name}.pem")

    def __getitem__(self, name):
        return str(self.folder / name)

    def server_context(self, name, wants_client=False, tls=None):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self[f"{name}.pem"], self[f"{name}.key"])
        if wants_client:
            context.verify_mode = ssl.CERT_REQUIRED
            context.load_verify_locations(self["ca.pem"])
        if tls is not None:
            context.maximum_version = tls
        return context


class Secure(Participant):
    """A participant behind TLS; the handshake is its handlers' business, not the listener's."""

    def __init__(self, context):
        super().__init__()
        self.server.socket = context.wrap_socket(self.server.socket, server_side=True,
                                                 do_handshake_on_connect=False)
        self.url = f"https://localhost:{self.server.server_address[1]}"


class Proxy:
    """A proxy for both ways: CONNECT, and requests with the whole URL. Remembers what it was asked."""

    def __init__(self, password=None, refuses=False):
        self.asked = []
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def is_let_in(self):
                outer.asked.append((self.command, self.path))
                if refuses:
                    self.send_error(403)
                    return False
                if password and self.headers.get("Proxy-Authorization") != password:
                    self.send_response(407)
                    self.send_header("Proxy-Authenticate", "Basic realm=proxy")
                    self.send_header("Content-Length", "0")
                    self.end_headers()
                    return False
                return True

            def do_CONNECT(self):
                if not self.is_let_in():
                    return
                host, port = self.path.split(":")
                with socket.create_connection((host, int(port))) as there:
                    self.send_response(200)
                    self.end_headers()
                    pump = threading.Thread(target=self.pump, args=(there, self.connection))
                    pump.start()
                    self.pump(self.connection, there)
                    pump.join()
                self.close_connection = True

            @staticmethod
            def pump(source, target):
                try:
                    while data := source.recv(65536):
                        target.sendall(data)
                    target.shutdown(socket.SHUT_WR)
                except OSError:
                    pass

            def do_POST(self):
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                if not self.is_let_in():
                    return
                host, path = self.path.split("/", 3)[2:]
                connection = http.client.HTTPConnection(host)
                connection.request("POST", f"/{path}", body, dict(self.headers))
                reply = connection.getresponse()
                data = reply.read()
                self.send_response(reply.status)
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)
                connection.close()

            def log_message(self, *arguments):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.address = f"127.0.0.1:{self.server.server_address[1]}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def close(self):
        self.server.shutdown()
        self.server.server_close()


def closed_port():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return listener.getsockname()[1]


def one_step(name, service, more="", method="POST", path="/do", head="", retry="type: no_retry"):
    """A definition of one step that calls the service wherever the server says it is."""
    return f"""
saga: {{ id: {name}, name: {name}, version: '1', description: one step }}
{head}
steps:
  - id: do
    name: do
    type: http
    timeout: 5s
    retry_policy: {{ {retry} }}
    action: {{ service: {{ name: {service}, method: {method}, path: {path} {more} }} }}
    compensation: {{ type: custom, action: {{ service: {{ name: {service}, path: /undo {more} }} }} }}
"""


class Case(unittest.TestCase):
    """Each class has one server, with the settings that `settings()` gives."""

    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory()
        cls.path = pathlib.Path(cls.folder.name)
        cls.things = []
        config = cls.path / "config.yaml"
        config.write_text(json.dumps(cls.settings()))
        cls.server = Server(cls.path, "--config", str(config), store="memory:")

    @classmethod
    def tearDownClass(cls):
        cls.server.stop()
        cls.server.__exit__(None, None, None)
        for thing in cls.things:
            thing.close()
        cls.folder.cleanup()

    @classmethod
    def keep(cls, thing):
        cls.things.append(thing)
        return thing

    def run_one(self, service, **more):
        """The saga, ended, of a definition with one step."""
        name = f"{service}-{self._testMethodName.replace('_', '-')}"
        reply = self.server.define(one_step(name, service, **more))
        self.assertEqual(reply.status, 201, reply.body)
        reply = self.server.start(definition=name, id=f"{name}:1")
        self.assertEqual(reply.status, 201, reply.body)
        return self.server.ended(reply.json["id"])

    def assert_not_sent(self, saga, code, *words):
        """It failed, and nobody need be asked whether it happened."""
        self.assertEqual(saga["state"], "compensated", saga["error"])
        self.assertEqual(saga["error"]["code"], code, saga["error"])
        for word in words:
            self.assertIn(word, saga["error"]["message"])
        events = self.server.events(saga["id"])
        self.assertIn("step.failed", events)
        self.assertNotIn("step.unknown", events)
        self.assertNotIn("compensation.started", events)


class Tls(Case):
    @classmethod
    def settings(cls):
        made = cls.certificates = Certificates(cls.path)
        cls.good = cls.keep(Secure(made.server_context("server")))
        cls.expired = cls.keep(Secure(made.server_context("expired")))
        cls.other = cls.keep(Secure(made.server_context("other")))
        cls.stranger = cls.keep(Secure(made.server_context("stranger")))
        cls.picky = cls.keep(Secure(made.server_context("server", wants_client=True,
                                                        tls=ssl.TLSVersion.TLSv1_2)))
        cls.picky3 = cls.keep(Secure(made.server_context("server", wants_client=True)))
        (cls.path / "secrets").mkdir()
        (cls.path / "secrets" / "KEY").write_text("open sesame\n")
        client = {"cert_file": made["client.pem"], "key_file": made["client.key"],
                  "key_password": "${secret:KEY}"}
        return {"http": {"ca_file": made["ca.pem"]},
                "secrets": {"folder": str(cls.path / "secrets")},
                "services": {
                    "good": {"endpoint": cls.good.url},
                    "expired": {"endpoint": cls.expired.url},
                    "other": {"endpoint": cls.other.url},
                    "stranger": {"endpoint": cls.stranger.url},
                    "trusted": {"endpoint": cls.stranger.url, "tls": {"ca_file": made["stranger.pem"]}},
                    "no-such-file": {"endpoint": cls.good.url, "tls": {"ca_file": "/no/such/file"}},
                    "nobody": {"endpoint": cls.picky.url},
                    "known": {"endpoint": cls.picky.url, "tls": client},
                    "nobody3": {"endpoint": cls.picky3.url},
                    "known3": {"endpoint": cls.picky3.url, "tls": client},
                    "bad-key": {"endpoint": cls.picky.url,
                                "tls": {**client, "cert_file": made["other.pem"]}},
                    "plain": {"endpoint": cls.good.url.replace("https", "http")},
                    "silent": {"endpoint": f"https://localhost:{closed_port()}"}}}

    def test_verified(self):
        saga = self.run_one("good")
        self.assertEqual(saga["state"], "completed", saga["error"])
        self.assertEqual(saga["steps"][0]["output"], {"path": "/do"})

    def test_own_authority_of_a_service(self):
        self.assertEqual(self.run_one("trusted")["state"], "completed")

    def test_client_certificate(self):
        for service in ("known", "known3"):
            with self.subTest(service):
                saga = self.run_one(service)
                self.assertEqual(saga["state"], "completed", saga["error"])

    def test_expired(self):
        self.assert_not_sent(self.run_one("expired"), "network", "expired", "nothing was sent")
        self.assertEqual(self.expired.paths(), [])

    def test_wrong_host_name(self):
        self.assert_not_sent(self.run_one("other"), "network", "localhost", "nothing was sent")
        self.assertEqual(self.other.paths(), [])

    def test_unknown_authority(self):
        self.assert_not_sent(self.run_one("stranger"), "network", "certificate", "tls.ca_file")

    def test_file_that_is_not_there(self):
        self.assert_not_sent(self.run_one("no-such-file"), "network", "/no/such/file", "tls.ca_file")

    def test_no_client_certificate(self):
        self.assert_not_sent(self.run_one("nobody"), "network", "alert")
        self.assertEqual(self.picky.paths().count("/undo"), 0)

    def test_key_that_does_not_fit(self):
        self.assert_not_sent(self.run_one("bad-key"), "network", "tls.cert_file")

    def test_no_client_certificate_with_tls_1_3(self):
        """There the refusal may come after the request was sent: then it may have happened, for all we
        know."""
        self.assertEqual(self.server.define(one_step("nobody3", "nobody3")).status, 201)
        self.assertEqual(self.server.start(definition="nobody3", id="nobody3:1").status, 201)
        found = self.server.when("nobody3:1", lambda s: s["steps"][0]["maybe"] or s["ended_at"], "it failed")
        self.assertEqual(found["steps"][0]["error"]["code"], "network")
        self.assertNotIn("/undo", self.picky3.paths())

    def test_plain_request_to_tls(self):
        self.assertEqual(self.server.define(one_step("plain", "plain")).status, 201)
        self.server.start(definition="plain", id="plain:1")
        self.server.when("plain:1", lambda s: s["steps"][0]["maybe"], "the answer is lost")

    def test_nobody_listens(self):
        self.assert_not_sent(self.run_one("silent"), "connection_refused", "connect")


class Http2(Case):
    @classmethod
    def settings(cls):
        made = Certificates(cls.path)
        files = cls.path / "files"
        files.mkdir()
        (files / "do").write_text('{"spoke": "h2"}')
        cls.servers, ports = [], []
        for keys in ((made["server.key"], made["server.pem"]), ("--no-tls",)):
            port = closed_port()
            arguments = ["nghttpd", "-v", "-a", "127.0.0.1", "-d", str(files)]
            arguments += ["--no-tls", str(port)] if len(keys) == 1 else [str(port), *keys]
            log = open(cls.path / f"nghttpd-{port}.log", "w+")
            process = subprocess.Popen(arguments, stdout=log, stderr=log)
            cls.servers.append((process, log))
            ports.append(port)
            until(lambda: cls.listens(port), "nghttpd listens")
        cls.http1 = cls.keep(Secure(made.server_context("server")))
        return {"http": {"ca_file": made["ca.pem"]},
                "services": {"offered": {"endpoint": f"https://localhost:{ports[0]}"},
                             "off": {"endpoint": f"https://localhost:{ports[0]}", "http2": "off"},
                             "direct": {"endpoint": f"http://localhost:{ports[1]}", "http2": "direct"},
                             "not-offered": {"endpoint": cls.http1.url}}}

    @staticmethod
    def listens(port):
        try:
            socket.create_connection(("127.0.0.1", port)).close()
            return True
        except OSError:
            return False

    @classmethod
    def tearDownClass(cls):
        super().tearDownClass()
        for process, log in cls.servers:
            process.terminate()
            process.wait()
            log.close()

    def log_of(self, number):
        log = self.servers[number][1]
        log.flush()
        log.seek(0)
        return log.read()

    def test_where_it_is_offered(self):
        saga = self.run_one("offered", method="GET")
        self.assertEqual(saga["steps"][0]["output"], {"spoke": "h2"}, saga["error"])
        log = self.log_of(0)
        self.assertIn(":path: /do", log)
        self.assertIn("idempotency-key: offered-test-where-it-is-offered:1/do/action", log)

    def test_many_share_a_connection(self):
        head = "saga: { id: many, name: many, version: '1', description: d, input_schema: {} }"
        text = one_step("many", "offered", method="GET").replace("POST", "GET")
        text = text.replace("saga: { id: many, name: many, version: '1', description: one step }", head)
        self.assertEqual(self.server.define(text).status, 201)
        before = self.log_of(0).count("[id=")
        for i in range(20):
            self.server.start(definition="many", id=f"many:{i}")
        for i in range(20):
            self.assertEqual(self.server.ended(f"many:{i}")["state"], "completed")
        self.assertGreater(self.log_of(0).count("[id="), before)
        self.assertEqual(self.log_of(0).count("many:7/do/action"), 1)

    def test_without_asking(self):
        saga = self.run_one("direct", method="GET")
        self.assertEqual(saga["steps"][0]["output"], {"spoke": "h2"}, saga["error"])

    def test_where_it_is_not_offered(self):
        self.assertEqual(self.run_one("not-offered")["state"], "completed")

    def test_switched_off(self):
        self.assertEqual(self.server.define(one_step("off", "off", method="GET")).status, 201)
        self.server.start(definition="off", id="off:1")  # nghttpd hangs up on HTTP/1.1
        saga = self.server.when("off:1", lambda s: s["steps"][0]["maybe"], "the answer is lost")
        self.assertEqual(saga["steps"][0]["error"]["code"], "network")

    def test_refused_by_status(self):
        saga = self.run_one("offered", method="GET", path="/nowhere")
        self.assertEqual(saga["error"]["code"], "not_found")


class Proxies(Case):
    @classmethod
    def settings(cls):
        made = Certificates(cls.path)
        cls.plain = cls.keep(Participant())
        cls.secure = cls.keep(Secure(made.server_context("server")))
        cls.common = cls.keep(Proxy())
        cls.guarded = cls.keep(Proxy(password="Basic YWRhOnNlY3JldA=="))  # ada:secret
        cls.refusing = cls.keep(Proxy(refuses=True))
        (cls.path / "secrets").mkdir()
        (cls.path / "secrets" / "PROXY").write_text("secret")
        cls.dead = closed_port()
        https, guarded = {"endpoint": cls.secure.url}, f"http://ada:${{secret:PROXY}}@{cls.guarded.address}"
        return {"http": {"ca_file": made["ca.pem"], "proxy": f"http://{cls.common.address}",
                         "no_proxy": "no-proxy.example"},
                "secrets": {"folder": str(cls.path / "secrets")},
                "services": {"plain": {"endpoint": cls.plain.url}, "secure": https,
                             "straight": {**https, "proxy": "direct"},
                             "excepted": {**https, "no_proxy": "localhost"},
                             "guarded": {**https, "proxy": guarded},
                             "locked-out": {**https, "proxy": f"http://{cls.guarded.address}"},
                             "refused": {**https, "proxy": f"http://{cls.refusing.address}"},
                             "dead": {**https, "proxy": f"http://user:hidden@127.0.0.1:{cls.dead}"}}}

    def setUp(self):
        self.common.asked.clear()
        self.guarded.asked.clear()

    def test_plain(self):
        self.assertEqual(self.run_one("plain")["state"], "completed")
        self.assertEqual(self.common.asked, [("POST", f"{self.plain.url}/do")])

    def test_tunnel(self):
        self.assertEqual(self.run_one("secure")["state"], "completed")
        self.assertEqual(self.common.asked, [("CONNECT", self.secure.url.split("/")[2])])

    def test_without(self):
        for service in ("straight", "excepted"):
            self.assertEqual(self.run_one(service)["state"], "completed")
        self.assertEqual(self.common.asked, [])

    def test_with_a_password(self):
        saga = self.run_one("guarded")
        self.assertEqual(saga["state"], "completed", saga["error"])
        self.assertEqual(len(self.guarded.asked), 1)

    def test_without_its_password(self):
        self.assert_not_sent(self.run_one("locked-out"), "network", "407", self.guarded.address)

    def test_refused_by_the_proxy(self):
        self.assert_not_sent(self.run_one("refused"), "network", "403", self.refusing.address)

    def test_dead(self):
        saga = self.run_one("dead")
        self.assert_not_sent(saga, "connection_refused", f"(by the proxy 127.0.0.1:{self.dead})")
        self.assertNotIn("hidden", json.dumps(saga))


class Registry(Case):
    """Where services are, what every request of theirs carries, and which hosts may be called."""

    @classmethod
    def settings(cls):
        cls.one, cls.two = cls.keep(Participant()), cls.keep(Participant())
        return {"services": {
                    "books": {"endpoint": cls.one.url, "headers": {"X-Team": "books", "X-Both": "config"}},
                    "quick": {"endpoint": cls.one.url, "timeout": "50ms"},
                    "shared": {"endpoint": cls.two.url}},
                "hosts": {"allow": ["127.0.0.1", "*.example.com:443"]}}

    def setUp(self):
        self.one.forget()
        self.two.forget()

    def test_endpoint_and_headers(self):
        self.assertEqual(self.run_one("books", more=", headers: { x-both: own }")["state"], "completed")
        request = self.one.wait_for("/do")[0]
        self.assertEqual(request.headers["X-Team"], "books")
        self.assertEqual([v for k, v in request.headers.items() if k.lower() == "x-both"], ["own"])

    def test_in_place_of_the_definitions_endpoint(self):
        head = f"services: {{ shared: {{ endpoint: '{self.one.url}' }} }}"
        self.assertEqual(self.run_one("shared", head=head)["state"], "completed")
        self.assertEqual(self.two.paths(), ["/do"])
        self.assertEqual(self.one.paths(), [])

    def test_an_actions_own_endpoint_is_its_own(self):
        saga = self.run_one("shared", more=f", endpoint: '{self.one.url}'")
        self.assertEqual(saga["state"], "completed")
        self.assertEqual(self.one.paths(), ["/do"])

    def test_nobody_knows_where(self):
        reply = self.server.define(one_step("lost", "lost"))
        self.assertEqual(reply.status, 422, reply.body)
        self.assertIn("services.lost.endpoint", reply.json["detail"])

    def test_time_limit(self):
        done = threading.Event()
        self.one.on("/slow", lambda request: (done.wait(20), (200, {}))[1])
        name = "slow"
        self.assertEqual(self.server.define(one_step(name, "quick", path="/slow")).status, 201)
        self.server.start(definition=name, id="slow:1")
        saga = self.server.when("slow:1", lambda s: s["steps"][0]["maybe"], "the attempt is given up")
        self.assertEqual(saga["steps"][0]["error"]["code"], "timeout")
        done.set()

    def test_host_seen_at_define(self):
        for endpoint in ("http://evil.example", "http://127.0.0.1.evil.example", "http://example.com",
                         "http://api.example.com", "http://2130706434/", "http://127.0.0.1@evil.example"):
            with self.subTest(endpoint):
                reply = self.server.define(one_step("evil", "evil", more=f", endpoint: '{endpoint}'"))
                self.assertEqual(reply.status, 422, reply.body)
                self.assertIn("hosts.allow", reply.json["detail"])
        reply = self.server.define(one_step("fine", "fine", more=", endpoint: 'https://api.example.com'"))
        self.assertEqual(reply.status, 201, reply.body)

    def test_host_seen_at_run_time(self):
        saga = self.run_one("late", more=", endpoint: '{{ .input.none }}http://localhost:1'")
        self.assert_not_sent(saga, "host_not_allowed", "localhost:1", "hosts.allow")


class Limits(Case):
    @classmethod
    def settings(cls):
        cls.one = cls.keep(Participant())
        service = {"endpoint": cls.one.url}
        return {"circuit_breaker": {"threshold": 3, "timeout": "200ms"},
                "services": {"narrow": {**service, "max_in_flight": 2},
                             "slow": {**service, "rate_limit": 1, "burst": 2},
                             "sick": {**service}, "held": {**service, "circuit_breaker": {"timeout": "1h"}},
                             "free": {**service, "circuit_breaker": {"enabled": "off"}}}}

    def breaker(self, name):
        rows = self.server.get("/api/v1/circuit-breakers").json["items"]
        return next((row for row in rows if row["service"] == name), None)

    def skald(self, *arguments):
        return subprocess.run([SKALD, *arguments, "--server", self.server.url], capture_output=True,
                              text=True)

    def test_requests_at_once(self):
        lock, state = threading.Lock(), {"now": 0, "most": 0}
        gate = threading.Semaphore(0)

        def answer(request):
            with lock:
                state["now"] += 1
                state["most"] = max(state["most"], state["now"])
            gate.acquire()
            with lock:
                state["now"] -= 1
            return 200, {}
        self.one.on("/narrow", answer)
        self.assertEqual(self.server.define(one_step("narrow", "narrow", path="/narrow")).status, 201)
        for i in range(8):
            self.server.start(definition="narrow", id=f"narrow:{i}")
        until(lambda: (self.breaker("narrow") or {}).get("waiting") == 6, "six wait")
        self.assertEqual(self.breaker("narrow")["in_flight"], 2)
        for _ in range(8):
            gate.release()
        for i in range(8):
            self.assertEqual(self.server.ended(f"narrow:{i}")["state"], "completed")
        self.assertEqual(state["most"], 2)

    def test_rate(self):
        self.assertEqual(self.server.define(one_step("slow", "slow", path="/rate")).status, 201)
        for i in range(8):
            self.server.start(definition="slow", id=f"rate:{i}")
        sagas = [self.server.ended(f"rate:{i}") for i in range(8)]
        codes = [(saga["error"] or {}).get("code") for saga in sagas]
        # two at once, and one for each second of the 2.5 that an attempt may wait
        self.assertEqual(codes.count(None), 4, codes)
        self.assertEqual(codes.count("rate_limited"), 4, codes)
        for saga in sagas:
            self.assertNotIn("step.unknown", self.server.events(saga["id"]))

    def test_breaker_opens_and_closes(self):
        self.one.on("/sick", [(500, {})] * 3 + [(200, {"well": True})])
        definition = one_step("sick", "sick", path="/sick",
                              retry="type: fixed_delay, max_attempts: 8, initial_delay: 1ms")
        self.assertEqual(self.server.define(definition).status, 201)
        self.server.start(definition="sick", id="sick:1")
        saga = self.server.ended("sick:1")  # by patience: what is refused says when to come again
        self.assertEqual(saga["state"], "completed", saga["error"])
        self.assertEqual(len([p for p in self.one.paths() if p == "/sick"]), 4)
        for i in range(2, 4):
            self.server.start(definition="sick", id=f"sick:{i}")
            self.assertEqual(self.server.ended(f"sick:{i}")["state"], "completed")
        view = self.breaker("sick")
        self.assertEqual((view["state"], view["opened_count"]), ("closed", 1))
        def told():
            """In the log, and among the observations: both are written behind what is told."""
            log = (self.path / "server.log").read_text()
            items = self.server.get("/api/v1/events/observations?type=circuit.*&limit=1000").json["items"]
            types = [observation["type"] for observation in items]
            return [event for event in ("circuit.opened", "circuit.half_open", "circuit.closed")
                    if event in log and event in types]
        until(lambda: len(told()) == 3, "the log and the observations tell of opening and closing")

    def test_reset(self):
        self.one.on("/held", (500, {}))
        definition = one_step("held", "held", path="/held",
                              retry="type: fixed_delay, max_attempts: 2, initial_delay: 1ms")
        self.assertEqual(self.server.define(definition).status, 201)
        self.server.start(definition="held", id="held:1")
        self.server.start(definition="held", id="held:2")
        until(lambda: (self.breaker("held") or {}).get("state") == "open", "it opens")
        self.assertEqual(self.skald("breakers", "reset", "held").returncode, 2)
        shown = self.skald("breakers")
        self.assertEqual(shown.returncode, 0, shown.stderr)
        self.assertRegex(shown.stdout, r"held +open +[34] ")
        done = self.skald("breakers", "reset", "held", "--by", "ada", "--reason", "it is back", "--json")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(json.loads(done.stdout)["state"], "closed")
        again = self.server.post("/api/v1/circuit-breakers/held/reset", {"by": "a", "reason": "b"})
        self.assertEqual(again.status, 200)
        self.assertEqual(self.server.post("/api/v1/circuit-breakers/none/reset",
                                          {"by": "a", "reason": "b"}).status, 404)
        self.one.on("/held", (200, {}))
        self.server.start(definition="held", id="held:3")
        self.assertEqual(self.server.ended("held:3")["state"], "completed")

    def test_switched_off(self):
        self.assertEqual(self.server.define(one_step("free", "free", path="/free")).status, 201)
        self.one.on("/free", (500, {}))
        for i in range(6):
            self.server.start(definition="free", id=f"free:{i}")
            self.server.when(f"free:{i}", lambda saga: saga["steps"][0]["maybe"], "the answer is known")
        view = self.breaker("free")
        self.assertEqual((view["state"], view["refused"]), ("closed", 0))
        self.assertFalse(view["limits"]["circuit_breaker"])


if __name__ == "__main__":
    if shutil.which("nghttpd") is None:
        raise SystemExit("nghttpd is missing: scripts/install-deps test (nghttp2-server)")
    unittest.main()
