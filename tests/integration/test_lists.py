#!/usr/bin/env python3
"""Lists of sagas: every filter, order and way to page, over HTTP and on the command line."""
import json
import tempfile
import unittest
import urllib.parse

from skald_world import Server, run

WAITER = """
saga: {{ id: {name}, name: {name}, version: '{version}', description: waits for a signal }}
steps:
  - {{ id: approval, name: approval, type: wait, wait: {{ signal: approved, timeout: 1h }} }}
"""


class Lists(unittest.TestCase):
    """Ten sagas: even ones have ended, by signal; 0 was cancelled."""

    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory()
        cls.server = server = Server(cls.folder.name)
        for name, version in (("waiter", "1"), ("waiter", "2"), ("other", "1")):
            assert server.define(WAITER.format(name=name, version=version)).status == 201
        for i in range(10):
            reply = server.start(
                definition="other" if i == 9 else "waiter", version="1" if i in (3, 9) else "2",
                id=f"s{i}", tags=["all", f"mod{i % 3}"], attributes={"n": i, "half": i // 5},
                business_key=f"k{i % 2}", **({"namespace": "shop"} if i > 6 else {}))
            assert reply.status == 201, reply.body
        assert server.command("s0", "cancel").status == 200
        for i in (8, 6, 4, 2):
            assert server.post(f"/api/v1/sagas/s{i}/signals", {"name": "approved", "id": "1"}).status == 200
        for i in (0, 2, 4, 6, 8):
            server.ended(f"s{i}")

    @classmethod
    def tearDownClass(cls):
        cls.server.__exit__(None, None, None)
        cls.folder.cleanup()

    def ask(self, **query):
        pairs = [(k, v) for k, values in query.items()
                 for v in (values if isinstance(values, list) else [values])]
        return self.server.get("/api/v1/sagas?" + urllib.parse.urlencode(pairs))

    def ids(self, **query):
        reply = self.ask(**query)
        self.assertEqual(reply.status, 200, reply.body)
        return [saga["id"][1:] for saga in reply.json["items"]]

    def found(self, **query):
        return "".join(sorted(self.ids(**query)))

    def test_filters(self):
        self.assertEqual(self.found(state="running,cancelled"), "013579")
        self.assertEqual(self.found(state="completed"), "2468")
        self.assertEqual(self.found(definition="waiter"), "012345678")
        self.assertEqual(self.found(definition="waiter", version="1"), "3")
        self.assertEqual(self.found(business_key="k1", state="running"), "13579")
        self.assertEqual(self.found(namespace="shop"), "789")
        self.assertEqual(self.found(reason="cancel"), "0")
        self.assertEqual(self.found(reason="step,timeout"), "")
        self.assertEqual(self.found(tag=["all", "mod1"]), "147")
        self.assertEqual(self.found(tag=["all", "mod1"], attribute="half:1"), "7")
        self.assertEqual(self.found(attribute=["half:0", "n:4"]), "4")
        self.assertEqual(self.found(parent="s1"), "")
        self.assertEqual(self.found(residue="true"), "")

    def test_words_of_other_systems(self):
        self.assertEqual(self.found(state="rte:EXECUTING"), "13579")
        self.assertEqual(self.found(state="swit:StepCompleted,rte:CANCELLED"), "013579")
        self.assertEqual(self.found(state="rte:FAILED"), "")
        self.assertEqual(self.found(state="COMPLETED"), "2468")
        self.assertEqual(self.ask(state="rte:LOKED").status, 400)

    def test_times(self):
        created = {i: self.server.saga(f"s{i}")["created_at"] for i in range(10)}
        updated = {i: self.server.saga(f"s{i}")["updated_at"] for i in range(10)}
        fits = sorted(str(i) for i in created if created[i] >= created[5])
        self.assertEqual(self.found(created_from=created[5]), "".join(fits))
        fits = sorted(str(i) for i in created if created[i] < created[5])
        self.assertEqual(self.found(created_to=created[5]), "".join(fits))
        fits = sorted(str(i) for i in updated if updated[i] >= updated[4])
        self.assertEqual(self.found(updated_from=updated[4]), "".join(fits))
        self.assertEqual(self.found(ended_from="1h"), "02468")
        self.assertEqual(self.found(ended_to="1h"), "")
        self.assertEqual(self.ask(created_from="yesterday").status, 400)

    def test_orders(self):
        sagas = [self.server.saga(f"s{i}") for i in range(10)]
        for sort, member in (("created", "created_at"), ("updated", "updated_at"),
                             ("ended", "ended_at")):
            wanted = [s["id"][1:] for s in sorted((s for s in sagas if s[member]),
                                                  key=lambda s: (s[member], s["id"]))]
            self.assertEqual(self.ids(sort=sort, order="asc"), wanted)
            self.assertEqual(self.ids(sort=sort, order="desc"), wanted[::-1])
            self.assertEqual(self.pages(sort=sort, order="asc"), wanted)
            self.assertEqual(self.pages(sort=sort), wanted[::-1])
        self.assertEqual(self.ids(), self.ids(sort="created", order="desc"))
        for query in ({"sort": "size"}, {"order": "up"}):
            self.assertEqual(self.ask(**query).status, 400)

    def pages(self, **query):
        found, cursor = [], None
        while True:
            reply = self.ask(limit=3, **query, **({"cursor": cursor} if cursor else {})).json
            found += [saga["id"][1:] for saga in reply["items"]]
            self.assertNotIn("total", reply)
            cursor = reply["next"]
            if cursor is None:
                return found
            self.assertEqual(len(reply["items"]), 3)

    def test_cursor_of_another_order(self):
        cursor = self.ask(limit=1).json["next"]
        reply = self.ask(limit=1, cursor=cursor, sort="updated")
        self.assertEqual(reply.status, 400)
        self.assertIn("another order", reply.json["detail"])

    def test_pages_with_total(self):
        every = self.ids()
        for page in (1, 2, 3, 4):
            reply = self.ask(page=page, page_size=4).json
            self.assertEqual([s["id"][1:] for s in reply["items"]], every[4 * page - 4:4 * page])
            self.assertEqual((reply["total"], reply["page"], reply["page_size"]), (10, page, 4))
        self.assertEqual(self.ask(state="completed", total="true").json["total"], 4)
        self.assertEqual(self.ask(page=2, cursor="x").status, 400)

    def test_definitions_by_cursor(self):
        found, path = [], "/api/v1/definitions?limit=1"
        cursor = ""
        while cursor is not None:
            page = self.server.get(path + (f"&cursor={cursor}" if cursor else "")).json
            found += [(d["id"], d["version"]) for d in page["items"]]
            cursor = page["next"]
        self.assertEqual(found, [("other", "1"), ("waiter", "1"), ("waiter", "2")])
        self.assertEqual(self.server.get(path + "&cursor=x").status, 400)

    def test_command_line(self):
        def cli(*options):
            done = run("list", "--json", *options, server=self.server)
            self.assertEqual(done.returncode, 0, done.stderr)
            return "".join(s["id"][1:] for s in json.loads(done.stdout)["items"])
        self.assertEqual(cli("--tag", "all", "--tag", "mod1", "--attribute", "half:0", "--asc"), "14")
        self.assertEqual(cli("--sort", "ended", "--asc", "--state", "completed"),
                         "".join(self.ids(sort="ended", order="asc", state="completed")))
        self.assertEqual(cli("--definition", "waiter", "--version", "1"), "3")
        self.assertEqual(cli("--reason", "cancel", "--ended-from", "1h", "--created-to", "1h"), "")
        self.assertEqual(cli("--page", "2", "--limit", "4"), "".join(self.ids()[4:8]))
        done = run("list", "--page", "1", "--limit", "2", server=self.server)
        self.assertIn("total: 10", done.stderr)
        self.assertEqual(run("list", "--sort", "size", server=self.server).returncode, 2)


if __name__ == "__main__":
    unittest.main()
