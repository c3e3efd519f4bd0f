#!/usr/bin/env python3
"""town.py: every service that the sample sagas need, in one process with one book.

    python3 town.py [--listen HOST:PORT] [--books FILE]

Any POST is one entry in the book, guarded (../participants-python/guard.py): the action writes it and answers
{"id": "<last word of the path>-<n>", ...}, the compensation strikes it out. The body may ask for trouble:
"decline": "code" is a clear no, "busy": N answers 503 to the first N requests of this entry. What is special:

    POST /confirmations/ID   a poll: {"status": "pending"} twice, then "confirmed" (or "rejected" for an id
                             that contains "reject"); writes nothing
    POST /prices             answers {"total": ...} for {"amount": ..., "percent_off": ...}; writes nothing
    GET  /books              what stands: [{"path", "id", "body"}...], in order
"""
import argparse
import http.server
import json
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "participants-python"))
from guard import Guard  # noqa: E402

POLLS_UNTIL_READY = 3


class Town:
    def __init__(self, books):
        self.guard = Guard(books)
        self.db = self.guard.db
        self.db.execute("CREATE TABLE IF NOT EXISTS entry (id INTEGER PRIMARY KEY, path TEXT, body TEXT)")
        self.busy, self.polls = {}, {}

    def standing(self):
        with self.guard.lock:
            rows = self.db.execute("SELECT id, path, body FROM entry ORDER BY id").fetchall()
        return [{"path": path, "id": name(path, number), "body": json.loads(body)}
                for number, path, body in rows]

    def post(self, path, headers, body):
        if path.startswith("/confirmations/"):
            return 200, {"status": self.confirmation(path)}
        if path == "/prices":
            return 200, {"total": round(body["amount"] * (100 - float(body.get("percent_off", 0))) / 100, 2)}
        key = headers["Idempotency-Key"]
        if headers.get("Skald-Operation") == "action" and self.is_busy(key, body):
            return 503, {"error": {"code": "service_unavailable", "message": "busy; try again"}}
        return self.guard.answer(headers, lambda: self.write(path, body), self.strike)

    def is_busy(self, key, body):
        left = self.busy.setdefault(key, int(body.get("busy") or 0))
        self.busy[key] = left - 1
        return left > 0

    def write(self, path, body):
        if body.get("decline"):
            return 422, {"error": {"code": body["decline"], "message": "declined as asked"}}
        number = self.db.execute("INSERT INTO entry (path, body) VALUES (?, ?)",
                                 (path, json.dumps(body))).lastrowid
        return 200, {"id": name(path, number), "entry": number}

    def strike(self, output):
        self.db.execute("DELETE FROM entry WHERE id = ?", (output["entry"],))
        return 200, {}

    def confirmation(self, path):
        self.polls[path] = self.polls.get(path, 0) + 1
        if self.polls[path] < POLLS_UNTIL_READY:
            return "pending"
        return "rejected" if "reject" in path else "confirmed"


def name(path, number):
    return f"{path.rstrip('/').rsplit('/', 1)[-1]}-{number}"


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        self.send(200, self.server.town.standing() if self.path == "/books" else {"status": "ok"})

    def do_POST(self):
        text = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        try:
            body = json.loads(text or "{}")
        except ValueError:
            body = None
        if not isinstance(body, dict) or "Idempotency-Key" not in self.headers:
            self.send(400, {"error": {"code": "validation", "message": "a JSON object and a key, please"}})
        else:
            self.send(*self.server.town.post(self.path, self.headers, body))

    def send(self, status, answer):
        data = json.dumps(answer).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        if status == 503:
            self.send_header("Retry-After", "0")
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *arguments):
        pass


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128


def main():
    parser = argparse.ArgumentParser(description="The services of the sample sagas.",
                                     epilog="example: python3 town.py --listen 127.0.0.1:8091 --books town.db")
    parser.add_argument("--listen", default="127.0.0.1:8091", help="HOST:PORT; port 0 = any free one")
    parser.add_argument("--books", default="town.db", help="the SQLite file of the book")
    arguments = parser.parse_args()
    host, _, port = arguments.listen.rpartition(":")
    server = Server((host, int(port)), Handler)
    server.town = Town(arguments.books)
    print(f"town listening on http://{host}:{server.server_address[1]}", flush=True)
    try:
        server.serve_forever()
    except KeyboardInterrupt:
        pass


main()
