"""A guarded participant that books rooms: python3 participant.py PORT BOOKS.db"""
import http.server, json, sys
from guard import Guard
guard = Guard(sys.argv[2])
guard.db.execute("CREATE TABLE IF NOT EXISTS room (id INTEGER PRIMARY KEY, guest TEXT)")
class Rooms(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        guest = json.loads(self.rfile.read(int(self.headers["Content-Length"])) or "{}").get("guest")
        def book():
            if not guest: return 422, {"error": {"code": "no_guest", "message": "who is to stay?"}}
            return 200, {"room": guard.db.execute("INSERT INTO room (guest) VALUES (?)", [guest]).lastrowid}
        def leave(booked):
            guard.db.execute("DELETE FROM room WHERE id = ?", [booked["room"]])
            return 200, {}
        status, answer = guard.answer(self.headers, book, leave)
        self.send_response(status)
        self.end_headers()
        self.wfile.write(json.dumps(answer).encode())
http.server.ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Rooms).serve_forever()
