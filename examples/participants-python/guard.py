"""guard.py: what makes a participant safe to call again: one table, the rules of ../guard.sql.

The same key gets the same answer; an action is refused after its compensation and after its deadline.
The work and its row stand in one transaction, so they happen together or not at all.
"""
import datetime
import json
import re
import sqlite3
import threading

TABLE = """CREATE TABLE IF NOT EXISTS skald_guard (
    key TEXT NOT NULL, operation TEXT NOT NULL, round INTEGER NOT NULL, status INTEGER, body TEXT,
    at TEXT NOT NULL DEFAULT CURRENT_TIMESTAMP, PRIMARY KEY (key, operation, round)) WITHOUT ROWID"""
KEY = re.compile(r"(?P<key>.+)/(?P<operation>action|compensation)(/r(?P<round>\d+))?")


class Guard:
    def __init__(self, path):
        self.db = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        self.db.execute("PRAGMA journal_mode=WAL")
        self.db.execute(TABLE)
        self.lock = threading.Lock()

    def answer(self, headers, act, undo):
        """(status, answer) of this request. act() does the work and returns (status, answer); undo(output)
        takes it back, output is what act answered. Both use self.db and nothing else."""
        with self.lock:
            self.db.execute("BEGIN IMMEDIATE")
            try:
                status, answer = self._decide(headers, act, undo)
                # An answer that asks for another try leaves no trace.
                self.db.execute("ROLLBACK" if status in (408, 409, 425, 429) or status >= 500 else "COMMIT")
                return status, answer
            except BaseException:
                self.db.execute("ROLLBACK")
                raise

    def _decide(self, headers, act, undo):
        match = KEY.fullmatch(headers["Idempotency-Key"])
        key, operation, number = match["key"], match["operation"], int(match["round"] or 1)
        if headers.get("Skald-Operation") == "verify":
            done = self._done(key)
            return 200, {"happened": done is not None, "output": done}
        seen = self._row("WHERE key = ? AND operation = ? AND round = ? AND status IS NOT NULL",
                         key, operation, number)
        if operation == "action" and self._row("WHERE key = ? AND operation = 'compensation'", key):
            return 410, {"error": {"code": "undone", "message": "this was undone before"}}
        if seen:
            return seen[0], json.loads(seen[1])
        if operation == "action" and is_past(headers.get("Skald-Deadline")):
            return 408, {"error": {"code": "too_late", "message": "the deadline has passed"}}
        if operation == "action":
            status, answer = act()
        else:
            done = self._done(key)  # nothing there: the row alone stops an action that comes later
            status, answer = undo(done) if done is not None else (200, {})
        self.db.execute("INSERT INTO skald_guard (key, operation, round, status, body) VALUES (?,?,?,?,?)",
                        (key, operation, number, status, json.dumps(answer)))
        return status, answer

    def _row(self, where, *values):
        return self.db.execute(f"SELECT status, body FROM skald_guard {where}", values).fetchone()

    def _done(self, key):
        row = self._row("WHERE key = ? AND operation = 'action' AND status BETWEEN 200 AND 299", key)
        return json.loads(row[1]) if row else None


def is_past(deadline):
    if not deadline:
        return False
    now = datetime.datetime.now(datetime.timezone.utc)
    return datetime.datetime.fromisoformat(deadline.replace("Z", "+00:00")) < now
