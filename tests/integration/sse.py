"""A client of Server-Sent Events: reads an endless reply event by event, as a browser would."""
import json
import socket

from skald_world import GIVE_UP_S


class Event:
    def __init__(self, name, event_id, data):
        self.name, self.id, self.data = name, event_id, data

    @property
    def json(self):
        return json.loads(self.data)


class Stream:
    """`with Stream(server, path) as stream: stream.next()`. last_id resumes."""

    def __init__(self, server, path, last_id=None, buffer_size=None):
        self.socket = socket.socket()
        if buffer_size:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, buffer_size)
        self.socket.settimeout(GIVE_UP_S)
        self.socket.connect((server.host, server.port))
        resume = f"Last-Event-ID: {last_id}\r\n" if last_id is not None else ""
        self.socket.sendall(f"GET {path} HTTP/1.1\r\nHost: x\r\nAccept: text/event-stream\r\n"
                            f"{resume}\r\n".encode())
        self.raw, self.text, self.last_id, self.is_over = b"", b"", last_id, False
        self.comments = 0
        head = self.read_until(b"\r\n\r\n")
        self.status = int(head.split()[1])
        self.headers = dict(line.split(": ", 1) for line in head.decode().split("\r\n")[1:] if line)
        self.is_chunked = self.headers.get("Transfer-Encoding") == "chunked"

    def receive(self):
        data = self.socket.recv(65536)
        if not data:
            raise EOFError("the server closed the connection")
        self.raw += data

    def read_until(self, mark):
        while mark not in self.raw:
            self.receive()
        head, self.raw = self.raw.split(mark, 1)
        return head

    def read_chunk(self):
        size = int(self.read_until(b"\r\n"), 16)
        while len(self.raw) < size + 2:
            self.receive()
        chunk, self.raw = self.raw[:size], self.raw[size + 2:]
        if size == 0:
            self.is_over = True
        self.text += chunk

    def next(self):
        """The next event; None once the stream has ended."""
        while True:
            while b"\n\n" not in self.text:
                if self.is_over:
                    return None
                self.read_chunk()
            block, self.text = self.text.split(b"\n\n", 1)
            name, data = "message", []
            for line in block.decode().split("\n"):
                field, _, value = line.partition(":")
                value = value.removeprefix(" ")
                if field == "id":
                    self.last_id = value
                elif field == "event":
                    name = value
                elif field == "data":
                    data.append(value)
                elif field == "":
                    self.comments += 1
            if data:
                return Event(name, self.last_id, "\n".join(data))

    def until(self, is_last):
        """The events up to the first for which is_last(event) is true."""
        events = []
        while True:
            event = self.next()
            if event is None:
                raise EOFError("the stream ended")
            events.append(event)
            if is_last(event):
                return events

    def all(self):
        """What is left, until the end."""
        events = []
        while (event := self.next()) is not None:
            events.append(event)
        return events

    def close(self):
        self.socket.close()

    def __enter__(self):
        return self

    def __exit__(self, *unused):
        self.close()
