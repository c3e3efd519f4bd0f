"""What the integration tests in Python share: the server as a process, a participant, a client.

Waiting is always for an event (a line, a file, an answer), never for a time to pass; the limits here
only say when to give up.
"""
import http.client
import http.server
import json
import os
import pathlib
import re
import select
import signal
import subprocess
import tempfile
import threading
import time
import unittest
import urllib.parse

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
SKALD = os.environ.get("SKALD", str(ROOT / "build/dev/bin/skald"))
GIVE_UP_S = 60
STORE_KIND = os.environ.get("SKALD_TEST_STORE", "journal")  # of a server that is not told which

WAITER = """
saga: { id: waiter, name: waiter, version: '1', description: waits for a signal }
steps:
  - { id: approval, name: approval, type: wait, wait: { signal: approved, timeout: 1h } }
"""


class Answer:
    def __init__(self, status, headers, body):
        self.status, self.headers, self.body = status, headers, body

    @property
    def json(self):
        return json.loads(self.body)


def run(*arguments, server=None, stdin=None, **environment):
    """`skald …`, to its end; as a client of this server, if it is one's."""
    if server is not None:
        arguments = (*arguments, "--server", server.url)
    return subprocess.run([SKALD, *arguments], capture_output=True, text=True, timeout=GIVE_UP_S,
                          input=stdin, env={**os.environ, **environment}, check=False)


def store(*arguments):
    """`skald store …`, to its end."""
    return run("store", *arguments)


def store_url(folder, kind=STORE_KIND):
    """Of the one store in this folder that outlives its server."""
    return {"journal": f"journal:{folder}/test", "sqlite": f"sqlite:{folder}/test.db"}[kind]


def key_file(url):
    """Where the store keeps the key of its tokens."""
    kind, _, path = url.partition(":")
    return pathlib.Path(path, "index.db.key") if kind == "journal" else pathlib.Path(f"{path}.key")


class Server:
    """`skald serve` on a free port; `with` stops it. Its store is a journal, which is what a user gets who names
    none, or what SKALD_TEST_STORE says. `under`: a command that runs it."""

    def __init__(self, folder, *options, store=None, wait=True, under=()):
        self.folder = pathlib.Path(folder)
        self.store = store or store_url(self.folder)
        self.ready_file = self.folder / f"ready-{time.monotonic_ns()}"
        self.log = open(self.folder / "server.log", "ab")
        self.process = subprocess.Popen(
            [*under, SKALD, "serve", "--store", self.store, "--listen", "127.0.0.1:0", "--ready-file",
             str(self.ready_file), "--log-format", "json", "--log-level", "debug", *options],
            stdout=subprocess.PIPE, stderr=self.log)
        self.url, self.host, self.port = None, "127.0.0.1", None
        self.wait_for_port()
        if wait:
            self.wait_until_ready()

    def wait_for_port(self):
        line = self.read_line()
        if not line.startswith("listening on http://"):
            self.process.kill()
            self.process.wait()
            raise AssertionError(f"no port: {line!r}\n{self.log_text()}")
        self.url = line.split()[-1]
        self.port = urllib.parse.urlparse(self.url).port

    def read_line(self):
        ready, _, _ = select.select([self.process.stdout], [], [], GIVE_UP_S)
        return self.process.stdout.readline().decode().strip() if ready else ""

    def wait_until_ready(self):
        until(lambda: self.ready_file.exists() or self.process.poll() is not None,
              "the server is ready")
        if self.process.poll() is not None:
            raise AssertionError(f"the server ended with {self.process.returncode}\n"
                                 f"{self.log_text()}")

    def log_text(self):
        self.log.flush()
        return (self.folder / "server.log").read_text(errors="replace")[-8000:]

    def ask(self, method, path, body=None, headers=None, kind="application/json"):
        """One request on a connection of its own. A body that is no bytes is sent as JSON."""
        headers = dict(headers or {})
        if body is not None and not isinstance(body, bytes):
            body = json.dumps(body).encode()
        if body is not None and kind is not None:
            headers.setdefault("Content-Type", kind)
        connection = http.client.HTTPConnection(self.host, self.port, timeout=GIVE_UP_S)
        try:
            connection.request(method, path, body=body, headers=headers)
            reply = connection.getresponse()
            return Answer(reply.status, dict(reply.getheaders()), reply.read())
        finally:
            connection.close()

    def get(self, path):
        return self.ask("GET", path)

    def post(self, path, body=None, **headers):
        return self.ask("POST", path, body, {k.replace("_", "-"): v for k, v in headers.items()})

    def define(self, text, name="test.yaml"):
        return self.ask("POST", f"/api/v1/definitions?file={name}", text.encode(),
                        kind="application/yaml")

    def start(self, **body):
        return self.post("/api/v1/sagas", body)

    def saga(self, saga_id):
        return self.get(f"/api/v1/sagas/{saga_id}").json

    def ended(self, saga_id):
        """The saga once it has ended."""
        limit = time.monotonic() + GIVE_UP_S
        while time.monotonic() < limit:
            saga = self.get(f"/api/v1/sagas/{saga_id}?wait=20s").json
            if saga.get("ended_at"):
                return saga
        raise AssertionError(f"{saga_id} does not end: {json.dumps(saga, indent=1)}")

    def when(self, saga_id, is_so, what):
        """The saga once is_so(saga)."""
        found = {}

        def look():
            found["saga"] = self.saga(saga_id)
            return is_so(found["saga"])
        until(look, what)
        return found["saga"]

    def command(self, saga_id, name, key=None, **body):
        body = {"by": "tester", "reason": "because", **body}
        headers = {"Idempotency-Key": key} if key else {}
        return self.ask("POST", f"/api/v1/sagas/{saga_id}/{name}", body, headers)

    def events(self, saga_id):
        return [event["type"] for event in
                self.get(f"/api/v1/sagas/{saga_id}/events?limit=1000").json["items"]]

    def kill(self):
        self.process.send_signal(signal.SIGKILL)
        self.process.wait(GIVE_UP_S)

    def stop(self):
        """Gracefully; the exit code."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        code = self.process.wait(GIVE_UP_S)
        return code

    def __enter__(self):
        return self

    def __exit__(self, kind, value, trace):
        if kind is not None:
            print(self.log_text())
        if self.process.poll() is None:
            self.process.kill() if kind is not None else self.stop()
            self.process.wait(GIVE_UP_S)
        self.process.stdout.close()
        self.log.close()


def read_all(connection):
    """What comes until the server closes."""
    answer = b""
    try:
        while part := connection.recv(65536):
            answer += part
    except ConnectionResetError:
        pass
    return answer


def memory_of(server):
    """Bytes, resident; 0 under a sanitizer, which keeps what was freed."""
    status = pathlib.Path(f"/proc/{server.process.pid}/status").read_text()
    size, resident = (int(re.search(rf"{name}:\s+(\d+) kB", status)[1]) * 1024 for name in ("VmSize", "VmRSS"))
    return 0 if size > 1 << 33 else resident


def until(is_so, what):
    """Looks until is_so() or GIVE_UP_S have passed."""
    limit = time.monotonic() + GIVE_UP_S
    while not is_so():
        if time.monotonic() > limit:
            raise AssertionError(f"gave up waiting until {what}")
        time.sleep(0.01)


class Participant:
    """A participant: answers by path, remembers every request. `on(path, answer)`: answer is
    (status, body) or a function of the request; a list is used up one by one, its last one stays."""

    class Request:
        def __init__(self, path, headers, body):
            self.path, self.headers, self.body = path, headers, body

        @property
        def json(self):
            return json.loads(self.body) if self.body else None

    def __init__(self):
        self.answers, self.requests, self.lock = {}, [], threading.Condition()
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                size = int(self.headers.get("Content-Length") or 0)
                request = Participant.Request(self.path, dict(self.headers), self.rfile.read(size))
                status, body, headers = outer.answer(request)
                data = body if isinstance(body, bytes) else json.dumps(body).encode()
                try:
                    self.send_response(status)
                    for name, value in headers.items():
                        self.send_header(name, value)
                    self.send_header("Content-Length", str(len(data)))
                    self.end_headers()
                    self.wfile.write(data)
                except OSError:
                    self.close_connection = True

            do_GET = do_PUT = do_DELETE = do_POST

            def log_message(self, *arguments):
                pass

        class Quiet(http.server.ThreadingHTTPServer):
            daemon_threads = True
            request_queue_size = 128

            def handle_error(self, request, client_address):
                pass  # a killed server resets its connections

        self.server = Quiet(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"
        self.thread = threading.Thread(target=self.server.serve_forever, daemon=True)
        self.thread.start()

    def on(self, path, answer):
        self.answers[path] = answer

    def answer(self, request):
        with self.lock:
            answer = self.answers.get(request.path, (200, {"path": request.path}))
            if isinstance(answer, list):
                answer = answer.pop(0) if len(answer) > 1 else answer[0]
            self.requests.append(request)
            self.lock.notify_all()
        if callable(answer):
            answer = answer(request)
        return (*answer, {}) if len(answer) == 2 else answer

    def wait_for(self, path, count=1):
        """The requests of this path, once there are so many."""
        limit = time.monotonic() + GIVE_UP_S
        with self.lock:
            while True:
                found = [request for request in self.requests if request.path == path]
                if len(found) >= count:
                    return found
                if not self.lock.wait(limit - time.monotonic()):
                    raise AssertionError(f"no {count} requests of {path}")

    def paths(self):
        with self.lock:
            return [request.path for request in self.requests]

    def forget(self):
        with self.lock:
            self.requests.clear()

    def close(self):
        self.server.shutdown()
        self.server.server_close()

    def __enter__(self):
        return self

    def __exit__(self, *unused):
        self.close()


def order_definition(participant, saga_id="order", retry="no_retry"):
    """Three steps in a row, each with its undoing."""
    steps = []
    for i, name in enumerate(("reserve", "pay", "ship")):
        steps.append(f"""
  - id: {name}
    name: {name}
    type: http
    {"dependencies: [" + ("reserve", "pay")[i - 1] + "]" if i else "description: first"}
    timeout: 5s
    retry_policy: {{ type: {retry}, max_attempts: {1 if retry == "no_retry" else 3}, initial_delay: 50ms }}
    action:
      service:
        name: books
        endpoint: {participant.url}
        path: /{name}
        method: POST
        body: {{ order: "{{{{ .saga_id }}}}", amount: "{{{{ .input.amount }}}}" }}
    compensation:
      type: custom
      retry_policy: {{ type: fixed_delay, max_attempts: 3, initial_delay: 50ms }}
      action:
        service: {{ name: books, endpoint: {participant.url}, path: /un{name}, method: POST }}
""")
    return f"saga:\n  id: {saga_id}\n  name: {saga_id}\n  version: '1'\n  description: three steps\nsteps:" \
        + "".join(steps)


class OwnFolder(unittest.TestCase):
    """Each test has a folder and a participant of its own."""

    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.path = pathlib.Path(folder.name)
        self.participant = Participant()
        self.addCleanup(self.participant.close)


class OwnJournal(OwnFolder):
    """The same, and a server on a journal in it."""

    def setUp(self):
        super().setUp()
        self.url = f"journal:{self.path / 'orders'}"
        self.log = self.path / "orders/log"

    def serve(self, url=None):
        return Server(self.path, store=url or self.url)
