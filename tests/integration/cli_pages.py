"""The pages of the command line: every command of `skald --help` with its help and what it typically
prints, played in one world with a server and participants. scripts/record-cli writes docs/cli.md
from it; test_cli_pages.py compares, and checks what --json prints against docs/schemas.

To add a command: its help is recorded by itself; give it a row in PLAYS (what it typically prints)
and a schema in docs/schemas/cli.schema.json, then run scripts/record-cli.
"""
import difflib
import json
import os
import pathlib
import re
import subprocess
import tempfile

from skald_world import GIVE_UP_S, ROOT, SKALD, Participant, Server, store_url, until

PAGE = ROOT / "docs/cli.md"
SCHEMAS = ROOT / "docs/schemas/cli.schema.json"

OWN = """
saga: {{ id: {name}, name: {name}, version: "1", description: {name} }}
steps:
{steps}
"""
WAITER = OWN.format(name="approval", steps="""
  - { id: approve, name: Approve, type: wait, wait: { signal: approved }, compensation: { type: skip } }
  - { id: note, name: Note, type: wait, dependencies: [approve], wait: { for: 1h } }
""")
PENDING = OWN.format(name="printing", steps="""
  - { id: print, name: Print, type: http, pending_timeout: 1h, compensation: { type: skip },
      action: { service: { name: printer, endpoint: "URL", path: /print } } }
""")
STUCK = OWN.format(name="booking", steps="""
  - { id: book, name: Book, type: http, compensation: { type: custom,
      action: { service: { name: rooms, endpoint: "URL", path: /unbook } } },
      action: { service: { name: rooms, endpoint: "URL", path: /book } } }
  - { id: pay, name: Pay, type: http, dependencies: [book], compensation: { type: skip },
      action: { service: { name: rooms, endpoint: "URL", path: /pay } } }
""")
SCENARIO = """define order.saga.yaml
reply * always ok {}
reply pay fail card_declined
reply *.compensation always ok
start order-1 with {"amount": 1500}
expect saga order-1 compensated error=card_declined
expect compensations reserve-stock, create-order
"""
UGLY = """saga:
    id:   parcel
    name: Parcel   # comments stay
steps:
- { id: send,name: Send, type: function, action: {function: {name: send}} }
"""
GOOD = '{"customer": "Ada", "amount": 299.99, "items": [{"item_id": "item1", "quantity": 2}]}'
DEAR = '{"customer": "Charles", "amount": 1500, "items": [{"item_id": "item1", "quantity": 2}]}'
ASKED = ["--by", "ada", "--reason", "the customer asked for it"]


class Play:
    """One command line of the record. `{n}` in it is 1 for the page and 2 for --json, so that a
    command that changes something is played on two sagas. before(world, n) sets the stage."""

    def __init__(self, *words, code=0, before=None, json_code=None, shown=True, has_json=True,
                 json_words=("--json",)):
        self.command, self.words, self.code, self.json_words = words[0], words, code, json_words
        self.json_code = code if json_code is None else json_code
        self.before, self.shown, self.has_json = before, shown, has_json


def approval(world, saga, *more):
    """A saga that has come to rest: it waits for its signal."""
    if world.server.get(f"/api/v1/sagas/{saga}").status == 404:
        world.skald("start", "approval", "--id", saga, *more)
    world.server.when(saga, lambda seen: seen["steps"][0]["state"] == "waiting", "it waits")


def start_approval(prefix):
    return lambda world, n: approval(world, f"{prefix}-{n}")


def suspended(world, n):
    approval(world, f"held-{n}")
    world.skald("suspend", f"held-{n}", *ASKED)


def stuck(world, n):
    """A saga whose undo was refused, and a participant that has been mended since."""
    world.participant.on("/pay", (422, {"error": {"code": "card_declined", "message": "no"}}))
    world.participant.on("/unbook", (422, {"error": {"code": "too_late", "message": "no"}}))
    world.skald("start", "booking", "--id", f"booking-{n}", "--wait", code=1)
    world.participant.on("/unbook", (200, {}))


def locked(world, n):
    approval(world, f"locked-{n}", "--lock-key", f"account:{n}")


def printing(world, n):
    world.skald("start", "printing", "--id", f"printing-{n}")
    world.token = world.participant.wait_for("/print", n)[-1].headers["Skald-Token"]
    world.server.when(f"printing-{n}", lambda saga: saga["steps"][0]["state"] == "waiting",
                      "it has answered")


def exported(world, n):
    """The import is played on another server, for the saga must not be there yet."""
    world.skald("export", f"dear-{n}", "-o", f"dear-{n}.json")


# In the order in which they are played; the page has them by command, in the order of the help.
PLAYS = [
    Play("validate", "order.saga.yaml", "broken.saga.yaml", code=1),
    Play("dry-run", "order.saga.yaml", "--input", '{"amount": 1500}', "--fail", "pay"),
    Play("visualize", "order.saga.yaml"),
    Play("test", "order.scenario"),
    Play("format", "--check", "ugly.saga.yaml", code=1),
    Play("config", "check", "settings.yaml"),
    Play("config", "list", shown=False),
    Play("serve", "--print-config", shown=False),
    Play("define", "order.saga.yaml", "transfer.saga.yaml"),
    Play("start", "order", "--id", "order-{n}", "--wait", "--input", GOOD),
    Play("start", "order", "--id", "dear-{n}", "--wait", "--input", DEAR, code=1),
    Play("show", "dear-1"),
    Play("events", "dear-1"),
    Play("watch", "order-1"),
    Play("watch", "--from-start", "--limit", "3", shown=False),
    Play("replay", "dear-1", "--at", "7"),
    Play("export", "order-1", "-o", "order-1.json", has_json=False),
    Play("export", "order-1", shown=False),
    Play("import", "dear-{n}.json", before=exported),
    Play("explain", "asked-1", before=start_approval("asked")),
    Play("cancel", "asked-1", "--preview"),
    Play("cancel", "asked-{n}", *ASKED, before=start_approval("asked")),
    Play("force-cancel", "forced-{n}", *ASKED, before=start_approval("forced")),
    Play("force-complete", "done-{n}", *ASKED, before=start_approval("done")),
    Play("skip-step", "skipped-{n}", "--step", "approve", *ASKED, before=start_approval("skipped")),
    Play("suspend", "paused-{n}", *ASKED, before=start_approval("paused")),
    Play("resume", "held-{n}", *ASKED, before=suspended),
    Play("signal", "signalled-{n}", "approved", "--data", '{"by": "ada"}',
         before=start_approval("signalled")),
    Play("dead-letters", before=stuck),
    Play("retry", "booking-{n}", "--by", "ada", "--reason", "the hotel is back"),
    Play("complete", "printing-{n}", "print", "--token", "{token}", "--output", '{"pages": 3}',
         before=printing),
    Play("locks", before=locked),
    Play("recovery", shown=False),
    Play("stats", shown=False),
    Play("batch", "cancel", "--definition", "approval", "--state", "suspended", "--id", "recall-{n}", *ASKED),
    Play("batch", "cancel", "--definition", "approval", "--dry-run", *ASKED, shown=False),
    Play("batches"),
    Play("schedule", "create", "leap-{n}", "--cron", "30 4 29 2 *", "--definition", "approval"),
    Play("schedule", "list"),
    Play("schedule", "show", "leap-1", shown=False),
    Play("schedule", "pause", "leap-{n}"),
    Play("schedule", "trigger", "leap-{n}", shown=False),
    Play("schedule", "delete", "leap-{n}", has_json=False),
    Play("list", "--definition", "order"),
    Play("delete", "order-{n}"),
    Play("store", "backup", "copy-{n}.db", "--store", "sqlite:test.db"),
    Play("store", "check", "--store", "sqlite:copy-1.db"),
    Play("store", "schema", "--store", "sqlite:copy-1.db", shown=False),
    Play("store", "restore", "copy-1.db", "--store", "sqlite:restored-{n}.db"),
    Play("store", "copy", "journal:copied-{n}", "--store", "sqlite:copy-1.db"),
    Play("trouble", "wrong-state", json_words=("--format", "json")),
    Play("breakers"),
    Play("tasks"),
    Play("bench", "--sagas", "200", "--in-flight", "20", "--store", "memory:", shown=False),
    Play("version"),
]


class World:
    """A folder with definitions, a server, the sample participants and one of our own."""

    def __enter__(self):
        self.folder = tempfile.TemporaryDirectory()
        self.path = pathlib.Path(self.folder.name)
        self.participant = Participant()
        self.participant.on("/print", (202, b"", {"Skald-Pending": "true"}))
        self.token = ""
        self.samples = subprocess.Popen(
            [pathlib.Path(SKALD).parent / "example-participants", "--books", self.path / "books.db",
             "--listen", "127.0.0.1:0"], stdout=subprocess.PIPE, text=True)
        line = self.samples.stdout.readline()
        self.samples_url = re.search(r"http://\S+", line)[0]
        self.write_files()
        self.server = Server(self.path, store=store_url(self.path, "sqlite"))  # the page has backups of a file
        self.other = Server(self.make_folder("other"))
        for name in ("approval", "printing", "booking"):
            self.skald("define", f"{name}.yaml")
        return self

    def make_folder(self, name):
        (self.path / name).mkdir()
        return self.path / name

    def write_files(self):
        for name, text in [("order.saga.yaml", self.sample("order-processing/order.saga.yaml")),
                           ("transfer.saga.yaml", self.sample("bank-transfer/transfer.saga.yaml")),
                           ("broken.saga.yaml", "saga: { id: broken, name: Broken, mod: none }\n"
                                                "steps:\n  - { id: a, name: A, type: htp }\n"),
                           ("order.scenario", SCENARIO), ("ugly.saga.yaml", UGLY),
                           ("settings.yaml", "limits:\n  sagas_max: 500\n"),
                           ("approval.yaml", WAITER), ("printing.yaml", PENDING),
                           ("booking.yaml", STUCK)]:
            (self.path / name).write_text(text.replace("URL", self.participant.url)
                                          if name in ("printing.yaml", "booking.yaml") else text)

    @staticmethod
    def sample(name):
        return (ROOT / "examples" / name).read_text()

    def __exit__(self, *unused):
        for server in (self.server, self.other):
            server.stop()
            server.__exit__(None, None, None)
        self.samples.terminate()
        self.samples.wait(GIVE_UP_S)
        self.samples.stdout.close()
        self.participant.close()
        self.folder.cleanup()

    def run(self, words, server=None):
        environment = dict(os.environ, SKALD_SERVER=(server or self.server).url, USER="ada",
                           PARTICIPANTS_URL=self.samples_url, LANG="C.UTF-8", NO_COLOR="1")
        return subprocess.run([SKALD, *words], cwd=self.path, env=environment, text=True,
                              capture_output=True, timeout=GIVE_UP_S, check=False)

    def skald(self, *words, code=0):
        done = self.run(words)
        if done.returncode != code:
            raise AssertionError(f"skald {' '.join(words)}: {done.returncode}\n{done.stdout}{done.stderr}")
        return done

    def play(self, play, as_json):
        n = 2 if as_json else 1
        if play.before:
            play.before(self, n)
        words = [word.replace("{n}", str(n)).replace("{token}", self.token) for word in play.words]
        if as_json:
            words.extend(play.json_words)
        done = self.run(words, self.other if play.command == "import" else None)
        expected = play.json_code if as_json else play.code
        if done.returncode != expected:
            raise AssertionError(f"skald {' '.join(words)}: {done.returncode}, not {expected}\n"
                                 f"{done.stdout}{done.stderr}")
        # what stands on stderr beside a success is for people at a terminal: progress
        return done.stdout + done.stderr if not as_json and expected != 0 else done.stdout


# ---- the page ---------------------------------------------------------------------------------


def command_names():
    text = subprocess.run([SKALD, "--help"], capture_output=True, text=True, check=True).stdout
    return [line.split()[0] for line in text.splitlines() if line.startswith("  ")]


def help_of(*words):
    return subprocess.run([SKALD, *words, "--help"], capture_output=True, text=True, check=True).stdout


def steady(text, world=None):
    """What differs from run to run made the same: folders, ports, times, durations, drawn ids."""
    if world:
        text = text.replace(str(world.path), "/srv/skald")
        text = text.replace(world.token or "\0", "TOKEN")
    for pattern, sample in [
            (r"127\.0\.0\.1:(?!80[89]\d\b)\d{4,5}", "127.0.0.1:8090"),
            (r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", "2026-01-02T03:04:05.678Z"),
            (r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d(\.\d{3})?", "2026-01-02 03:04:05"),
            (r"\b\d\d:\d\d:\d\d(\.\d{3})?\b", "03:04:05"),
            (r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}",
             "019b7e5c-0000-7000-8000-000000000000"),
            (r"\b[0-9a-f]{64}\b", "0" * 64), (r"\bsha-[0-9a-f]{12}\b", "sha-000000000000"),
            (r"\b\d+(\.\d+)? ms\b", "12 ms"), (r"\b\d+\.\d+ s\b", "1.2 s"),
            (r"\d+ sagas, \d+ events", "20 sagas, 163 events"), (r"\(in [\dhms.]+\)", "(in 9m59s)"), (r"v1\.[\w.-]{20,}", "TOKEN")]:
        text = re.sub(pattern, sample, text)
    return text


def shell(words):
    return " ".join(word if re.fullmatch(r"[\w./:=,-]+", word) else "'" + word + "'" for word in words)


def block(text):
    lines = [line.rstrip() for line in text.rstrip("\n").splitlines()]
    return "```text\n" + "\n".join(lines) + "\n```\n"


INTRODUCTION = """# The command line

Every command with its help and what it prints. This page is written by `scripts/record-cli` from real runs, and a test
compares it with what the commands print now; times, durations, ports and drawn ids are made the same.

Exit codes of all commands: 0 done; 1 the saga or the check failed; 2 wrong use; 3 no server answers. Commands that ask a
server find it by `--server`, by `SKALD_SERVER`, or at `http://127.0.0.1:8080`. What `--json` prints is described by
[cli.schema.json](schemas/cli.schema.json) and, where it is what the API answers, by `skald openapi`.
"""


def play_all(world):
    """(outputs by command, [(command, what --json printed)])."""
    outputs, documents = {}, []
    for play in PLAYS:
        text = world.play(play, False)
        if play.shown:
            words = [word.replace("{n}", "1").replace("{token}", "TOKEN") for word in play.words]
            line = steady(f"$ skald {shell(words)}\n{text}", world)
            outputs.setdefault(play.command, []).append(line)
        if play.has_json:
            documents.append((play.command, world.play(play, True)))
    return outputs, documents


def page_of(outputs):
    parts = [INTRODUCTION, block("$ skald --help\n" + help_of())]
    for name in command_names():
        parts.append(f"## skald {name}\n")
        parts.append(block(steady(help_of(name))))
        parts += [block(text) for text in outputs.get(name, [])]
    return "\n".join(parts)


def difference(recorded, now):
    """Where the pages differ, but for the width of columns; "" = nowhere."""
    loose = [[re.sub(r"\s+", " ", line) for line in page.splitlines()] for page in (recorded, now)]
    return "\n".join(difflib.unified_diff(*loose, "docs/cli.md", "now", lineterm="", n=2))


# ---- schemas ----------------------------------------------------------------------------------


def schemas():
    return json.loads(SCHEMAS.read_text())


def lines_or_whole(text, is_lines):
    return [json.loads(line) for line in text.splitlines()] if is_lines else [json.loads(text)]
