#!/usr/bin/env python3
"""The docs' own text, run: every ```sh block of README, the tutorial and the samples' page, in order, in an
empty folder, as a reader would type it. What the text says comes out must come out.

In a page:
    <!-- file: NAME -->     the next block is written to NAME
    <!-- output -->         the next block is what the last ```sh block printed; … stands for anything, and
                            times, durations and ids drawn by the server are not compared
    <!-- not run: WHY -->   the next block is not run
A block of the shell that fails (the exit code of its last command) fails the page. Everything listens on
free ports: what the text calls 8080, 8090 and 8091 is another number here. What a page starts in the
background is ready when its block is over.
"""
import os
import pathlib
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import unittest
import urllib.request

from skald_world import ROOT, SKALD

PAGES = ["README.md", "examples/README.md", *sorted(str(p.relative_to(ROOT))
                                                    for p in (ROOT / "docs/tutorial").glob("*.md"))]
BLOCK_S = 120
FENCE = re.compile(r"^```(\w*)\s*$")
MARK = re.compile(r"^<!-- (file|output|not run)(?:: *(.*?))? *-->$")

# Lines that only a terminal of a person would have.
PROLOGUE = """
set -u
skald() {
    case "${1:-}" in # always in the background: $! is the server itself
    serve) exec "$(type -P skald)" serve --listen "127.0.0.1:$SKALD_TEST_PORT" "${@:2}" ;;
    *) command skald "$@" ;;
    esac
}
example-participants() { command example-participants --listen "127.0.0.1:$SKALD_TEST_SHOP" "$@"; }
python3() {
    case "${1:-}" in
    *town.py) command python3 "$1" --listen "127.0.0.1:$SKALD_TEST_TOWN" "${@:2}" ;;
    *) command python3 "$@" ;;
    esac
}
"""


def blocks_of(text):
    """(kind, name, language, lines, line number) of each fenced block; kind: run, file, output, skip, show."""
    found, mark, name, inside = [], None, None, None
    for number, line in enumerate(text.splitlines(), 1):
        if inside is not None:
            if line.strip() == "```":
                found.append(inside)
                inside = None
            else:
                inside[3].append(line)
            continue
        fence, comment = FENCE.match(line), MARK.match(line.strip())
        if comment:
            mark, name = comment[1], comment[2]
        elif fence:
            kind = {"file": "file", "output": "output", "not run": "skip"}.get(mark)
            kind = kind or ("run" if fence[1] == "sh" else "show")
            inside = (kind, name, fence[1], [], number)
            mark = name = None
        elif line.strip():
            mark = name = None
    return found


def loosened(text):
    """As a regular expression: what differs from run to run is left open."""
    text = re.escape(text.strip())
    text = text.replace("…", ".*?")
    text = re.sub(r"[0-9a-f]{8}\\-[0-9a-f]{4}\\-[0-9a-f]{4}\\-[0-9a-f]{4}\\-[0-9a-f]{12}", r"[0-9a-f-]{36}", text)
    text = re.sub(r"\d{4}\\-\d\d\\-\d\dT\d\d:\d\d:\d\d\\.\d{3}Z", r"\\S+", text)
    text = re.sub(r"\d\d:\d\d:\d\d\\.\d{3}", r"[0-9:.]+", text)
    text = re.sub(r"\d+(\\\.\d+)?\\ (ms|s|min)\b", r"[0-9.]+ (ms|s|min|h)", text)
    return re.sub(r"(\\ )+", r"\\s+", text.replace("\\\n", "\\s*\n"))


def free_ports(count):
    probes = [socket.socket() for _ in range(count)]
    for probe in probes:
        probe.bind(("127.0.0.1", 0))
    ports = [probe.getsockname()[1] for probe in probes]
    for probe in probes:
        probe.close()
    return ports


def answers(port, path):
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=10) as reply:
            return reply.status == 200
    except OSError:
        return False


class Reader:
    """A person at a shell: one bash that lives as long as the page."""

    def __init__(self, folder):
        self.folder = folder
        server, shop, town = free_ports(3)
        self.ports = {"8080": server, "8090": shop, "8091": town}
        bin_folder = pathlib.Path(SKALD).parent
        environment = dict(os.environ, PATH=f"{bin_folder}:{os.environ['PATH']}", SKALD_TEST_PORT=str(server),
                           SKALD_TEST_SHOP=str(shop), SKALD_TEST_TOWN=str(town),
                           SKALD_SERVER=f"http://127.0.0.1:{server}", TOWN_URL=f"http://127.0.0.1:{town}",
                           PARTICIPANTS_URL=f"http://127.0.0.1:{shop}", POLL_INTERVAL="100ms")
        self.shell = subprocess.Popen(["bash", "--noprofile", "--norc"], cwd=folder, env=environment, text=True,
                                      stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                                      start_new_session=True)
        # Backgrounds write into a file: the pipe is for what the reader waits for.
        self.run(PROLOGUE, started=())

    def moved(self, text):
        return re.sub(r"\b80(80|90|91)\b", lambda m: str(self.ports[m[0]]), text)

    def run(self, script, started):
        """(exit code, output) of the block."""
        mark = f"--- {time.monotonic_ns()} ---"
        script = re.sub(r"(?m)^(.*[^&])&\s*(#.*)?$", r"\1 >>background.log 2>&1 &", self.moved(script))
        self.shell.stdin.write(f"{script}\necho \"{mark} $?\"\n")
        self.shell.stdin.flush()
        lines, limit = [], time.monotonic() + BLOCK_S
        for line in self.shell.stdout:
            if mark in line:
                before, _, code = line.rpartition(mark)
                lines.append(before)
                self.wait_for(started, limit)
                return int(code), "".join(lines)
            lines.append(line)
            if time.monotonic() > limit:
                break
        raise AssertionError("the shell ended or took too long:\n" + "".join(lines))

    def wait_for(self, started, limit):
        for port in started:
            while not answers(self.ports[port], "/readyz" if port == "8080" else "/healthz"):
                if time.monotonic() > limit:
                    raise AssertionError(f"nothing answers on {port}\n{self.background()}")
                time.sleep(0.02)

    def background(self):
        file = pathlib.Path(self.folder) / "background.log"
        return file.read_text(errors="replace")[-4000:] if file.exists() else ""

    def close(self):
        try:
            os.killpg(self.shell.pid, 9)
        except ProcessLookupError:
            pass
        self.shell.wait()
        self.shell.stdin.close()
        self.shell.stdout.close()


def started_by(script):
    """The ports that are to answer after the block."""
    names = {"8080": "skald serve", "8090": "example-participants", "8091": "town.py"}
    return [port for port, program in names.items()
            if any(program in line and line.rstrip().split("#")[0].rstrip().endswith("&")
                   for line in script.splitlines())]


class Docs(unittest.TestCase):
    def read(self, page):
        folder = tempfile.mkdtemp(prefix="skald-docs-")
        for shown in ("examples", "docs"):
            os.symlink(ROOT / shown, f"{folder}/{shown}")
        reader, printed = Reader(folder), ""
        try:
            for kind, name, _, lines, number in blocks_of((ROOT / page).read_text()):
                text, place = "\n".join(lines) + "\n", f"{page}:{number}"
                if kind == "file":
                    pathlib.Path(folder, name).write_text(reader.moved(text))
                elif kind == "run":
                    code, printed = reader.run(text, started_by(text))
                    self.assertEqual(code, 0, f"{place}:\n{text}\n{printed}\n{reader.background()}")
                elif kind == "output":
                    self.assertRegex(printed, f"(?s){loosened(reader.moved(text))}",
                                     f"{place}: this was printed instead:\n{printed}")
                elif kind == "skip":
                    self.assertTrue(name, f"{place}: `not run` needs a reason")
        finally:
            reader.close()
            shutil.rmtree(folder)


def add_page(page):
    name = "test_" + re.sub(r"\W+", "_", page.removesuffix(".md")).lower()
    setattr(Docs, name, lambda self: self.read(page))


for each in PAGES:
    add_page(each)

if __name__ == "__main__":
    if len(sys.argv) > 2 and sys.argv[1] == "--blocks":
        for found in blocks_of(pathlib.Path(sys.argv[2]).read_text()):
            print(found[0], found[1] or "", found[4])
        sys.exit(0)
    unittest.main(verbosity=2)
