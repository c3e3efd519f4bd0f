#!/usr/bin/env python3
"""Server-Sent Events: of one saga, of all, of what the node observes; resumed, slow, gone, too many."""
import tempfile
import unittest

from skald_world import WAITER, Participant, Server, memory_of, order_definition, until
from sse import Stream

ALL = "/api/v1/events"


def key(event):
    return event.json["saga"], event.json["seq"]


class Case(unittest.TestCase):
    options = ()

    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory()
        cls.participant = Participant()
        cls.server = Server(cls.folder.name, *cls.options)
        for text in (order_definition(cls.participant), WAITER):
            reply = cls.server.define(text)
            assert reply.status == 201, reply.body

    @classmethod
    def tearDownClass(cls):
        code = cls.server.stop()
        cls.server.__exit__(None, None, None)
        cls.participant.close()
        cls.folder.cleanup()
        assert code == 0, f"exit code {code}"

    def start(self, **body):
        reply = self.server.start(**body)
        self.assertEqual(reply.status, 201, reply.body)
        return reply.json["id"]

    def signal(self, saga, name="approved", data=None):
        reply = self.server.post(f"/api/v1/sagas/{saga}/signals", {"name": name, "data": data})
        self.assertEqual(reply.status, 200, reply.body)

    def history(self, saga):
        return self.server.get(f"/api/v1/sagas/{saga}/events?limit=1000").json["items"]


class OfOneSaga(Case):
    def path(self, saga):
        return f"/api/v1/sagas/{saga}/events"

    def test_history_then_what_comes_then_the_end(self):
        saga = self.start(definition="waiter")
        with Stream(self.server, self.path(saga)) as stream:
            self.assertEqual(stream.status, 200)
            self.assertTrue(stream.headers["Content-Type"].startswith("text/event-stream"))
            stream.until(lambda event: event.json["type"] == "step.started")
            self.signal(saga)
            events = stream.all()
        self.assertEqual(events[-1].name, "end")
        self.assertEqual(events[-2].json["type"], "saga.completed")
        self.assertEqual(events[-2].json["saga"], saga)
        self.assertIn("step.completed", [e.json["type"] for e in events[:-1]])

    def test_is_the_history(self):
        saga = self.start(definition="order", input={"amount": 7})
        self.server.ended(saga)
        with Stream(self.server, self.path(saga)) as stream:
            events = stream.all()
        shown = [{n: v for n, v in e.json.items() if n not in ("saga", "definition", "version")}
                 for e in events if e.name == "message"]
        self.assertEqual(shown, self.history(saga))
        self.assertEqual([e.id for e in events[:-1]], [str(e["seq"]) for e in shown])

    def test_resumes_without_loss_or_repetition(self):
        saga = self.start(definition="waiter")
        seqs, last = [], None
        for round_number in range(5):
            with Stream(self.server, self.path(saga), last_id=last) as stream:
                event = stream.next()
                seqs.append(event.json["seq"])
                last = event.id
                self.signal(saga, "other", round_number)
        self.signal(saga)
        with Stream(self.server, self.path(saga), last_id=last) as stream:
            rest = stream.all()
        seqs += [e.json["seq"] for e in rest if e.name == "message"]
        self.assertEqual(seqs, [e["seq"] for e in self.history(saga)])
        with Stream(self.server, self.path(saga), last_id=seqs[-1]) as stream:
            self.assertEqual(stream.status, 204)

    def test_bad_questions(self):
        saga = self.start(definition="waiter")
        for path, last, status in ((self.path("nowhere"), None, 404), (self.path(saga), "x", 400),
                                   (self.path(saga) + "?after=x", None, 400)):
            with Stream(self.server, path, last_id=last) as stream:
                self.assertEqual(stream.status, status)
                self.assertEqual(stream.headers["Content-Type"], "application/problem+json")

    def test_lines_in_payloads(self):
        body = b'{"definition": "waiter", "id": "lines", "input": {"a":\n1,\r\n "b": "x\\ny"}}'
        self.assertEqual(self.server.ask("POST", "/api/v1/sagas", body).status, 201)
        self.signal("lines")
        with Stream(self.server, self.path("lines")) as stream:
            events = stream.all()
        self.assertEqual(events[-2].json["type"], "saga.completed")


class OfAll(Case):
    def test_live_with_filters(self):
        with Stream(self.server, f"{ALL}?type=saga.*") as some, \
                Stream(self.server, f"{ALL}?definition=waiter") as of_waiters, \
                Stream(self.server, f"{ALL}?saga=mine&type=saga.completed") as one:
            self.start(definition="waiter", id="mine")
            order = self.start(definition="order", input={"amount": 1})
            self.server.ended(order)
            self.signal("mine")
            seen = some.until(lambda e: e.json["type"] == "saga.completed" and e.json["saga"] == "mine")
            self.assertTrue(all(e.json["type"].startswith("saga.") for e in seen))
            self.assertEqual({e.json["saga"] for e in seen}, {"mine", order})
            seen = of_waiters.until(lambda e: e.json["type"] == "saga.completed")
            self.assertEqual({e.json["definition"] for e in seen}, {"waiter"})
            self.assertEqual(key(one.next())[0], "mine")

    def test_nothing_old_without_a_cursor(self):
        self.server.ended(self.start(definition="order", id="old", input={"amount": 1}))
        with Stream(self.server, ALL) as stream:
            self.start(definition="waiter", id="new")
            self.assertEqual(key(stream.next()), ("new", 1))

    def test_resumes_without_loss_or_repetition(self):
        """Sagas run while the stream is cut again and again."""
        begin = self.server.get(f"{ALL}?cursor=now").json["cursor"]
        names = [self.start(definition="order", input={"amount": n}) for n in range(20)]
        seen, last, left = [], begin, set(names)
        while left:
            with Stream(self.server, ALL, last_id=last) as stream:
                for event in (stream.next() for _ in range(17)):
                    seen.append(key(event))
                    last = event.id
                    if event.json["type"] == "saga.completed":
                        left.discard(event.json["saga"])
                    if not left:
                        break
        self.assertEqual(len(seen), len(set(seen)), "an event came twice")
        for name in names:
            mine = [seq for saga, seq in seen if saga == name]
            self.assertEqual(mine, [e["seq"] for e in self.history(name)], "a hole, or disorder")

    def test_pages(self):
        begin = self.server.get(f"{ALL}?cursor=now").json
        self.assertEqual((begin["items"], begin["next"]), ([], None))
        for n in range(3):
            self.server.ended(self.start(definition="order", id=f"page-{n}", input={"amount": n}))
        for limit in (1, 7, 1000):
            cursor, seen = begin["cursor"], []
            while cursor:
                page = self.server.get(f"{ALL}?limit={limit}&cursor={cursor}").json
                self.assertLessEqual(len(page["items"]), limit)
                seen += page["items"]
                cursor = page["next"]
            for n in range(3):
                mine = [{m: v for m, v in e.items() if m not in ("saga", "definition", "version")}
                        for e in seen if e["saga"] == f"page-{n}"]
                self.assertEqual(mine, self.history(f"page-{n}"))
            self.assertEqual(len(seen), len({(e["saga"], e["seq"]) for e in seen}))
        last = self.server.get(f"{ALL}?limit=1000&cursor={begin['cursor']}").json
        times = [e["at"] for e in last["items"]]
        self.assertEqual(times, sorted(times))

    def test_pages_by_filter(self):
        self.server.ended(self.start(definition="order", id="filtered", input={"amount": 1}))

        def found(query):
            items, cursor = [], "start"
            while cursor:
                page = self.server.get(f"{ALL}?{query}&cursor={cursor}").json
                items += page["items"]
                cursor = page["next"]
            return items
        self.assertEqual([e["type"] for e in found("saga=filtered&type=saga.*")],
                         ["saga.accepted", "saga.started", "saga.completed"])
        started = self.server.saga("filtered")["started_at"]
        later = found(f"saga=filtered&from={started}")
        self.assertTrue(later)
        self.assertTrue(all(e["at"] >= started for e in later))
        earlier = found(f"saga=filtered&to={started}")
        self.assertEqual(len(earlier) + len(later), len(self.history("filtered")))
        self.assertEqual({e["definition"] for e in found("definition=order")}, {"order"})

    def test_bad_questions(self):
        for query, status in (("type=saga.complet", 400), ("cursor=%21", 400), ("cursor=AAAA", 400),
                              ("from=yesterday", 400), ("nonsense=1", 400)):
            reply = self.server.get(f"{ALL}?{query}")
            self.assertEqual(reply.status, status, query)
        with tempfile.TemporaryDirectory() as folder, Server(folder) as other:
            cursor = other.get(f"{ALL}?cursor=now").json["cursor"]
        reply = self.server.get(f"{ALL}?cursor={cursor}")
        self.assertEqual(reply.status, 410, reply.body)
        with Stream(self.server, ALL, last_id=cursor) as stream:
            self.assertEqual(stream.status, 410)

    def test_resumes_after_a_restart(self):
        with tempfile.TemporaryDirectory() as folder:
            with Server(folder) as server:
                server.define(WAITER)
                server.start(definition="waiter", id="a")
                with Stream(server, f"{ALL}?cursor=start") as stream:
                    last = stream.until(lambda e: e.json["type"] == "step.started")[-1].id
                server.kill()
            with Server(folder, store=server.store) as server:
                with Stream(server, ALL, last_id=last) as stream:
                    server.start(definition="waiter", id="b")
                    seen = stream.until(lambda e: e.json["saga"] == "b")
                    self.assertEqual([key(e) for e in seen][-1], ("b", 1))
                    self.assertTrue(all(key(e)[0] == "b" for e in seen), [key(e) for e in seen])


class OfTheNode(Case):
    path = f"{ALL}/observations"

    def test_alerts_and_what_the_server_did(self):
        self.participant.on("/pay", (422, {"error": {"code": "no"}}))
        self.participant.on("/unreserve", (422, {"error": {"code": "never"}}))
        with Stream(self.server, f"{self.path}?type=alert.*") as stream:
            saga = self.start(definition="order", input={"amount": 1})
            event = stream.next()
        self.assertEqual((event.json["type"], event.json["saga"]), ("alert.critical", saga))
        page = self.server.get(self.path).json
        self.assertIn("recovery.progress", [o["type"] for o in page["items"]])
        self.assertIsNone(page["next"])
        again = self.server.get(f"{self.path}?cursor={event.id}").json["items"]
        self.assertTrue(all(o["number"] > event.json["number"] for o in again))
        one = self.server.get(f"{self.path}?limit=1").json
        self.assertEqual(len(one["items"]), 1)
        self.assertIsNotNone(one["next"])


class Clients(Case):
    options = ("--set", "server.streams_max=3", "--set", "server.heartbeat=200ms")

    def open_count(self):
        return self.server.get("/api/v1/stats").json["streams"]

    def test_too_many_and_gone(self):
        streams = [Stream(self.server, ALL) for _ in range(3)]
        with Stream(self.server, ALL) as refused:
            self.assertEqual(refused.status, 429)
            self.assertIn("Retry-After", refused.headers)
        streams[0].close()
        until(lambda: self.open_count() == 2, "the client that went away is noticed")
        with Stream(self.server, ALL) as fits:
            self.assertEqual(fits.status, 200)
        for stream in streams[1:]:
            stream.close()
        until(lambda: self.open_count() == 0, "all streams are closed")

    def test_heartbeats(self):
        with Stream(self.server, ALL) as stream:
            while stream.comments < 2:
                stream.read_chunk()
                if b"\n\n" in stream.text:
                    block, stream.text = stream.text.split(b"\n\n", 1)
                    stream.comments += block.endswith(b":")

    def test_a_slow_reader_costs_nothing(self):
        """A client that does not read for a while gets everything all the same, from the store."""
        self.run_large_sagas()  # what that costs without any client
        begin = self.server.get(f"{ALL}?cursor=now").json["cursor"]
        with Stream(self.server, ALL, last_id=begin, buffer_size=4096) as slow:
            before = memory_of(self.server)
            names = self.run_large_sagas()
            self.assertLess(memory_of(self.server) - before, 100_000_000)
            left, seen = set(names), set()
            while left:
                event = slow.next()
                self.assertNotIn(key(event), seen)
                seen.add(key(event))
                if event.json["type"] == "saga.completed":
                    left.discard(event.json["saga"])

    def run_large_sagas(self):
        payload = "x" * 200_000
        names = [self.start(definition="waiter", input={"text": payload}) for _ in range(200)]
        for name in names:
            self.signal(name)
        for name in names:
            self.server.ended(name)
        return names

    def test_what_is_sensitive_is_masked(self):
        with tempfile.TemporaryDirectory() as folder, \
                Server(folder, "--set", "sensitive=password") as server:
            server.define(WAITER)
            server.start(definition="waiter", id="a", input={"password": "hunter2", "name": "ada"})
            server.post("/api/v1/sagas/a/signals", {"name": "approved", "data": {"password": "hunter2"}})
            server.ended("a")
            with Stream(server, "/api/v1/sagas/a/events") as one, \
                    Stream(server, f"{ALL}?cursor=start") as all_of_them:
                shown = [event.data for event in one.all()]
                shown += [e.data for e in all_of_them.until(
                    lambda e: e.json["type"] == "saga.completed")]
            shown.append(server.get(ALL).body.decode())
            self.assertIn("ada", "".join(shown))
            self.assertIn("***", "".join(shown))
            self.assertNotIn("hunter2", "".join(shown))

    def test_stop_ends_streams(self):
        with tempfile.TemporaryDirectory() as folder, Server(folder) as server:
            with Stream(server, ALL) as stream:
                self.assertEqual(server.stop(), 0)
                self.assertEqual(stream.all(), [])


if __name__ == "__main__":
    unittest.main()
