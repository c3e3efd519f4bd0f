"""frame: what all benches have in common: options, rounds, medians, ratios, and how results are kept.

A bench is an executable bench/bench-<name>:

    bench = frame.Bench("engine", __doc__)
    bench.option("--sagas", 20000, 300, "how many")      # its value, and the one of --quick
    args = bench.begin()
    samples = bench.rounds({"journal": run_journal, "raw log": run_raw})   # each gives {figure: number}
    bench.table("Title", ["store", "events/s"], [["journal", samples.median("journal", "events")], …])
    bench.plot({…})                                       # plot.py
    bench.target("journal of the raw limit", ">= 25 %", samples.ratio("journal", "raw log", "events"), 0.25)
    bench.headline("events a second, journal", "123,456")     # for the README
    sys.exit(bench.finish())

Rules that make the figures worth something:
  1  All cases run in turns, round by round, forwards and backwards; a figure is the median of the rounds.
  2  A ratio is taken in each round, of two cases that ran beside each other; shown is the median of these.
  3  What was measured on is written beside it, and how much of the machine others used meanwhile.
  4  A target that is missed is printed as missed; it does not make the bench fail.
"""
import argparse
import atexit
import contextlib
import datetime
import json
import os
import pathlib
import re
import shlex
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time

import machine
import pages
import plot as plots
from shown import percent, shown

ROOT = pathlib.Path(__file__).resolve().parent.parent
ROUNDS, ROUNDS_QUICK = 5, 1


class Samples:
    """values[case][figure] = a number a round."""

    def __init__(self):
        self.values = {}

    def add(self, case, numbers):
        row = self.values.setdefault(case, {})
        for figure, number in numbers.items():
            row.setdefault(figure, []).append(number)

    def has(self, case):
        return case in self.values

    def median(self, case, figure):
        return statistics.median(self.values[case][figure])

    def spread(self, case, figure):
        """Half of what lies between the least and the greatest, of the median."""
        row = self.values[case][figure]
        return (max(row) - min(row)) / 2 / (statistics.median(row) or 1)

    def ratio(self, case, other, figure, other_figure=None):
        """The median of the rounds' ratios: how many times `other` the case is."""
        pairs = zip(self.values[case][figure], self.values[other][other_figure or figure])
        return statistics.median(left / right if right else 0.0 for left, right in pairs)


class Bench:
    def __init__(self, name, about):
        self.name, self.args, self.left_out = name, None, []
        self.parser = argparse.ArgumentParser(prog=f"bench/bench-{name}", description=about,
                                              formatter_class=argparse.RawDescriptionHelpFormatter)
        self.blocks, self.targets, self.headlines, self.samples, self.quick_values = [], [], [], {}, {}
        add = self.parser.add_argument
        add("--quick", action="store_true", help="seconds instead of minutes: that it works, not how fast")
        add("--rounds", type=int, help=f"at least {ROUNDS} for figures that are kept ({ROUNDS}; quick {ROUNDS_QUICK})")
        add("--build", type=pathlib.Path, default=ROOT / "build/release", help="the programs (build/release)")
        add("--out", type=pathlib.Path, help=f"text, JSON and plots (build/bench/{name})")
        add("--record", nargs="?", const=ROOT / "docs/proof", type=pathlib.Path, metavar="FOLDER",
            help=f"write bench-{name}-<date>.md there, with its plots (docs/proof)")

    def option(self, name, default, quick, about, **more):
        """An option whose default depends on --quick."""
        field = name.lstrip("-").replace("-", "_")
        self.quick_values[field] = (default, quick)
        if default is not None and not isinstance(default, str):
            more.setdefault("type", type(default))
        self.parser.add_argument(name, help=f"{about} ({default}; quick {quick})", **more)

    def begin(self):
        args = self.args = self.parser.parse_args()
        for field, (default, quick) in self.quick_values.items():
            if getattr(args, field) is None:
                setattr(args, field, quick if args.quick else default)
        args.rounds = args.rounds or (ROUNDS_QUICK if args.quick else ROUNDS)
        args.build = args.build.resolve()
        args.out = (args.out or ROOT / "build/bench" / self.name).resolve()
        args.out.mkdir(parents=True, exist_ok=True)
        self.work = pathlib.Path(tempfile.mkdtemp(prefix=f"skald-bench-{self.name}-"))
        atexit.register(shutil.rmtree, self.work, ignore_errors=True)
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # so that this is done then, too
        self.machine = machine.describe(args.build, self.work)
        self.command = " ".join([f"bench/bench-{self.name}",
                                 *[shlex.quote(word) for word in self.words(sys.argv[1:])]])
        self.started, self.others = time.monotonic(), machine.Others()
        return args

    @staticmethod
    def words(given):
        """The command as others would type it, without where this one's build lies and its results go."""
        words, skip = [], False
        for word in given:
            if skip and not word.startswith("-"):
                skip = False
            elif word in ("--build", "--out", "--record"):
                skip = True
            elif not word.startswith(("--build=", "--out=", "--record=")):
                words.append(word)
                skip = False
        if "--record" in given:
            words.append("--record")
        return words

    # ---- running ---------------------------------------------------------------------------------

    def find(self, name):
        """A program or library of the build under test (`skald`, what bench/<name>.c became); None: not there."""
        paths = [self.args.build / folder / name for folder in ("bin", "bench/bin", "tests")]
        return next((str(path) for path in paths if path.exists()), None)

    def program(self, name):
        path = self.find(name)
        if path is None:
            sys.exit(f"bench-{self.name}: {self.args.build}: no {name}; build it first (scripts/build release)")
        return path

    @contextlib.contextmanager
    def folder(self):
        """An empty folder on the disk that is measured ($TMPDIR), removed afterwards."""
        path = pathlib.Path(tempfile.mkdtemp(dir=self.work))
        try:
            yield path
        finally:
            shutil.rmtree(path, ignore_errors=True)

    def ask(self, *command, env=None):
        """Runs a program that prints one JSON object."""
        done = subprocess.run([str(word) for word in command], capture_output=True, text=True, check=False,
                              env=env and dict(os.environ, **env))
        if done.returncode != 0:
            sys.exit(f"bench-{self.name}: {shlex.join(str(word) for word in command)} ended with {done.returncode}\n"
                     f"{done.stdout[-2000:]}{done.stderr[-4000:]}")
        return json.loads(done.stdout)

    def rounds(self, cases, title="", warm=None):
        """All cases in turns; each is called without arguments and gives {figure: number}."""
        samples = Samples()
        order = list(cases)
        if warm is not None and not self.args.quick:
            warm()
        for number in range(self.args.rounds):
            for case in order if number % 2 == 0 else reversed(order):
                samples.add(case, cases[case]())
            print(f"{self.name}{': ' + title if title else ''}: round {number + 1} of {self.args.rounds}",
                  file=sys.stderr, flush=True)
        self.samples[title or "rounds"] = samples.values
        return samples

    # ---- results ---------------------------------------------------------------------------------

    def note(self, words):
        self.blocks.append({"kind": "note", "text": words})

    def leave_out(self, what, why):
        """A part that cannot be measured here; said in the results."""
        self.left_out.append(f"{what}: {why}")

    def table(self, title, header, rows, note=""):
        self.blocks.append({"kind": "table", "title": title, "header": header, "rows": rows, "note": note})

    def plot(self, name, drawing):
        self.blocks.append({"kind": "plot", "name": name, "plot": drawing})

    def drawing(self, name, title, svg):
        """A picture that was made elsewhere."""
        self.blocks.append({"kind": "plot", "name": name, "plot": {"title": title}, "svg": svg})

    def target(self, what, wanted, value, limit, is_least=True, show=percent):
        """One row of the targets: met when the value is at least (at most) the limit."""
        is_met = None if value is None else value >= limit if is_least else value <= limit
        self.targets.append({"what": what, "wanted": wanted, "measured": None if value is None else show(value),
                             "value": value, "met": is_met})

    def headline(self, what, figure):
        """One of the few figures that the README shows."""
        self.headlines.append([what, figure])

    def text(self):
        out = [f"bench-{self.name}", self.busy_words(), ""]
        for block in self.sections():
            if block["kind"] == "note":
                out += [block["text"], ""]
            elif block["kind"] == "table":
                rows = [[shown(cell) for cell in row] for row in [block["header"], *block["rows"]]]
                widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
                out.append(block["title"])
                for row in rows:
                    cells = [cell.ljust(width) if i == 0 or block.get("is_machine") else cell.rjust(width)
                             for i, (cell, width) in enumerate(zip(row, widths))]
                    out.append("  " + "  ".join(cells).rstrip())
                out += [block["note"], ""] if block.get("note") else [""]
        return "\n".join(out)

    def sections(self):
        """What was measured, then the targets, what was left out, and the machine."""
        blocks = list(self.blocks)
        if self.targets:
            verdicts = {True: "met", False: "MISSED", None: "not measured"}
            rows = [[t["what"], t["wanted"], t["measured"],
                     "too quick to tell" if self.args.quick else verdicts[t["met"]]] for t in self.targets]
            blocks.append({"kind": "table", "title": "Targets", "header": ["what", "target", "measured", ""],
                           "rows": rows})
        if self.left_out:
            blocks.append({"kind": "note", "text": "Left out: " + "; ".join(self.left_out) + "."})
        blocks.append({"kind": "table", "title": "Measured on", "header": ["what", ""],
                       "rows": [[name, value] for name, value in self.machine.items()], "is_machine": True})
        return blocks

    def busy_words(self):
        share = self.busy
        rounds = f"{self.args.rounds} round{'s' * (self.args.rounds != 1)}" if self.samples else "measured"
        words = f"{rounds} in {self.seconds:.0f} s; others used {share * 100:.0f} % of the processors"
        return words + (": a BUSY machine, figures of time are not to be trusted." if share > machine.BUSY_SHARE else ".")

    def markdown(self, page):
        out = [f"# bench-{self.name}, {datetime.date.today().isoformat()}", "", self.busy_words(), ""]
        for block in self.sections():
            if block["kind"] == "note":
                out += [block["text"], ""]
            elif block["kind"] == "plot":
                out += [f"![{block['plot']['title']}]({page}-{block['name']}.svg)", ""]
            else:
                out += [f"## {block['title']}", ""]
                if not block.get("is_machine"):
                    out += [f"    {self.command}", ""]
                out.append("| " + " | ".join(block["header"]) + " |")
                out.append("| --- |" + " ---: |" * (len(block["header"]) - 1) if not block.get("is_machine")
                           else "| --- | --- |")
                out += ["| " + " | ".join(shown(cell) for cell in row) + " |" for row in block["rows"]]
                out += ["", block["note"], ""] if block.get("note") else [""]
        return "\n".join(out).rstrip() + "\n"

    def pictures(self):
        """(name, svg) of each plot."""
        return [(block["name"], block.get("svg") or plots.draw(block["plot"]))
                for block in self.blocks if block["kind"] == "plot"]

    def finish(self):
        self.seconds, self.busy = time.monotonic() - self.started, self.others.share()
        out = self.args.out
        text = self.text()
        print(text)
        (out / "result.txt").write_text(text)
        result = {"bench": self.name, "command": self.command, "date": datetime.date.today().isoformat(),
                  "seconds": self.seconds, "rounds": self.args.rounds, "is_quick": self.args.quick,
                  "others_share": self.busy, "is_busy": self.busy > machine.BUSY_SHARE, "machine": self.machine,
                  "targets": self.targets, "headlines": self.headlines, "left_out": self.left_out,
                  "tables": [block for block in self.blocks if block["kind"] == "table"]}
        (out / "result.json").write_text(json.dumps({**result, "samples": self.samples}, indent=1) + "\n")
        for name, svg in self.pictures():
            (out / f"{name}.svg").write_text(svg)
        if self.args.record:
            self.keep(result)
        return 0

    def keep(self, result):
        """docs/proof/bench-<name>-<date>.md with its plots, and .json for the pages that show them; a second
        run of a day replaces the first."""
        page = f"bench-{self.name}-{datetime.date.today().isoformat()}"
        folder = self.args.record
        folder.mkdir(parents=True, exist_ok=True)
        for old in folder.glob(f"{page}-*.svg"):
            old.unlink()
        for name, svg in self.pictures():
            (folder / f"{page}-{name}.svg").write_text(svg)
        (folder / f"{page}.md").write_text(self.markdown(page))
        (folder / f"{page}.json").write_text(json.dumps(result, indent=1) + "\n")
        if folder == ROOT / "docs/proof":
            pages.update()
        print(f"recorded in {folder / page}.md")


def slug(words):
    """A name for a file."""
    return re.sub(r"[^a-z0-9]+", "-", words.lower()).strip("-")
