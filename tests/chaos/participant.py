#!/usr/bin/env python3
"""A participant with durable books, for the chaos tests: python3 participant.py --books FILE [--guarded]

It answers any path. Every request that it understood is a line of its books (SQLite, one row), and the
row *is* the effect: it is there or not, whatever kills this process. `tests/chaos/audit` reads them.

  --guarded   one effect per key, none after its deadline or its undo, the first answer again
              (the rules of examples/guard.sql in other words); without it every request acts
  --temper    the share of each mood, `no=0.05,slow=0.1`; the chance comes from --seed
  --server    where pending answers are completed; kept in the books and repeated until it answers

Moods of an action: `no` (a clear no), `busy` (503 before acting), `lost` (acts, then closes without a
word), `error` (acts, then 500), `slow` (acts after a pause), `late` (answers after a pause), `pending`
(202, completed later), `deaf` (nothing happens and nobody answers). Compensations know busy, lost,
error, slow and late; a body with `"keeps": true` refuses to be undone with 409. `"says"` in the body
of an action is a clear `no`, or a `yes` that is none of no, pending and deaf.

What this does not do: any business. The columns of the books are its interface.
"""
import argparse
import asyncio
import datetime
import hashlib
import json
import random
import re
import sqlite3
import time

TABLES = """
CREATE TABLE IF NOT EXISTS line (
    no INTEGER PRIMARY KEY, at_ms INTEGER NOT NULL, is_guarded INTEGER NOT NULL,
    is_replay INTEGER NOT NULL,
    saga TEXT NOT NULL, step TEXT NOT NULL, key TEXT NOT NULL, operation TEXT NOT NULL,
    attempt INTEGER NOT NULL, deadline_ms INTEGER NOT NULL, path TEXT NOT NULL, digest TEXT NOT NULL,
    body TEXT NOT NULL, decision TEXT NOT NULL, status INTEGER NOT NULL, answer TEXT NOT NULL);
CREATE INDEX IF NOT EXISTS line_key ON line (key, operation);
CREATE TABLE IF NOT EXISTS pending (
    token TEXT PRIMARY KEY, saga TEXT NOT NULL, step TEXT NOT NULL, body TEXT NOT NULL);
"""
KEY = re.compile(r"(?P<base>.+)/(action|compensation)(/r(?P<round>\d+))?")
ACTION_MOODS = ("no", "busy", "lost", "error", "slow", "late", "pending", "deaf")
UNDO_MOODS = ("busy", "lost", "error", "slow", "late")
PAUSE_S = (0.02, 0.4)
COMPLETE_EVERY_S = 0.2
OUTPUT = {"done": True}


def instant_ms(text):
    if not text:
        return 0
    return round(datetime.datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp() * 1000)


class Request:
    """What one request asks for; None of its fields is trusted by the audit, only compared."""

    def __init__(self, path, headers, body):
        self.path, self.body = path, body
        self.key = headers["idempotency-key"]
        self.operation = headers["skald-operation"]
        self.saga, self.step = headers["skald-saga-id"], headers["skald-step-id"]
        self.attempt = int(headers.get("skald-attempt", "0"))
        self.deadline_ms = instant_ms(headers.get("skald-deadline"))
        self.is_replay = "x-replayed" in headers  # our proxy says so, to be fair to the engine
        self.token = headers.get("skald-token", "")
        match = KEY.fullmatch(self.key)
        self.base = match["base"]
        self.digest = hashlib.sha256(f"{path}\n".encode() + body).hexdigest()

    def data(self):
        try:
            data = json.loads(self.body)
        except ValueError:
            return {}
        return data if isinstance(data, dict) else {}


class Books:
    def __init__(self, path, is_guarded):
        self.db = sqlite3.connect(path, isolation_level=None)
        # A killed process loses nothing of this; only a power cut would.
        self.db.executescript("PRAGMA journal_mode=WAL; PRAGMA synchronous=OFF;" + TABLES)
        self.is_guarded = is_guarded

    def write(self, request, decision, status, answer):
        self.db.execute(
            "INSERT INTO line (at_ms, is_guarded, is_replay, saga, step, key, operation, attempt, deadline_ms, path,"
            " digest, body, decision, status, answer) VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)",
            (round(time.time() * 1000), self.is_guarded, request.is_replay, request.saga, request.step, request.key,
             request.operation, request.attempt, request.deadline_ms, request.path, request.digest,
             request.body.decode("utf-8", "replace")[:4000], decision, status, json.dumps(answer)))
        return status, answer

    def find(self, base, *decisions):
        """The first line of any round of this thing with one of these decisions."""
        marks = ",".join("?" * len(decisions))
        return self.db.execute(
            f"SELECT status, answer FROM line WHERE key >= ? AND key < ? AND decision IN ({marks})"
            " ORDER BY no LIMIT 1", (base + "/", base + "0", *decisions)).fetchone()

    def answered(self, key, decisions):
        marks = ",".join("?" * len(decisions))
        row = self.db.execute(f"SELECT status, answer FROM line WHERE key = ? AND decision IN ({marks})"
                              " ORDER BY no LIMIT 1", (key, *decisions)).fetchone()
        return row and (row[0], json.loads(row[1]))


class Participant:
    def __init__(self, options):
        self.books = Books(options.books, options.guarded)
        self.is_guarded = options.guarded
        self.chance = random.Random(options.seed)
        self.server = options.server
        self.temper = {}
        for part in filter(None, options.temper.split(",")):
            name, _, share = part.partition("=")
            self.temper[name] = float(share)

    def mood(self, request):
        says, drawn = request.data().get("says"), self.chance.random()
        if says == "no":
            return "no"
        known = ACTION_MOODS if request.operation == "action" else UNDO_MOODS
        if says == "yes":
            known = UNDO_MOODS
        for name in known:
            drawn -= self.temper.get(name, 0)
            if drawn < 0:
                return name
        return "well"

    # ---- what is decided; each ends with one line of the books -----------------------------------

    def verify(self, request):
        done = self.books.find(request.base, "applied")
        return self.books.write(request, "looked", 200, {"happened": done is not None, "output": OUTPUT})

    def act(self, request, mood):
        if self.is_guarded:
            if self.books.find(request.base, "undone", "nothing", "kept"):
                return self.books.write(request, "refused", 410, {"error": {"code": "undone"}})
            first = self.books.answered(request.key, ("applied", "declined"))
            if first:
                return self.books.write(request, "repeated", *first)
            if request.deadline_ms and time.time() * 1000 > request.deadline_ms:
                return self.books.write(request, "too-late", 408, {"error": {"code": "too_late"}})
        if mood == "no":
            return self.books.write(request, "declined", 422, {"error": {"code": "declined"}})
        if mood != "pending" or not request.token:
            return self.books.write(request, "applied", 200, OUTPUT)
        self.books.db.execute("BEGIN IMMEDIATE")
        answer = self.books.write(request, "applied", 202, OUTPUT)
        self.books.db.execute("INSERT OR REPLACE INTO pending VALUES (?,?,?,?)",
                              (request.token, request.saga, request.step,
                               json.dumps({"token": request.token, "outcome": "succeeded",
                                           "output": OUTPUT})))
        self.books.db.execute("COMMIT")
        return answer

    def undo(self, request):
        if self.is_guarded:
            first = self.books.answered(request.key, ("undone", "nothing", "kept"))
            if first:
                return self.books.write(request, "repeated", *first)
        if request.data().get("keeps"):
            return self.books.write(request, "kept", 409, {"error": {"code": "keeps"}})
        done = self.books.find(request.base, "applied")
        return self.books.write(request, "undone" if done else "nothing", 200, {})

    async def answer(self, request):
        """(status, answer), or None: hang up without a word."""
        if request.operation == "verify":
            return self.verify(request)
        is_action = request.operation == "action"
        mood = self.mood(request)
        if mood == "busy":
            return self.books.write(request, "busy", 503, {})
        if mood == "deaf":
            self.books.write(request, "deaf", 0, {})
            await asyncio.sleep(60)
            return None
        if mood == "slow":
            await asyncio.sleep(self.chance.uniform(*PAUSE_S))
        answer = self.act(request, mood) if is_action else self.undo(request)
        if mood == "late":
            await asyncio.sleep(self.chance.uniform(*PAUSE_S))
        if mood == "lost":
            return None
        return (500, {}) if mood == "error" else answer

    # ---- the wire --------------------------------------------------------------------------------

    async def serve(self, reader, writer):
        try:
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
                headers = {}
                for line in filter(None, head[1:]):
                    name, _, value = line.partition(":")
                    headers[name.strip().lower()] = value.strip()
                body = await reader.readexactly(int(headers.get("content-length", "0")))
                answer = await self.answer(Request(head[0].split(" ")[1], headers, body))
                if answer is None:
                    break
                writer.write(render(*answer))
                await writer.drain()
        except (OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError, KeyError):
            pass
        finally:
            writer.close()

    async def complete(self):
        """Pending answers, repeated until somebody says something final. They survive a kill."""
        while True:
            await asyncio.sleep(COMPLETE_EVERY_S * self.chance.uniform(0.5, 1.5))
            for token, saga, step, body in self.books.db.execute(
                    "SELECT token, saga, step, body FROM pending LIMIT 50").fetchall():
                status = await post(self.server, f"/api/v1/sagas/{saga}/steps/{step}/complete", body)
                if status in (200, 202, 404, 409, 410):
                    self.books.db.execute("DELETE FROM pending WHERE token = ?", (token,))


def render(status, answer):
    body = json.dumps(answer).encode()
    extra = "Skald-Pending: true\r\n" if status == 202 else ""
    extra += "Retry-After: 1\r\n" if status == 503 else ""
    return (f"HTTP/1.1 {status} Said\r\nContent-Type: application/json\r\n{extra}"
            f"Content-Length: {len(body)}\r\n\r\n").encode() + body


async def post(server, path, body):
    """The status, 0 when nobody answers."""
    host, _, port = server.rpartition(":")
    writer = None
    try:
        reader, writer = await asyncio.wait_for(asyncio.open_connection(host, int(port)), 5)
        writer.write((f"POST {path} HTTP/1.1\r\nHost: {server}\r\nContent-Type: application/json\r\n"
                      f"Connection: close\r\nContent-Length: {len(body)}\r\n\r\n{body}").encode())
        line = await asyncio.wait_for(reader.readline(), 10)
        return int(line.split()[1])
    except (OSError, asyncio.TimeoutError, ValueError, IndexError):
        return 0
    finally:
        if writer is not None:
            writer.close()


async def run(options):
    participant = Participant(options)
    server = await asyncio.start_server(participant.serve, "127.0.0.1", options.port, backlog=512)
    print(f"listening on http://127.0.0.1:{server.sockets[0].getsockname()[1]}", flush=True)
    if options.server:
        task = asyncio.create_task(participant.complete())
        task.add_done_callback(lambda done: done.result())
    await server.serve_forever()


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--books", required=True)
    parser.add_argument("--guarded", action="store_true")
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--temper", default="")
    parser.add_argument("--server", default="")
    asyncio.run(run(parser.parse_args()))


main()
