#!/usr/bin/env python3
"""A TCP proxy that misbehaves: python3 proxy.py --target HOST:PORT [--seed N] [--faults reset=0.1,...]

Every connection draws its fate when it comes, from the shares that are in force then; what is left of 1
is a connection that only passes bytes on. Orders come as JSON, a line each, on the standard input:

  {"faults": {"delay": 0.2}}     the shares from now on; {} is calm
  {"target": "127.0.0.1:4711"}   where new connections go
  {"refuse": true}               connections are refused by the system until {"refuse": false}
  {"drop": true}                 all connections are reset now
  {"count": true}                prints how many connections met which fate, as a line of JSON

  delay      each piece waits a while, in both directions
  dribble    a few bytes at a time
  lose       after some bytes of one direction nothing of it arrives any more
  half-up    after some bytes the participant is told that no more comes, its answers still pass
  half-down  the same towards the caller
  reset      after some bytes both sides get a reset
  cut        after some bytes both sides are closed
  deaf       accepted, and then nothing
  hold       what the caller sends arrives much later, also when the caller has long gone
  replay     each whole request is sent once more, later, on a connection of its own, with a header
             X-Replayed: no engine can know of it

What this does not do: TLS, or HTTP beyond finding the end of a request for `replay`.
"""
import argparse
import asyncio
import collections
import json
import random
import socket
import struct
import sys

FATES = ("delay", "dribble", "lose", "half-up", "half-down", "reset", "cut", "deaf", "hold", "replay")
PIECE_MAX = 65536
DELAY_S = (0.01, 0.25)
HOLD_S_MIN = 0.3
BYTES_BEFORE = (0, 1500)
ABORT = struct.pack("ii", 1, 0)  # linger for 0 s: close() sends a reset


def abort(writer):
    try:
        writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, ABORT)
    except OSError:
        pass  # it is closed already
    writer.transport.abort()


def address(text):
    host, _, port = text.rpartition(":")
    return host, int(port)


class Gone(Exception):
    """This connection has met its end."""


class Requests:
    """Cuts a stream of bytes into whole requests."""

    def __init__(self):
        self.data = b""

    def feed(self, piece):
        self.data += piece
        while True:
            head, blank, rest = self.data.partition(b"\r\n\r\n")
            if not blank:
                return
            size = 0
            for line in head.split(b"\r\n"):
                name, _, value = line.partition(b":")
                if name.lower() == b"content-length":
                    size = int(value)
            if len(rest) < size:
                return
            whole = len(head) + 4 + size
            yield self.data[:whole]
            self.data = self.data[whole:]


class Proxy:
    def __init__(self, target, seed, faults, hold_s_max):
        self.target, self.faults, self.hold_s_max = target, faults, hold_s_max
        self.chance = random.Random(seed)
        self.counts = collections.Counter()
        self.writers = set()
        self.listener, self.port, self.holder, self.tasks = None, 0, None, set()

    # ---- listening -------------------------------------------------------------------------------

    def bound(self):
        """A second socket keeps the port while nobody listens."""
        made = socket.socket()
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        made.bind(("127.0.0.1", self.port))
        self.port = made.getsockname()[1]
        return made

    async def listen(self):
        if self.holder is None:
            self.holder = self.bound()
        self.listener = await asyncio.start_server(self.serve, sock=self.bound(), backlog=512)

    async def refuse(self, is_wanted):
        if is_wanted and self.listener is not None:
            self.listener.close()
            self.listener = None
            self.counts["refuse"] += 1
        elif not is_wanted and self.listener is None:
            await self.listen()

    def drop(self):
        self.counts["drop"] += len(self.writers)
        for writer in list(self.writers):
            abort(writer)

    # ---- one connection --------------------------------------------------------------------------

    def draw(self):
        drawn = self.chance.random()
        for fate in FATES:
            drawn -= self.faults.get(fate, 0)
            if drawn < 0:
                return fate
        return "pass"

    async def serve(self, reader, writer):
        fate = self.draw()
        self.counts[fate] += 1
        self.writers.add(writer)
        back = None
        try:
            if fate == "deaf":
                while await reader.read(PIECE_MAX):
                    pass
                return
            there, back = await asyncio.open_connection(*self.target)
            self.writers.add(back)
            bytes_left = self.chance.randint(*BYTES_BEFORE)
            is_up = self.chance.random() < 0.5
            up = Way(self, fate, reader, back, writer, True, is_up, bytes_left)
            down = Way(self, fate, there, writer, back, False, not is_up, bytes_left)
            await asyncio.gather(up.run(), down.run())
        except (OSError, Gone, asyncio.IncompleteReadError):
            pass
        finally:
            for one in filter(None, (writer, back)):
                self.writers.discard(one)
                one.close()

    async def hold(self):
        await asyncio.sleep(self.chance.uniform(HOLD_S_MIN, self.hold_s_max))

    async def again(self, request):
        """The same request once more, as a confused network would."""
        await self.hold()
        writer = None
        try:
            reader, writer = await asyncio.open_connection(*self.target)
            line, _, rest = request.partition(b"\r\n")
            writer.write(line + b"\r\nX-Replayed: yes\r\n" + rest)
            await asyncio.wait_for(reader.read(PIECE_MAX), 10)
            self.counts["replayed"] += 1
        except (OSError, asyncio.TimeoutError):
            pass
        finally:
            if writer is not None:
                writer.close()

    def later(self, work):
        task = asyncio.create_task(work)
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)


class Way:
    """One direction of one connection. `is_chosen`: it is the one in which bytes are counted."""

    def __init__(self, proxy, fate, reader, writer, other, is_up, is_chosen, bytes_left):
        self.proxy, self.fate, self.chance = proxy, fate, proxy.chance
        self.reader, self.writer, self.other = reader, writer, other
        self.is_up, self.is_chosen, self.bytes_left = is_up, is_chosen, bytes_left
        self.requests = Requests()

    async def run(self):
        try:
            while piece := await self.reader.read(PIECE_MAX):
                await self.forward(piece)
        except ConnectionResetError:
            if not (self.fate == "hold" and self.is_up):
                abort(self.writer)
            raise
        if self.writer.can_write_eof() and not self.writer.is_closing():
            self.writer.write_eof()

    async def forward(self, piece):
        if self.fate == "delay":
            await asyncio.sleep(self.chance.uniform(*DELAY_S))
        if self.fate == "hold" and self.is_up:
            await self.proxy.hold()
        if self.fate == "dribble":
            await self.dribble(piece)
            return
        if self.fate == "replay" and self.is_up:
            for request in self.requests.feed(piece):
                self.proxy.later(self.proxy.again(request))
        if self.is_last(piece):
            await self.send(piece[:self.bytes_left])
            await self.end()
            return
        self.bytes_left -= len(piece) if self.is_side() else 0
        await self.send(piece)

    def is_side(self):
        """Is this the direction that the fate is about?"""
        return {"half-up": self.is_up, "half-down": not self.is_up}.get(self.fate, self.is_chosen)

    def is_last(self, piece):
        return self.is_side() and self.fate in ("lose", "half-up", "half-down", "reset", "cut") \
            and len(piece) >= self.bytes_left

    async def send(self, piece):
        if piece:
            self.writer.write(piece)
            await self.writer.drain()

    async def dribble(self, piece):
        while piece:
            size = self.chance.randint(1, 1 + len(piece) // 3)
            await self.send(piece[:size])
            piece = piece[size:]
            await asyncio.sleep(self.chance.uniform(0.001, 0.02))

    async def end(self):
        if self.fate == "reset":
            abort(self.writer)
            abort(self.other)
            raise Gone
        if self.fate == "cut":
            self.writer.close()
            self.other.close()
            raise Gone
        if self.fate.startswith("half"):
            self.writer.write_eof()
        while await self.reader.read(PIECE_MAX):
            pass  # lost


# ---- the program -----------------------------------------------------------------------------------


async def obey(proxy, order):
    if "faults" in order:
        unknown = set(order["faults"]) - set(FATES)
        if unknown:
            sys.exit(f"proxy: no such fate: {sorted(unknown)}")
        proxy.faults = order["faults"]
    if "target" in order:
        proxy.target = address(order["target"])
    if "refuse" in order:
        await proxy.refuse(order["refuse"])
    if order.get("drop"):
        proxy.drop()
    if order.get("count"):
        print(json.dumps(proxy.counts), flush=True)


async def run(options):
    faults = dict((name, float(share)) for name, _, share in
                  (part.partition("=") for part in options.faults.split(",") if part))
    proxy = Proxy(address(options.target), options.seed, faults, options.hold)
    await proxy.listen()
    print(f"listening on http://127.0.0.1:{proxy.port}", flush=True)
    orders = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(orders), sys.stdin)
    while line := await orders.readline():
        await obey(proxy, json.loads(line))
    await asyncio.Event().wait()  # nobody gives orders: as it is


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--target", required=True)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--faults", default="")
    parser.add_argument("--hold", type=float, default=6.0, help="longest hold or pause of a replay, in s")
    asyncio.run(run(parser.parse_args()))


main()
