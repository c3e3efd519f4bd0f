#!/usr/bin/env python3
"""Walks the served OpenAPI document against the server that serves it: what is there is documented,
what is documented is there, and every answer, good or bad, is as the document says.

A new route is walked by itself, with the examples of its own row. If its example cannot succeed as
it stands, RECIPES says what is to be done first.
"""
import http.client
import json
import re
import socket
import subprocess
import tempfile
import unittest
import urllib.parse

from openapi import PROBLEM, Document, filled, wrong_values
from skald_world import ROOT, SKALD, Participant, Server

ORDER = """
saga: {{ id: {id}, name: {id}, version: '1', description: one call and a wait }}
steps:
  - id: reserve
    name: Reserve
    type: http
    timeout: 5s
    retry_policy: {{ type: fixed_delay, max_attempts: 9, initial_delay: 1h }}
    action: {{ service: {{ name: books, endpoint: {url}, path: /{path}, method: POST }} }}
    compensation: {{ type: custom, action: {{ service: {{ name: books, endpoint: {url}, path: /undo }} }} }}
  - {{ id: pay, name: Pay, type: wait, wait: {{ signal: approved, timeout: 1h }}, dependencies: [reserve] }}
  - id: each
    name: Each
    type: http
    dependencies: [pay]
    foreach: {{ items: "{{{{ .input.list }}}}", var: one,
               action: {{ service: {{ name: books, endpoint: {url}, path: /each }} }} }}
"""


class World:
    """A server, and what the recipes need."""

    def __init__(self, folder, *options):
        self.participant = Participant()
        self.participant.on("/pending", (202, {}, {"Skald-Pending": "true"}))
        self.participant.on("/never", (422, {"error": {"code": "no"}}))
        self.participant.on("/busy", (503, {}, {"Retry-After": "3600"}))
        self.server = Server(folder, *options)
        self.count = 0
        for name, path in (("order", "reserve"), ("pending", "pending"), ("busy", "busy"),
                           ("broken", "reserve")):
            text = ORDER.format(id=name, url=self.participant.url, path=path)
            reply = self.server.define(text.replace("/undo", "/never") if name == "broken" else text)
            assert reply.status == 201, reply.body

    def close(self):
        self.server.stop()
        self.server.__exit__(None, None, None)
        self.participant.close()

    def saga(self, definition="order", state="waiting", step="pay"):
        """A saga of its own, where `step` is in `state`."""
        self.count += 1
        name = f"walk-{self.count}"
        reply = self.server.start(definition=definition, id=name, input={"list": [1, 2]})
        assert reply.status == 201, reply.body
        self.server.when(name, lambda saga: any(s["id"] == step and s["state"] == state
                                                for s in saga["steps"]), f"{step} is {state}")
        return name

    def fill(self, operation):
        """Values for the path's parameters that stand for something."""
        values = {name: p["example"] for name, p in operation.names("path").items()}
        for name in {"saga", "txID"} & set(values):
            values[name] = self.saga()
        return values

    def body(self, operation):
        for kind, content in operation.contents.items():
            if "example" in content:
                example = content["example"]
                return kind, example.encode() if isinstance(example, str) else example
        return None, None

    def call(self, operation, values=None, query="", body=None, kind=None, headers=None):
        path = filled(operation.path, values if values is not None else self.fill(operation))
        return self.server.ask(operation.method, path + query, body, headers, kind)


def retry(world, operation):
    saga = world.saga("busy", step="reserve")
    name = next(iter(operation.names("path")))
    return world.call(operation, {name: saga}, body={"by": "ada", "reason": "again"},
                      kind="application/json")


def complete(world, operation):
    saga = world.saga("pending", step="reserve")
    requests = world.participant.wait_for("/pending")
    token = [r.headers["Skald-Token"] for r in requests if r.headers["Skald-Saga-Id"] == saga][-1]
    return world.call(operation, {"saga": saga, "step": "reserve"},
                      body={"token": token, "outcome": "succeeded", "output": {"id": 7}},
                      kind="application/json")


def steps(world, operation):
    saga = world.saga()
    world.server.post(f"/api/v1/sagas/{saga}/signals", {"name": "approved"})
    assert world.server.ended(saga)["state"] == "completed"
    return world.call(operation, {"saga": saga})


def on_a_letter(world, operation):
    saga = world.saga("broken")
    world.server.command(saga, "cancel")
    assert world.server.ended(saga)["state"] == "failed"
    letters = world.server.get("/api/v1/dead-letters").json["items"]
    letter = [one["id"] for one in letters if one["saga"] == saga][0]
    values = dict(zip(("saga", "seq", "number"), letter.split("/")))
    kind, body = world.body(operation)
    query = "?by=ada&reason=seen" if operation.method == "DELETE" else ""
    return world.call(operation, values, query, body, kind)


def import_saga(world, operation):
    folder = tempfile.TemporaryDirectory()
    with folder, Server(folder.name, store="memory:") as other:
        other.define("saga: {id: moved, name: Moved}\n"
                     "steps: [{id: w, name: W, type: wait, wait: {for: 1ms}}]\n")
        other.start(definition="moved", id="walk-moved")
        other.ended("walk-moved")
        export = other.get("/api/v1/sagas/walk-moved/export").body
    return world.call(operation, body=export, kind="application/json")


def batch(world, operation):
    body = {"command": "resume", "filter": {"tag": ["none"]}, "by": "ada", "reason": "to see"}
    reply = world.server.ask("POST", "/api/v1/sagas/batch", body, {"Idempotency-Key": "walk-batch"})
    assert reply.status in (200, 202), reply.body
    return world.call(operation, {"batch": "walk-batch"})


def schedule(world, operation):
    body = {"id": "walk-schedule", "cron": "0 0 1 1 *", "definition": "order"}
    reply = world.server.ask("POST", "/api/v1/schedules", body)
    assert reply.status in (200, 201), reply.body
    return world.call(operation, {"schedule": "walk-schedule"})


# What has to be done before the operation can succeed; everything else succeeds with its example.
RECIPES = {"retrySaga": retry, "rteRetry": retry, "completeStep": complete, "listSteps": steps,
           "importSaga": import_saga,
           "deleteSaga": steps, "getDeadLetter": on_a_letter, "retryDeadLetter": on_a_letter,
           "discardDeadLetter": on_a_letter, "getBatch": batch,
           "cancelBatch": batch,
           **{f"{act}Schedule": schedule for act in ("get", "delete", "pause", "resume", "trigger")}}


class Case(unittest.TestCase):
    options = ()

    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory()
        cls.world = World(cls.folder.name, *cls.options)
        cls.server = cls.world.server
        cls.document = Document(cls.server.get("/openapi.json").json)

    @classmethod
    def tearDownClass(cls):
        cls.world.close()
        cls.folder.cleanup()

    def assert_documented(self, operation, reply, note=""):
        """The reply is one that the document knows."""
        what = f"{operation} {note}: {reply.status} {reply.body[:300]}"
        self.assertIn(reply.status, operation.statuses, what)
        kind = reply.headers.get("Content-Type", "").split(";")[0]
        contents = operation.content_of(reply.status)
        if reply.status == 204 or not contents:
            self.assertEqual(reply.body, b"", what)
            return
        self.assertIn(kind, contents, what)
        if "json" in kind:
            errors = self.document.errors(contents[kind]["schema"], reply.json)
            self.assertEqual(errors, [], what)


class TheDocument(Case):
    def test_is_whole(self):
        root = self.document.root
        self.assertRegex(root["openapi"], r"^3\.1\.")
        for reference in self.document.references(self.document.root):
            self.assertIsNotNone(self.document.resolve(reference), reference)
        names = [operation.id for operation in self.document.operations]
        self.assertEqual(len(names), len(set(names)), "an operation's id stands there twice")
        for operation in self.document.operations:
            self.assertEqual(set(re.findall(r"{(\w+)}", operation.path)),
                             set(operation.names("path")), operation)
            self.assertTrue(operation.row["summary"], operation)
            self.assertTrue([s for s in operation.statuses if s < 300], operation)

    def test_examples_fit(self):
        for name, schema in self.document.root["components"]["schemas"].items():
            for example in schema["examples"]:
                self.assertEqual(self.document.errors(schema, example), [], name)
        for operation in self.document.operations:
            for parameter in operation.parameters:
                if "example" in parameter:
                    self.assertEqual(self.document.errors(parameter["schema"], parameter["example"]),
                                     [], operation)
            contents = [operation.contents] + [operation.content_of(s) for s in operation.statuses]
            for content in (one for some in contents for one in some.values()):
                if "example" in content:
                    errors = self.document.errors(content["schema"], content["example"])
                    self.assertEqual(errors, [], operation)
            if operation.contents:
                self.assertTrue(any("example" in c for c in operation.contents.values()), operation)

    def test_names_what_is_there_and_nothing_else(self):
        page = self.server.get("/api/v1").body.decode()
        rows = set(re.findall(r"<td>([A-Z]+)</td><td><code>([^<]+)</code>", page))
        self.assertEqual(rows, {(o.method, o.path) for o in self.document.operations})
        self.assertEqual(len(rows), page.count("<tr>"))

    def test_the_page_is_the_console_or_says_that_there_is_none(self):
        reply = self.server.get("/")
        self.assertEqual(reply.headers["Content-Type"], "text/html; charset=utf-8")
        page = reply.body.decode()
        self.assertNotEqual("/console/app." in page, "built without the console" in page, page)
        self.assertIn('href="/openapi.json"', page)

    def test_is_the_same_everywhere(self):
        served = self.server.get("/openapi.json").body
        self.assertEqual(self.server.get("/api/v1/openapi.json").body, served)
        printed = subprocess.run([SKALD, "openapi"], capture_output=True, check=True).stdout
        self.assertEqual(printed.strip(), served)

    def test_the_reference_page_is_made_of_it(self):
        page = ROOT / "docs/http-api-reference.md"
        made = subprocess.run([ROOT / "scripts/api-reference", "--print"], capture_output=True,
                              check=True, env={"SKALD": SKALD, "PATH": "/usr/bin:/bin"}).stdout
        self.assertEqual(page.read_bytes(), made, "run scripts/api-reference")

    def test_the_guide_names_only_what_is_there(self):
        text = (ROOT / "docs/http-api.md").read_text()
        known = {(o.method, re.sub(r"{\w+}", "{}", o.path)) for o in self.document.operations}
        named = re.findall(r"`(GET|POST|PUT|DELETE) (/[^`?, ]*)", text)
        self.assertGreater(len(named), 10)
        for method, path in named:
            if path.startswith(("/api/", "/healthz", "/readyz", "/version", "/openapi")):
                path = re.sub(r"{\w+}", "{}", path)
            else:
                path = "/api/v1" + re.sub(r"{\w+}", "{}", path)
            self.assertIn((method, path), known)


class TheServer(Case):
    def test_good_requests_are_answered_as_documented(self):
        for operation in self.document.operations:
            with self.subTest(operation.id):
                if operation.id in RECIPES:
                    reply = RECIPES[operation.id](self.world, operation)
                else:
                    kind, body = self.world.body(operation)
                    if operation.id == "startSaga":
                        body = {**body, "id": "walk-start"}
                    reply = self.world.call(operation, body=body, kind=kind)
                self.assertLess(reply.status, 300, f"{operation}: {reply.body}")
                self.assert_documented(operation, reply)

    def test_bad_paths(self):
        for operation in self.document.operations:
            values = {name: p["example"] for name, p in operation.names("path").items()}
            for name in values:
                pattern = operation.names("path")[name]["schema"]["pattern"]
                for wrong in ("%00", "a%2Fb", "%FF"):
                    if re.search(pattern, urllib.parse.unquote(wrong)):
                        continue
                    reply = self.world.call(operation, {**values, name: wrong})
                    self.assertEqual(reply.status, 400, f"{operation}: {wrong}")
                    self.assert_documented(operation, reply)
            if 404 in operation.statuses and values and operation.id not in RECIPES:
                kind, body = self.world.body(operation)
                reply = self.world.call(operation, {n: "nowhere" for n in values}, body=body,
                                        kind=kind)
                self.assertEqual(reply.status, 404, f"{operation}: {reply.body}")
                self.assert_documented(operation, reply)

    def test_other_methods(self):
        paths = self.document.root["paths"]
        for path, item in paths.items():
            # a path without parameters may also be one with: /sagas/import is that of a saga, too
            item = set(item).union(*(other for form, other in paths.items() if re.fullmatch(
                re.sub(r"{\w+}", "[^/{}]+", form), path)))
            for method in ("GET", "POST", "PUT", "PATCH", "DELETE"):
                if method.lower() in item:
                    continue
                values = {n: "x" for n in re.findall(r"{(\w+)}", path)}
                reply = self.server.ask(method, filled(path, values))
                self.assertEqual(reply.status, 405, f"{method} {path}")
                self.assertEqual(reply.headers["Content-Type"], PROBLEM)
                allowed = {m.strip().lower() for m in reply.headers["Allow"].split(",")} - {"head"}
                self.assertEqual(allowed, set(item), path)

    def test_bad_queries(self):
        for operation in self.document.operations:
            if not operation.names("query"):
                continue
            values = {name: p["example"] for name, p in operation.names("path").items()}
            kind, body = self.world.body(operation)
            queries = [("no-such-parameter", "1")]
            for name, parameter in operation.names("query").items():
                kind_of = parameter["schema"].get("type")  # of a list: the parameter several times
                queries += [(name, value) for value in wrong_values(parameter["schema"])
                            if not (kind_of == "string" and value == 7)
                            and not (kind_of == "array" and value in ("text", [7]))]
            for name, value in queries:
                query = "?" + urllib.parse.urlencode({name: value}, doseq=True)
                reply = self.world.call(operation, values, query, body, kind)
                self.assertEqual(reply.status, 400, f"{operation}{query[:80]}: {reply.body[:300]}")
                self.assert_documented(operation, reply, query)

    def test_bad_bodies(self):
        for operation in self.document.operations:
            schema = operation.contents.get("application/json", {}).get("schema", {})
            if not operation.contents:
                continue
            values = {name: p["example"] for name, p in operation.names("path").items()}
            good = operation.contents.get("application/json", {}).get("example")
            bodies = [b"{\"a\": ", b"[]", b"\xff"]
            if "properties" in schema:
                bodies += self.broken(schema, good)
            for body in bodies:
                kind = next(iter(operation.contents))
                reply = self.world.call(operation, values, body=body, kind=kind)
                self.assertIn(reply.status, (400, 422), f"{operation}: {str(body)[:200]}")
                self.assert_documented(operation, reply, str(body)[:200])
            reply = self.world.call(operation, values, body=b"{\"a\": 1}", kind="text/plain")
            self.assertEqual(reply.status, 415, f"{operation}: {reply.body}")
            self.assert_documented(operation, reply)

    def broken(self, schema, good):
        """The good body with one thing wrong, in every way."""
        yield {**good, "no_such_member": 1}
        for name in schema["required"]:
            yield {n: v for n, v in good.items() if n != name}
            yield {**good, name: None}
        for name, member in schema["properties"].items():
            for value in wrong_values(member):
                if not (member.get("type") == "string" and value == "\x01"):
                    yield {**good, name: value}

    def test_bad_keys(self):
        for operation in self.document.operations:
            if not operation.takes_key:
                continue
            values = {name: p["example"] for name, p in operation.names("path").items()}
            kind, body = self.world.body(operation)
            reply = self.world.call(operation, values, body=body, kind=kind,
                                    headers={"Idempotency-Key": "k" * 201})
            self.assertEqual(reply.status, 400, operation)
            self.assert_documented(operation, reply)

    def test_the_same_key_again(self):
        """Whatever takes a key answers the second time as the first, and says so."""
        for operation in self.document.operations:
            if not operation.takes_key or operation.id in RECIPES:
                continue
            kind, body = self.world.body(operation)
            body = {n: v for n, v in body.items() if n != "id"}
            values = self.world.fill(operation)
            if operation.id == "resumeSaga":
                self.server.command(values["saga"], "suspend")
            for is_again in (False, True):
                reply = self.world.call(operation, values, body=body, kind=kind,
                                        headers={"Idempotency-Key": f"key-of-{operation.id}"})
                self.assertLess(reply.status, 300, f"{operation}: {reply.body}")
                self.assertEqual(reply.headers.get("Skald-Replayed") == "true", is_again, operation)
                self.assert_documented(operation, reply)

    def test_what_is_no_request_gets_a_problem_too(self):
        """What never reaches a route, because it cannot be read as HTTP."""
        long = b"a" * 50_000
        for raw, status in ((b"garbage\r\n\r\n", 400), (b"FOO / HTTP/1.1\r\nHost: x\r\n\r\n", 501),
                            (b"GET / HTTP/1.1\r\nX: " + long + b"\r\n\r\n", 400),
                            (b"GET /" + long + b" HTTP/1.1\r\n\r\n", 400),
                            (b"POST / HTTP/1.1\r\nContent-Length: -5\r\n\r\n", 400),
                            (b"POST / HTTP/1.1\r\nExpect: tea\r\nContent-Length: 5\r\n\r\n", 417)):
            with socket.create_connection((self.server.host, self.server.port)) as client:
                client.sendall(raw)
                reply = http.client.HTTPResponse(client)
                reply.begin()
                self.assertEqual((reply.status, reply.headers["Content-Type"]), (status, PROBLEM))
                problem = json.loads(reply.read())
                schema = {"$ref": "#/components/schemas/Problem"}
                self.assertEqual(self.document.errors(schema, problem), [])
                self.assertEqual(problem["status"], status)

    def test_head_is_get_without_the_body(self):
        for operation in self.document.operations:
            if operation.method == "GET" and "{" not in operation.path:
                reply = self.server.ask("HEAD", operation.path)
                self.assertEqual((reply.status, reply.body), (200, b""), operation)


class TheServerForRte(TheServer):
    """The same with the paths of the RTE engine, which are off by default."""
    options = ("--set", "compat.rte=true")

    def test_the_ten_paths(self):
        rte = [(o.method, o.path) for o in self.document.operations if o.path.startswith("/api/")
               and not o.path.startswith("/api/v1")]
        self.assertEqual(len(rte), 10)
        page = self.server.get("/api/v1").body.decode()
        self.assertIn("/api/transactions", page)
        with tempfile.TemporaryDirectory() as folder, Server(folder, store="memory:") as other:
            self.assertEqual(other.get("/api/transactions").status, 404)
            self.assertNotIn("Rte", other.get("/openapi.json").body.decode())


if __name__ == "__main__":
    unittest.main()
