#!/usr/bin/env python3
"""Every sample saga of examples/, with its real participants: the commands of its own head comment, then
starts that are undone. What stands in the participants' books at the end says whether the saga kept its
word."""
import json
import os
import pathlib
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
import unittest
import urllib.request

from skald_world import GIVE_UP_S, ROOT, SKALD, Server, until

EXAMPLES = ROOT / "examples"
PARTICIPANTS = pathlib.Path(SKALD).parent / "example-participants"


class Process:
    """A participant that prints where it listens, or answers at a port that was given."""

    def __init__(self, *command):
        self.process = subprocess.Popen([str(part) for part in command], stdout=subprocess.PIPE, text=True)
        line = self.process.stdout.readline()
        found = re.search(r"listening on (http://\S+)", line)
        if not found:
            raise AssertionError(f"{command}: {line!r}")
        self.url = found[1]

    def get(self, path):
        with urllib.request.urlopen(self.url + path, timeout=GIVE_UP_S) as reply:
            return json.loads(reply.read())

    def close(self):
        self.process.terminate()
        self.process.wait(GIVE_UP_S)
        self.process.stdout.close()


def commands_of(path):
    """The `skald …` commands in the head comment of a definition, continued lines joined."""
    found, open_quote = [], False
    for line in path.read_text().splitlines():
        if not line.startswith("#"):
            break
        text = line[1:].strip()
        if open_quote:
            found[-1] += " " + text
        elif text.startswith("skald "):
            found.append(text)
        else:
            continue
        open_quote = found[-1].count("'") % 2 == 1
    return [shlex.split(command, comments=True) for command in found]


class Examples(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.mkdtemp(prefix="skald-examples-")
        cls.town = Process(sys.executable, EXAMPLES / "town/town.py", "--listen", "127.0.0.1:0",
                           "--books", f"{cls.folder}/town.db")
        cls.shop = Process(PARTICIPANTS, "--listen", "127.0.0.1:0", "--books", f"{cls.folder}/shop.db")
        cls.server = Server(cls.folder)
        cls.environment = dict(os.environ, TOWN_URL=cls.town.url, PARTICIPANTS_URL=cls.shop.url,
                               SKALD_SERVER=cls.server.url, POLL_INTERVAL="100ms")

    @classmethod
    def tearDownClass(cls):
        cls.server.stop()
        cls.server.__exit__(None, None, None)
        cls.shop.close()
        cls.town.close()
        shutil.rmtree(cls.folder)

    def skald(self, *arguments, code=0):
        done = subprocess.run([SKALD, *arguments], cwd=ROOT, env=self.environment, capture_output=True,
                              text=True, timeout=GIVE_UP_S, stdin=subprocess.DEVNULL)
        self.assertIn(done.returncode, code if isinstance(code, tuple) else (code,),
                      f"skald {' '.join(arguments)}\n{done.stdout}{done.stderr}")
        return done.stdout

    def define(self, *files):
        for file in files:
            self.skald("define", f"examples/{file}.saga.yaml")

    def run_saga(self, definition, data):
        """Starts it and answers with the saga once it has ended."""
        started = self.server.start(definition=definition, input=data)
        self.assertEqual(started.status, 201, started.body)
        return self.server.ended(started.json["id"])

    def expect(self, definition, state, data):
        saga = self.run_saga(definition, data)
        self.assertEqual(saga["state"], state, json.dumps(saga, indent=1))
        return saga

    def paths(self, before=()):
        """The paths of what stands in the town's book and was not there before."""
        return sorted(entry["path"] for entry in self.town.get("/books") if entry["id"] not in before)

    def ids(self):
        return {entry["id"] for entry in self.town.get("/books")}

    # ---- the head comments ---------------------------------------------------------------------

    def test_head_comments(self):
        files = sorted(EXAMPLES.glob("*/*.saga.yaml"))
        self.assertGreaterEqual(len(files), 11)
        for file in sorted(files, key=lambda f: f.name != "stock.saga.yaml"):
            commands = commands_of(file)
            if not commands:
                self.assertIn("child", file.read_text())
                continue
            for command in commands:
                with self.subTest(file=file.name, command=command):
                    # A start that is undone, as some comments show it, ends with 1.
                    self.skald(*command[1:], code=(0, 1) if command[1] == "start" else 0)

    # ---- one by one ----------------------------------------------------------------------------

    def test_payment(self):
        self.define("payment/payment")
        before = self.ids()
        data = {"card": "4242", "amount": 120, "order": "o-1"}
        saga = self.expect("payment", "completed", {**data, "busy": 2})
        self.assertTrue(saga["output"]["capture"].startswith("captures-"))
        self.assertEqual(self.paths(before), ["/authorisations", "/captures", "/fraud-checks", "/receipts"])
        before = self.ids()
        self.expect("payment", "compensated", {**data, "stolen": "fraud"})
        self.expect("payment", "compensated", {**data, "declined": "no_funds"})
        self.assertEqual(self.paths(before), [])

    def test_inventory(self):
        self.define("inventory/inventory")
        before = self.ids()
        articles = [{"sku": f"sku-{n}", "pieces": n} for n in range(1, 6)]
        self.expect("inventory", "completed", {"from": "a", "to": "b", "articles": articles})
        self.assertEqual(self.paths(before), ["/transports"] + 5 * ["/warehouses/a/out"]
                         + 5 * ["/warehouses/b/in"])
        before = self.ids()
        articles[3]["decline"] = "damaged"
        saga = self.expect("inventory", "compensated", {"from": "a", "to": "b", "articles": articles})
        self.assertEqual(saga["error"]["code"], "damaged")
        self.assertEqual(self.paths(before), [])

    def test_user_registration(self):
        self.define("user-registration/user-registration")
        before = self.ids()
        data = {"username": "Ada", "email": " ada@example.com "}
        self.expect("user-registration", "completed", data)
        until(lambda: "/mails" in self.paths(before), "the mail goes out after the end")
        self.assertEqual(self.paths(before), ["/mails", "/profiles", "/users", "/users/checks"])
        user = next(e for e in self.town.get("/books") if e["path"] == "/users" and e["id"] not in before)
        self.assertEqual(user["body"], {"username": "ada", "email": "ada@example.com"})
        before = self.ids()
        self.expect("user-registration", "compensated", {**data, "no_profile": "full"})
        self.assertEqual(self.paths(before), [])

    def test_travel_booking(self):
        self.define("travel-booking/travel-booking")
        data = {"traveller": {"name": "Ada", "email": "ada@example.com"}, "flight": "SK 42",
                "hotel": "Grand", "amount": 900}
        before = self.ids()
        saga = self.expect("travel-booking", "completed", data)
        self.assertIsNone(saga["output"]["car"])
        self.assertEqual(self.paths(before),
                         ["/flights", "/hotels", "/mails", "/payments", "/travellers/checks"])
        before = self.ids()
        saga = self.expect("travel-booking", "completed", {**data, "car": "small", "insurance": True})
        self.assertEqual(self.paths(before), ["/cars", "/flights", "/hotels", "/insurances", "/mails",
                                              "/payments", "/travellers/checks"])
        before = self.ids()
        for trouble in ("unknown_traveller", "full", "no_funds"):
            self.expect("travel-booking", "compensated", {**data, "car": "small", trouble: "refused"})
        self.assertEqual(self.paths(before), [])

    def test_vip_order(self):
        self.define("vip-order/vip-order")
        saga = self.expect("vip-order", "completed", {"customer": "Ada", "level": "VIP", "amount": 200})
        self.assertEqual((saga["output"]["lane"], saga["output"]["total"]), ("fast", 180))
        saga = self.expect("vip-order", "completed", {"customer": "Bob", "level": "new", "amount": 200})
        self.assertEqual((saga["output"]["lane"], saga["output"]["total"]), ("standard", 200))
        before = self.ids()
        self.expect("vip-order", "compensated", {"customer": "Ada", "level": "VIP", "amount": 9,
                                                 "no_funds": "no_funds"})
        self.assertEqual(self.paths(before), [])

    def test_notify_suppliers(self):
        self.define("notify-suppliers/notify-suppliers")
        before = self.ids()
        suppliers = [{"id": f"s{n}"} for n in range(8)]
        suppliers[2]["gone"] = "unknown_supplier"
        saga = self.expect("notify-suppliers", "completed", {"order": "o-1", "suppliers": suppliers})
        self.assertEqual([item["ok"] for item in saga["output"]["sent"]], [n != 2 for n in range(8)])
        self.assertEqual(len(self.paths(before)), 7 + 1)

    def test_supplier_confirmation(self):
        self.define("supplier-confirmation/supplier-confirmation")
        before = self.ids()
        self.expect("supplier-confirmation", "completed", {"booking": "test-1"})
        self.assertEqual(self.paths(before), ["/booking-requests", "/payments"])
        before = self.ids()
        self.expect("supplier-confirmation", "compensated", {"booking": "test-reject"})
        self.assertEqual(self.paths(before), [])

    def test_parent_and_child(self):
        self.define("parent-and-child/stock", "parent-and-child/order")
        before = self.ids()
        saga = self.expect("order-with-stock", "completed", {"goods": ["lamp"]})
        self.assertEqual(self.server.saga(saga["id"] + ".stock")["state"], "completed")
        self.assertEqual(self.paths(before),
                         ["/orders", "/orders/confirmations", "/pickings", "/reservations"])
        before = self.ids()
        saga = self.expect("order-with-stock", "compensated", {"goods": ["lamp"], "missing": "sold_out"})
        self.assertEqual(self.server.saga(saga["id"] + ".stock")["state"], "compensated")
        saga = self.expect("order-with-stock", "compensated", {"goods": ["lamp"], "no_funds": "no_funds"})
        self.assertEqual(self.server.saga(saga["id"] + ".stock")["state"], "compensated")
        self.assertEqual(self.paths(before), [])

    def test_bank_transfer(self):
        self.define("bank-transfer/transfer")
        money = self.money()
        started = [self.server.start(definition="transfer", input={
            "from": f"account00{1 + n % 3}", "to": f"account00{1 + (n + 1) % 3}", "amount": 10}).json["id"]
            for n in range(12)]  # a ring of accounts: without an order of locks they would wait in a circle
        for saga_id in started:
            self.assertEqual(self.server.ended(saga_id)["state"], "completed")
        self.assertEqual(self.money(), money)

    def money(self):
        """Of all accounts together."""
        return sum(row["balance"] for row in self.shop.get("/books")["accounts"].values())


class Languages(unittest.TestCase):
    """The participants of twenty lines: the same answers to the same requests, guarded."""

    DEADLINE = "2099-01-01T00:00:00.000Z"

    def post(self, url, key, body, operation="action", deadline=DEADLINE):
        request = urllib.request.Request(url, json.dumps(body).encode(), {
            "Idempotency-Key": key, "Skald-Operation": operation, "Skald-Deadline": deadline})
        try:
            with urllib.request.urlopen(request, timeout=GIVE_UP_S) as reply:
                return reply.status, json.loads(reply.read())
        except urllib.error.HTTPError as error:
            return error.code, json.loads(error.read())

    def check(self, command, body, bad, is_there):
        folder = tempfile.mkdtemp(prefix="skald-languages-")
        port = free_port()
        process = subprocess.Popen([*command[:-1], str(port), f"{folder}/{command[-1]}"], text=True,
                                   stderr=subprocess.DEVNULL)
        url = f"http://127.0.0.1:{port}/"
        try:
            until(lambda: self.is_up(url), "the participant answers")
            first = self.post(url, "s1/book/action", body)
            self.assertEqual(first[0], 200)
            self.assertEqual(self.post(url, "s1/book/action", body), first)
            self.assertEqual(self.post(url, "s1/book/action", {}, "verify"),
                             (200, {"happened": True, "output": first[1]}))
            self.assertEqual(self.post(url, "s2/book/action", bad)[0], 422)
            late = self.post(url, "s3/book/action", body, deadline="2020-01-01T00:00:00.000Z")
            self.assertEqual(late[0], 408)
            self.assertEqual(self.post(url, "s1/book/compensation", {}, "compensation")[0], 200)
            self.assertEqual(self.post(url, "s1/book/compensation", {}, "compensation")[0], 200)
            self.assertEqual(self.post(url, "s1/book/action", body)[0], 410)
            # A compensation that comes before its action stops it.
            self.assertEqual(self.post(url, "s4/book/compensation", {}, "compensation")[0], 200)
            self.assertEqual(self.post(url, "s4/book/action", body)[0], 410)
            self.assertEqual(self.post(url, "s5/book/action", body)[0], 200)
            self.assertEqual(is_there(folder, url), 1)
        finally:
            process.terminate()
            process.wait(GIVE_UP_S)
            shutil.rmtree(folder)

    def is_up(self, url):
        try:
            self.post(url, "up/up/compensation", {}, "compensation")
            return True
        except OSError:
            return False

    def test_python(self):
        import sqlite3

        def rooms(folder, url):
            return sqlite3.connect(f"{folder}/rooms.db").execute("SELECT count(*) FROM room").fetchone()[0]

        self.check([sys.executable, str(EXAMPLES / "participants-python/participant.py"), "rooms.db"],
                   {"guest": "Ada"}, {"guest": ""}, rooms)

    def test_node(self):
        def cars(folder, url):
            with urllib.request.urlopen(url, timeout=GIVE_UP_S) as reply:
                return len(json.loads(reply.read()))

        self.check(["node", str(EXAMPLES / "participants-node/participant.mjs"), "cars.jsonl"],
                   {"days": 3}, {"days": 0}, cars)

    def test_twenty_lines(self):
        for name in ("participants-python/participant.py", "participants-node/participant.mjs"):
            self.assertLessEqual(len((EXAMPLES / name).read_text().splitlines()), 20, name)


def free_port():
    import socket
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


if __name__ == "__main__":
    unittest.main(verbosity=2)
