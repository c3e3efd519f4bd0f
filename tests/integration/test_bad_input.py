#!/usr/bin/env python3
"""Bad input as a user would send it: each gets a message that names the place and the remedy, and
afterwards nothing is lost or half done: the server still sees an ordinary saga to its end, has not
swallowed its memory, and finds everything it acknowledged after a restart."""
import json
import socket
import threading
import time
import unittest

from bad_world import (ABORT, MIB, SAGAS, Case, read_all, run, status_of,
                       text_of)
from skald_world import GIVE_UP_S, memory_of, order_definition

JSON_POST = b"POST /api/v1/sagas HTTP/1.1\r\nContent-Type: application/json\r\n"


# ---- definitions ---------------------------------------------------------------------------------

HEAD = "saga: { id: bad, name: bad, version: '1', description: d }\n"
STEP = "  - { id: a, name: a, type: wait, wait: { signal: go, timeout: 1h } }\n"
GOOD = HEAD + "steps:\n" + STEP
CALL = ("steps:\n  - { id: a, name: a, type: http, compensation: { type: skip },\n"
        "      action: { service: { name: s, endpoint: 'http://127.0.0.1:1', path: /x,\n"
        "        body: { v: '%s' } } } }\n")
BOMB = "a: &a [x, x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"{name}: &{name} [{', '.join(['*' + before] * 10)}]\n"
    for before, name in zip("abcdefghi", "bcdefghij"))

# name: (bytes, line and column, words)
BAD_DEFINITIONS = {
    "not-closed": (b"saga: {id: x\nsteps: [", "2:6", ["YAML"]),
    "tab": (b"saga:\n\tid: x\n", "2:1", ["indentation"]),
    "json-comma": (b'{"saga": {"id": "x"},\n "steps": [}', "2:12", ["brackets"]),
    "json-more": (b'{"saga": {}, "steps": []} more', "1:27", ["YAML"]),
    "lists": (b"[" * 100000, "1:65", ["64 levels", "flatten"]),
    "maps": (b"{a: " * 100000, "1:257", ["64 levels"]),
    "dashes": (b"- " * 100000, "1:129", ["64 levels"]),
    "json-deep": (b'{"a":' * 100000, "1:321", ["64 levels"]),
    "bomb": ((BOMB + GOOD).encode(), "", ["1000000 values", "aliases"]),
    "alias-circle": (b"saga: &s {id: x, me: *s}\n", "1:22", ["alias", "circle"]),
    "cycle": ((HEAD + "steps:\n" + STEP.replace("type", "dependencies: [b], type") +
               STEP.replace("id: a, name: a", "id: b, name: b, dependencies: [a]")).encode(),
              "4:", ["steps[1].dependencies", "a → b → a", "remove"]),
    "on-itself": (GOOD.replace("type", "dependencies: [a], type").encode(), "3:",
                  ["steps[0].dependencies[0]", "itself"]),
    "no-such-step": (GOOD.replace("type", "dependencies: [b], type").encode(), "3:",
                     ["steps[0].dependencies[0]", "no step b"]),
    "no-such-root": ((HEAD + CALL % "{{ .steps.a.output }}").encode(), "5:",
                     ["steps[0].action.service.body.v", "'steps'", "output"]),
    "not-closed-template": ((HEAD + CALL % "{{ .input.x").encode(), "5:", ["body.v"]),
    "not-utf-8": (GOOD.encode().replace(b"d }", b"\xff }"), "1:", ["0xFF", "UTF-8"]),
    "utf-16": (GOOD.encode("utf-16"), "1:1", ["UTF-8"]),
    "nul": (GOOD.encode().replace(b"name: a", b"name: 'a\0b'"), "3:", ["NUL"]),
    "nul-escape": (GOOD.encode().replace(b"name: a", b'name: "a\\0b"'), "3:", ["NUL", "remove"]),
    "control": (GOOD.encode().replace(b"name: a", b"name: 'a\1b'"), "3:", ["0x01", "remove"]),
    "slash": (GOOD.replace("id: a", "id: a/b").encode(), "3:", ["steps[0].id", "a/b", "letters"]),
    "long-id": (GOOD.replace("id: bad", "id: " + "x" * 5000).encode(), "1:", ["saga.id", "100"]),
    "two-documents": ((GOOD + "---\n" + GOOD).encode(), "4:1", ["second document", "own file"]),
    "blank": (b" \n# nothing\n", "1:1", ["empty", "saga:"]),
    "null": (b"null", "1:1", ["saga:"]),
    "text": (b"hello", "1:1", ["text", "saga:"]),
    "list": (b"[1, 2]", "1:1", ["list", "saga:"]),
    "no-steps": (HEAD.encode(), "1:1", ["steps"]),
    "steps-map": ((HEAD + "steps: {a: 1}\n").encode(), "2:8", ["steps", "dash"]),
    "1001-steps": ((HEAD + "steps:\n" + "".join(STEP.replace("id: a", f"id: a{i}")
                                                for i in range(1001))).encode(), "3:", ["1000"]),
    "20000-mistakes": ((HEAD + "steps:\n" + "  - { typ: 1 }\n" * 20000).encode(), "3:",
                       ["`type`"]),
    "same-step": ((GOOD + STEP).encode(), "4:", ["steps[1].id", "line 3"]),
    "same-key": ((GOOD + "saga: {}\n").encode(), "4:1", ["saga", "line 1"]),
    "type-slip": (GOOD.replace("type: wait", "type: wiat").encode(), "3:", ["wiat", "`wait`"]),
    "duration": (GOOD.replace("1h", "soon").encode(), "3:", ["steps[0].wait.timeout", "30s"]),
    "negative": (GOOD.replace("1h", "-5s").encode(), "3:", ["-5s", "30s"]),
    "endless": (GOOD.replace("1h", "9" * 30 + "h").encode(), "3:", ["duration"]),
    "include": ((HEAD + "steps: !include ../../../etc/passwd\n").encode(), "2:8", ["include"]),
    "python-tag": ((HEAD + "steps: !!python/object:os.system x\n").encode(), "2:8", ["tag"]),
    "bad-port": ((HEAD + CALL % "x").replace(":1'", ":99999'").encode(), "4:",
                 ["endpoint", "99999", "http://host:port"]),
    "bad-host": ((HEAD + CALL % "x").replace("127.0.0.1:1", "a b").encode(), "4:",
                 ["endpoint", "a b", "http://host:port"]),
    "unset": (GOOD.replace("d }", "'${NOT_SET_X}' }").encode(), "1:", ["NOT_SET_X", "default"]),
}


class Definitions(Case):
    def write(self, name, data):
        path = self.path / f"{name}.yaml"
        path.write_bytes(data)
        return str(path)

    def assert_nothing_defined(self):
        items = self.server.get("/api/v1/definitions").json["items"]
        self.assertEqual([item["id"] for item in items], ["order"])

    def test_over_http(self):
        for name, (data, place, words) in BAD_DEFINITIONS.items():
            with self.subTest(name):
                reply = self.server.ask("POST", f"/api/v1/definitions?file={name}.yaml", data,
                                        kind="application/yaml")
                self.assert_problem(reply, 422, *words[:1], f"{name}.yaml:")
                errors = [d for d in reply.json["diagnostics"] if d["severity"] == "error"]
                self.assertLessEqual(len(reply.json["diagnostics"]), 1000)
                line, _, column = place.partition(":")
                places = [(str(d["line"]), str(d["column"])) for d in errors]
                if place:
                    self.assertTrue(any(p[0] == line and column in ("", p[1]) for p in places),
                                    places[:3])
                for error in errors:
                    self.assertIn(error["file"], ("", f"{name}.yaml"))
                    self.assertTrue(error["message"] and error["code"], error)
        self.assert_nothing_defined()

    def test_by_command(self):
        for name, (data, place, words) in BAD_DEFINITIONS.items():
            with self.subTest(name):
                path = self.write(name, data)
                done = run("validate", path)
                self.assertEqual(done.returncode, 1, text_of(done)[:500])
                self.assertIn(f"{path}:{place}", text_of(done))
                for word in words:
                    self.assertIn(word, text_of(done))
                for command in (["define", "--server", self.server.url], ["dry-run"], ["visualize"]):
                    done = run(*command, path)
                    self.assertEqual(done.returncode, 1, text_of(done)[:500])
                    self.assertIn(f"{path}:{place}", text_of(done))
                as_json = json.loads(run("validate", "--json", path).stdout)
                self.assertEqual(as_json[0]["valid"], False)
        self.assert_nothing_defined()

    def test_bodies_that_are_none(self):
        define = "/api/v1/definitions"
        self.assert_problem(self.server.ask("POST", define, b"", kind="application/yaml"), 400, "body")
        self.assert_problem(self.server.ask("POST", define, b"x", kind="text/html"), 415, "yaml")
        self.assert_problem(self.server.ask("POST", define, b"x", kind=None), 415, "Content-Type")

    def test_huge(self):
        for kind in ("yaml", "json"):
            text = "x" * (11 * MIB)
            data = GOOD.replace("d }", f"{text} }}") if kind == "yaml" else json.dumps({"saga": text})
            path = self.write(f"huge-{kind}", data.encode())
            for arguments in (["validate"], ["define", "--server", self.server.url]):
                done = run(*arguments, path)
                self.assertEqual(done.returncode, 2)
                self.assertIn(path, text_of(done))
                self.assertIn("10 MB", text_of(done))
            reply = self.server.ask("POST", "/api/v1/definitions", data.encode(),
                                    kind=f"application/{kind}")
            self.assertEqual(reply.status, 413)
        reply = self.server.ask("POST", "/api/v1/definitions", b" " * (5 * MIB), kind="text/yaml")
        self.assert_problem(reply, 413, "at most", "send less")
        self.assert_nothing_defined()

    def test_larger_than_the_server_takes(self):
        data = ", ".join(f"m{i}: {'x' * 990000}" for i in range(10))
        text = GOOD.replace("d }", f"d, metadata: {{ {data} }} }}").encode()
        done = run("define", "--server", self.server.url, self.write("large", text))
        self.assertEqual(done.returncode, 1, text_of(done))
        self.assertIn("--body-max", text_of(done))
        self.assert_nothing_defined()

    def test_files_that_are_none(self):
        missing = str(self.path / "none.yaml")
        for command in ("validate", "define"):
            done = run(command, missing)
            self.assertEqual(done.returncode, 2)
            self.assertIn("none.yaml: No such file", text_of(done))
        folder = self.path / "folder"
        folder.mkdir(exist_ok=True)
        done = run("define", str(folder))
        self.assertEqual(done.returncode, 2)
        self.assertIn("directory", text_of(done))
        self.assertIn("name the files in it", text_of(done))
        done = run("validate", str(folder))
        self.assertEqual(done.returncode, 2)
        self.assertIn("*.saga.yaml", text_of(done))
        empty = self.write("empty", b"")
        done = run("validate", empty)
        self.assertEqual(done.returncode, 1)
        self.assertIn("empty.yaml:1:1", text_of(done))
        done = run("serve", "--store", "memory:", "--listen", ":0", "--define", empty)
        self.assertEqual(done.returncode, 2)
        self.assertIn("empty.yaml:1:1", text_of(done))

    def test_service_that_is_nowhere(self):
        text = (HEAD + CALL % "x").replace("endpoint: 'http://127.0.0.1:1', ", "")
        self.assert_problem(self.server.define(text), 422, "step a", "service s", "`endpoint`")
        self.assert_nothing_defined()

    def test_one_of_several(self):
        """The good one among bad ones is taken whole, and the exit code tells of the bad one."""
        good = self.write("fine", order_definition(self.participant).encode())
        done = run("define", "--server", self.server.url, self.write("list", b"[1]"), good)
        self.assertEqual(done.returncode, 1)
        self.assertIn("order 1", text_of(done))
        self.assert_nothing_defined()


# ---- starts --------------------------------------------------------------------------------------

def with_definition(rest):
    return b'{"definition": "order",\n  ' + rest


BAD_BODIES = {
    "word": (with_definition(b'"input": nul}'), ['"line": 2', '"column": 12']),
    "more": (with_definition(b'"input": 1} x'), ["line 2", "after the value"]),
    "cut": (with_definition(b'"input": {"a": [1, 2'), ["line 2"]),
    "deep": (with_definition(b'"input": ' + b"[" * 100000), ["nested", "128"]),
    "deep-closed": (with_definition(b'"input": ' + b"[" * 129 + b"]" * 129 + b"}"), ["128"]),
    "not-utf-8": (with_definition(b'"input": "\xff"}'), ["line 2", "UTF-8"]),
    "surrogate": (with_definition(b'"input": "\\ud800"}'), ["line 2", "surrogate"]),
    "control": (with_definition(b'"input": "a\nb"}'), ["control character", "escaped"]),
    "raw-nul": (with_definition(b'"id": "a\0b"}'), ["control character"]),
    "leading-0": (with_definition(b'"input": 01}'), ["line 2", "number"]),
    "nan": (with_definition(b'"input": NaN}'), ["line 2"]),
    "single-quotes": (b"{'definition': 'order'}", ["line 1"]),
    "comment": (b'{"definition": "order" /* it */}', ["line 1"]),
    "byte-order-mark": (b'\xef\xbb\xbf{"definition": "order"}', ["line 1"]),
    "utf-16": ('{"definition": "order"}'.encode("utf-16"), ["line 1"]),
    "nothing": (b"", ["definition is missing", "name the definition"]),
    "blank": (b" \r\n ", ["definition is missing"]),
    "number": (b"5", ["a number", "send an object"]),
    "list": (b'[{"definition": "order"}]', ["a list", "send an object"]),
    "null-definition": (b'{"definition": null}', ["definition is missing"]),
    "slip": (with_definition(b'"inptu": 1}'), ["no member 'inptu'", "did you mean 'input'"]),
    "unknown": (with_definition(b'"qqqqqq": 1}'), ["qqqqqq", "known are: definition"]),
    "unknown-long": (with_definition(b'"' + "xä".encode() * 3000 + b'": 1}'), ["known are"]),
    "twice": (with_definition(b'"definition": "order"}'), ["definition", "twice"]),
}

BAD_MEMBERS = {
    "id": ["", "a/b", ".", "..", "a b", "a\0b", "a\nb", "ä", "@lock/x", "x" * 201, 5, [], True],
    "definition": ["", "a/b", "a b", "x" * 101, 7, {}],
    "version": [1, [], "a\0b", "x" * 2000],
    "timeout": ["soon", "-5s", "0", "0s", "", 5, -5, "9" * 20 + "h"],
    "max_attempts": [0, -1, 1.5, 2**70, "3", None.__class__.__name__],
    "priority": [2**40, -2**40, 0.5, "high"],
    "lock_keys": ["x", [""], [1], [None], ["a\0"], ["x" * 256], ["k"] * 65, {}],
    "tags": ["x", [""], [1], ["a\0"], ["x" * 2000], ["t"] * 200, {"a": 1}],
    "attributes": [[], "x", {"a": {}}, {"": "x"}, {"a": "x\0"}, {"a\0": 1}, {"a" * 2000: 1},
                   {f"a{i}": i for i in range(200)}],
    "context": [1, [], "x"],
    "namespace": ["a/b", "a b", "x" * 201, "a\1", 5],
    "business_key": ["x" * 2000, "a\0", 5],
}


class Starts(Case):
    IS_KILLED = True

    def assert_no_saga_but(self, *ids):
        items = self.server.get(f"{SAGAS}?limit=1000").json["items"]
        self.assertEqual({item["id"] for item in items} - {"after"}, set(ids))

    def test_1_bodies(self):
        for name, (body, words) in BAD_BODIES.items():
            with self.subTest(name):
                self.assert_problem(self.server.post(SAGAS, body), 400, *words)
        self.assert_no_saga_but()

    def test_2_members(self):
        for name, values in BAD_MEMBERS.items():
            for value in values:
                with self.subTest(name=name, value=str(value)[:40]):
                    reply = self.server.post(SAGAS, {"definition": "order", name: value})
                    self.assert_problem(reply, 400, name)
        self.assert_no_saga_but()

    def test_3_unknown(self):
        self.assert_problem(self.server.start(definition="nope"), 404, "nope", "define")
        self.assert_problem(self.server.start(definition="order", version="9"), 404, "order", "9")
        body = b'{"definition": "order"}'
        self.assert_problem(self.server.ask("POST", SAGAS, body, kind="text/plain"), 415, "json")
        for key in ("x" * 300, "a\tb"):
            reply = self.server.post(SAGAS, body, Idempotency_Key=key)
            self.assert_problem(reply, 400, "Idempotency-Key", "200")
        self.assert_no_saga_but()

    def test_4_huge(self):
        reply = self.server.post(SAGAS, b'{"definition": "order", "input": "' + b"x" * (5 * MIB) + b'"}')
        self.assert_problem(reply, 413, "at most", "reference")
        self.assertEqual(self.server.post(SAGAS, b" " * (40 * MIB)).status, 413)
        self.assert_no_saga_but()

    def test_5_same_id_with_another_body(self):
        first = self.server.start(definition="order", id="same", input={"amount": 1})
        self.assertEqual(first.status, 201)
        self.acknowledged.append("same")
        for other in ({"input": {"amount": 2}}, {"input": {"amount": 1}, "priority": 1}, {}):
            reply = self.server.start(definition="order", id="same", **other)
            self.assert_problem(reply, 409, "same", "another id")
        again = self.server.start(definition="order", id="same", input={"amount": 1})
        self.assertEqual(again.status, 200, again.body)
        self.assertEqual(self.server.ended("same")["input"], {"amount": 1})
        self.assert_no_saga_but("same")

    def test_6_odd_but_allowed(self):
        """Values that only look bad come back as they were sent."""
        for i, value in enumerate([b'"a\\u0000b"', b"1e999999", b"-0", b"9" * 4000, b'"\xf0\x9f\x90\x89"',
                                   b"[" * 126 + b"]" * 126, b'{"": {"": null}}']):
            body = b'{"definition": "order", "id": "odd-%d", "input": %s}' % (i, value)
            reply = self.server.post(SAGAS, body)
            self.assertEqual(reply.status, 201, reply.body[:300])
            self.acknowledged.append(f"odd-{i}")
            self.assertIn(value, reply.body)
            self.assertIn(self.server.ended(f"odd-{i}")["state"], ("completed", "compensated"))

    def test_7_paths_and_queries(self):
        for path in ("%", "%zz", "%00", "a%2Fb", "%ff", "..%2f", "x" * 300, "a%20b"):
            self.assert_problem(self.server.get(f"{SAGAS}/{path}"), 400, "saga", "A-Z")
        for query, word in (("limit=-1", "limit"), ("limit=x", "1000"), ("stat=failed", "state"),
                            ("residue=maybe", "true or false"),
                            ("state=faild", "failed"), ("cursor=%00", "cursor"), ("tag=%ff", "UTF-8"),
                            ("tag=%", "percent-encode"), ("tag=" + "x" * 5000, "1000")):
            self.assert_problem(self.server.get(f"{SAGAS}?{query}"), 400, word)
        self.assert_problem(self.server.get("/api/v2/sagas"), 404, "/api/v1")
        self.assert_problem(self.server.ask("DELETE", SAGAS), 405, "POST")

    def test_8_by_command(self):
        to = ("--server", self.server.url)
        for code, arguments, words in (
                (2, ["order", "--input", "{bad"], ["--input", "line 1, column 2"]),
                (2, ["order", "--input", "@/none-such"], ["/none-such", "No such file"]),
                (1, ["nope"], ["nope", "define"]),
                (2, ["order", "--id", "a/b"], ["id", "A-Z"])):
            done = run("start", *to, *arguments)
            self.assertEqual(done.returncode, code, text_of(done))
            for word in words:
                self.assertIn(word, text_of(done))
        done = run("start", "--server", "127.0.0.1:1", "order")
        self.assertEqual(done.returncode, 3)
        self.assertIn("skald serve", text_of(done))


# ---- connections ---------------------------------------------------------------------------------

# Each answered with a status of its group, or closed without a word (0).
BAD_REQUESTS = {
    "tls": (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\0" * 50 + b"\r\n\r\n", 4),
    "noise": (bytes(range(256)) * 10 + b"\r\n\r\n", 4),
    "words": (b"HELO there\r\n\r\n", 4),
    "empty-lines": (b"\r\n\r\n", 4),
    "http-0.9": (b"GET /version\r\n\r\n", 4),
    "http-2": (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 4),
    "http-9.9": (b"GET / HTTP/9.9\r\n\r\n", 4),
    "method": (b"BREW /pot HTTP/1.1\r\n\r\n", 5),
    "small-letters": (b"get /version HTTP/1.1\r\n\r\n", 5),
    "trace": (b"TRACE / HTTP/1.1\r\n\r\n", 5),
    "connect": (b"CONNECT x:1 HTTP/1.1\r\n\r\n", 5),
    "nul-in-url": (b"GET /a\0b HTTP/1.1\r\n\r\n", 4),
    "bytes-in-url": (b"GET /\xff\xfe HTTP/1.1\r\n\r\n", 4),
    "bad-url": (b"GET http://[::1/version HTTP/1.1\r\n\r\n", 4),
    "long-url": (b"GET /" + b"x" * 20000 + b" HTTP/1.1\r\n\r\n", 4),
    "very-long-url": (b"GET /" + b"x" * 200000 + b" HTTP/1.1\r\n\r\n", 4),
    "percent-nonsense": (b"GET /api/v1/sagas/%%%zz%0 HTTP/1.1\r\n\r\n", 4),
    "no-colon": (b"GET /version HTTP/1.1\r\nNoColon\r\n\r\n", 4),
    "long-header": (b"GET /version HTTP/1.1\r\nX: " + b"y" * 100000 + b"\r\n\r\n", 4),
    "many-headers": (b"GET /version HTTP/1.1\r\n" +
                     b"".join(b"X-%d: y\r\n" % i for i in range(20000)) + b"\r\n", 4),
    "length-negative": (JSON_POST + b"Content-Length: -5\r\n\r\n", 4),
    "length-word": (JSON_POST + b"Content-Length: much\r\n\r\n{}", 4),
    "length-list": (JSON_POST + b"Content-Length: 2, 2\r\n\r\n{}", 4),
    "length-endless": (JSON_POST + b"Content-Length: 99999999999999999999\r\n\r\n{}", 4),
    "length-short": (JSON_POST + b"Connection: close\r\nContent-Length: 5\r\n\r\n"
                     b'{"definition": "order", "id": "short"}', 4),
    "two-lengths": (JSON_POST + b"Content-Length: 2\r\nContent-Length: 38\r\n\r\n"
                    b'{"definition": "order", "id": "two-l"}', 4),
    "length-and-chunks": (JSON_POST + b"Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n"
                          b"0\r\n\r\n", 4),
    "unknown-encoding": (JSON_POST + b"Transfer-Encoding: gzip\r\n\r\n{}", 4),
    "chunk-word": (JSON_POST + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n{}\r\n0\r\n\r\n", 4),
    "chunk-negative": (JSON_POST + b"Transfer-Encoding: chunked\r\n\r\n-5\r\n{}\r\n0\r\n\r\n", 4),
    "chunk-endless": (JSON_POST + b"Transfer-Encoding: chunked\r\n\r\nffffffffffffffff\r\n{}", 4),
    "chunk-cut": (JSON_POST + b"Transfer-Encoding: chunked\r\n\r\n5\r\n{", 4),
    "expectation": (JSON_POST + b"Expect: magic\r\nContent-Length: 2\r\n\r\n{}", 4),
}


class Connections(Case):
    OPTIONS = ("--request-timeout", "1s", "--idle-timeout", "30s")
    MEMORY_MAX_MIB = 400
    IS_KILLED = True

    def body(self, saga_id):
        return b'{"definition": "order", "id": "%s", "input": {}}' % saga_id.encode()

    def request(self, saga_id, *headers):
        body = self.body(saga_id)
        return b"\r\n".join([JSON_POST.rstrip(), *headers, b"Content-Length: %d" % len(body), b"", body])

    def test_what_is_no_request(self):
        for half_close in (True, False):
            for name, (data, group) in BAD_REQUESTS.items():
                if not half_close and b"Connection: close" not in data:
                    data = data.replace(b"HTTP/1.1\r\n", b"HTTP/1.1\r\nConnection: close\r\n", 1)
                if not half_close and name in ("length-endless", "chunk-cut", "connect"):
                    continue  # waits for the rest: test_slow
                with self.subTest(name, half_close=half_close):
                    status = status_of(self.talk(data, half_close))
                    self.assertIn(status // 100, (0, group), status)
        items = self.server.get(f"{SAGAS}?limit=1000").json["items"]
        self.assertFalse({"short", "two-l"} & {item["id"] for item in items})

    def test_slow(self):
        """Header, body and chunks a byte at a time or never: all cut in the time for a request."""
        whole = self.request("never")
        beginnings = [b"GET /version HTTP/1.1\r\nX-Slow: y", b"G", b"", whole[:-5], whole[:100],
                      BAD_REQUESTS["length-endless"][0], BAD_REQUESTS["chunk-cut"][0]]
        crowd = []
        for beginning in beginnings * 5:
            connection = self.connect()
            connection.sendall(beginning)
            crowd.append((connection, beginning))
        start = time.monotonic()
        self.is_well("among-slow-ones")
        for connection, beginning in crowd:
            if beginning:
                self.assertIn(status_of(read_all(connection)) // 100, (0, 4), beginning)
            connection.close()
        self.assertLess(time.monotonic() - start, 20)
        self.assert_problem(self.server.get(f"{SAGAS}/never"), 404)

    def test_dribbling(self):
        connection = self.connect()
        connection.settimeout(0.1)
        try:
            for _ in range(600):
                connection.sendall(b"G")
                try:
                    self.assertEqual(status_of(connection.recv(100)) // 100 in (0, 4), True)
                    return
                except TimeoutError:
                    continue
        except (ConnectionResetError, BrokenPipeError):
            return
        self.fail("it was never cut")

    def test_many_large_bodies_that_never_end(self):
        """The memory for what is not whole yet is bounded; small requests come through."""
        beginning = JSON_POST + b"Content-Length: 4194304\r\n\r\n" + b"x" * (4 * MIB - 1000)
        crowd = [self.connect() for _ in range(120)]
        for connection in crowd:
            try:
                connection.sendall(beginning)
            except OSError:
                pass  # it was cut
        self.assertEqual(self.server.get("/version").status, 200)
        self.is_well("among-large-ones")
        for connection in crowd:
            connection.close()
        self.assertLess(memory_of(self.server) // MIB, self.MEMORY_MAX_MIB)

    def test_half_closed(self):
        """A client that has said all it has to say still gets its reply."""
        answer = self.talk(self.request("half-1"))
        self.assertEqual(status_of(answer), 201, answer)
        self.acknowledged.append("half-1")
        answer = self.talk(b"GET /api/v1/sagas/half-1?wait=20s HTTP/1.1\r\n\r\n")
        self.assertIn(b'"state":"completed"', answer)
        release = threading.Event()
        self.addCleanup(release.set)
        self.participant.on("/pay", lambda request: (release.wait(GIVE_UP_S), (200, {}))[1])
        self.assertEqual(status_of(self.talk(self.request("half-2"))), 201)
        self.acknowledged.append("half-2")
        connection = self.connect()
        connection.sendall(b"GET /api/v1/sagas/half-2?wait=20s HTTP/1.1\r\n\r\n")
        connection.shutdown(socket.SHUT_WR)
        self.participant.wait_for("/pay")
        self.assertEqual(self.server.get("/version").status, 200)
        release.set()
        self.assertIn(b'"state":"completed"', read_all(connection))
        self.participant.answers.clear()

    def test_gone_before_the_reply(self):
        """The saga is there whole or not at all; saying it again settles which."""
        for i in range(40):
            connection = self.connect()
            request = self.request(f"gone-{i}")
            connection.sendall(request if i % 4 else request[:-3])
            if i % 2:
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, ABORT)
            connection.close()
        for i in range(40):
            reply = self.server.ask("POST", SAGAS, self.body(f"gone-{i}"))
            self.assertIn(reply.status, (200, 201), reply.body)
            if i % 4 == 0:
                self.assertEqual(reply.status, 201, "a request that was cut has been served")
            self.acknowledged.append(f"gone-{i}")
            self.assertEqual(self.server.ended(f"gone-{i}")["state"], "completed")

    def test_idle_ones(self):
        crowd = [self.connect() for _ in range(300)]
        self.is_well("among-idle-ones")
        for connection in crowd[::10]:
            connection.sendall(b"GET /version HTTP/1.1\r\nConnection: close\r\n\r\n")
            self.assertEqual(status_of(read_all(connection)), 200)
        for connection in crowd:
            connection.close()

    def test_pipelined(self):
        requests = [self.request(f"pipe-{i}") for i in range(20)]
        last = b"GET /healthz HTTP/1.1\r\nConnection: close\r\n\r\n"
        answer = self.talk(b"".join(requests) + last, half_close=False)
        self.assertEqual(answer.count(b"HTTP/1.1 201 "), 20, answer[:300])
        self.assertEqual(answer.count(b"HTTP/1.1 200 "), 1)
        self.acknowledged += [f"pipe-{i}" for i in range(20)]

    def test_chunked(self):
        chunks = b"".join(b"1\r\n%c\r\n" % byte for byte in self.body("chunked"))
        answer = self.talk(JSON_POST + b"Transfer-Encoding: chunked\r\nConnection: close\r\n\r\n" +
                           chunks + b"0\r\n\r\n")
        self.assertEqual(status_of(answer), 201, answer)
        self.acknowledged.append("chunked")


if __name__ == "__main__":
    unittest.main(verbosity=2)
