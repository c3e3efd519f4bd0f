#!/usr/bin/env python3
"""The console as it is served, without a browser: what comes, in which shape, with which headers; and that what
it reads of the API is what the API's own description says."""
import gzip
import json
import pathlib
import re
import sys
import tempfile
import unittest

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(ROOT / "tests/integration"))
from skald_world import Server  # noqa: E402

SOURCES = ROOT / "console/src"
# Types of the console that the description has under another name, or that it only has parts of.
SCHEMAS = {"SagaRow": "SagaRow", "Undo": "Compensation", "Item": "Item", "Step": "Step", "Saga": "Saga",
           "SagaEvent": "FeedEvent", "Observation": "Observation", "Explanation": "Explanation",
           "Preview": "CancelPreview", "GraphStep": "GraphStep", "Graph": "Graph", "Definition": "Definition",
           "Letter": "DeadLetter", "Lock": "Lock", "Breaker": "CircuitBreaker", "Queue": "Queue",
           "Recovery": "Recovery", "Cluster": "Cluster", "Stats": "Stats", "Schedule": "Schedule", "Batch": "Batch",
           "ProblemBody": "Problem", "Trouble": "Trouble"}


class Served(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory()
        cls.server = Server(cls.folder.name, store="memory:")
        page = cls.server.get("/").body.decode()
        cls.assets = re.findall(r'"(/console/[^"]+)"', page)
        assert cls.assets, f"this build has no console:\n{page}"

    @classmethod
    def tearDownClass(cls):
        cls.server.stop()
        cls.server.__exit__(None, None, None)
        cls.folder.cleanup()

    def test_all_that_the_page_names_is_there(self):
        kinds = {path.split(".")[-1]: path for path in self.assets}
        self.assertEqual(set(kinds), {"css", "js", "svg", "txt"})
        types = {"css": "text/css", "js": "text/javascript", "svg": "image/svg+xml", "txt": "text/plain"}
        for kind, path in kinds.items():
            reply = self.server.get(path)
            self.assertEqual(reply.status, 200, path)
            self.assertEqual(reply.headers["Content-Type"].split(";")[0], types[kind])
            self.assertNotIn("Content-Encoding", reply.headers)
            self.assertIn("immutable", reply.headers["Cache-Control"])
        self.assertEqual(self.server.get("/").headers["Cache-Control"], "no-cache")

    def test_packed_is_the_same_and_smaller(self):
        for path in ["/", *self.assets]:
            plain = self.server.get(path)
            packed = self.server.ask("GET", path, headers={"Accept-Encoding": "br, gzip"})
            self.assertEqual(packed.headers["Content-Encoding"], "gzip")
            self.assertEqual(packed.headers["Vary"], "Accept-Encoding")
            self.assertEqual(packed.headers["ETag"], plain.headers["ETag"])
            self.assertEqual(gzip.decompress(packed.body), plain.body)
            if len(plain.body) > 2000:
                self.assertLess(len(packed.body), len(plain.body) / 2, path)
        script = next(path for path in self.assets if path.endswith(".js"))
        packed = self.server.ask("GET", script, headers={"Accept-Encoding": "gzip"})
        self.assertLess(len(packed.body), 60_000, "the console has grown; is it worth it?")

    def test_what_is_known_is_not_sent_again(self):
        for path in ["/", self.assets[0]]:
            etag = self.server.get(path).headers["ETag"]
            reply = self.server.ask("GET", path, headers={"If-None-Match": etag})
            self.assertEqual((reply.status, reply.body), (304, b""))
            self.assertEqual(reply.headers["ETag"], etag)
            self.assertEqual(self.server.ask("GET", path, headers={"If-None-Match": '"other"'}).status, 200)

    def test_methods_and_paths(self):
        path = self.assets[0]
        head = self.server.ask("HEAD", path)
        self.assertEqual((head.status, head.body), (200, b""))
        self.assertEqual(int(head.headers["Content-Length"]), len(self.server.get(path).body))
        refused = self.server.ask("POST", path, {})
        self.assertEqual((refused.status, refused.headers["Allow"]), (405, "GET, HEAD"))
        self.assertEqual(refused.headers["Content-Type"], "application/problem+json")
        for wrong in ("/console", "/console/", "/console/none.js", "/console/../console.c", "/console/%2e%2e/x"):
            self.assertEqual(self.server.get(wrong).status, 404, wrong)

    def test_headers_keep_everything_else_out(self):
        for path in ["/", *self.assets]:
            headers = self.server.get(path).headers
            policy = dict(part.strip().split(" ", 1) for part in headers["Content-Security-Policy"].split(";"))
            self.assertEqual(policy["default-src"], "'self'")
            self.assertEqual(policy["script-src"], "'self'")
            self.assertEqual(policy["frame-ancestors"], "'none'")
            self.assertEqual(policy["require-trusted-types-for"], "'script'")
            self.assertNotIn("unsafe", headers["Content-Security-Policy"])
            self.assertEqual(headers["X-Content-Type-Options"], "nosniff")
            self.assertEqual(headers["X-Frame-Options"], "DENY")
            self.assertEqual(headers["Referrer-Policy"], "no-referrer")

    def test_it_is_served_while_the_store_is_not(self):
        self.assertEqual(self.server.ask("HEAD", "/").status, 200)
        paths = self.server.get("/openapi.json").json["paths"]
        self.assertFalse([path for path in paths if path.startswith("/console")])

    def test_the_licences_are_told(self):
        path = next(path for path in self.assets if path.endswith(".txt"))
        text = self.server.get(path).body.decode()
        self.assertIn("preact", text)
        self.assertIn("The MIT License", text)

    def test_no_text_becomes_html(self):
        for path in SOURCES.rglob("*.ts*"):
            found = re.findall(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(|new Function|https?://",
                               path.read_text())
            self.assertEqual(found, [], path)

    def test_what_it_reads_is_what_the_api_says(self):
        schemas = self.server.get("/openapi.json").json["components"]["schemas"]
        text = (SOURCES / "types.ts").read_text()
        bodies = {name: (parent, body) for name, parent, body in re.findall(
            r"^export interface (\w+)(?: extends (\w+))? \{\n(.*?)^\}", text, re.S | re.M)}
        for name, schema in SCHEMAS.items():
            with self.subTest(name):
                known = schemas[schema]["properties"]
                parent, body = bodies[name]
                members = re.findall(r"^  (\w+)\??:", body, re.M)
                if parent:
                    members += re.findall(r"^  (\w+)\??:", bodies[parent][1], re.M)
                self.assertTrue(members)
                self.assertEqual([one for one in members if one not in known], [],
                                 f"{schema} of the API has only {json.dumps(sorted(known))}")


if __name__ == "__main__":
    unittest.main()
