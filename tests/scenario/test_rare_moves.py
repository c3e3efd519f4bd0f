#!/usr/bin/env python3
"""What a run of the simulator need not reach because it is rare (tests/sim/reached_moves.c), a scenario reaches."""
import os
import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(os.environ.get("SKALD_SOURCE_DIR", pathlib.Path(__file__).parents[2]))
RUNNER = pathlib.Path(os.environ.get("SKALD_BIN_DIR", ROOT / "build/dev/bin")) / "skald-scenario"


def rare_moves():
    text = (ROOT / "tests/sim/reached_moves.c").read_text()
    for kind in ("unit", "list"):
        table = re.search(rf"\b{kind}_rare\[SK_STEP_STATES_COUNT\] = \{{(.*?)\n\}};", text, re.S)[1]
        for before, after in re.findall(r"\[SK_STEP_(\w+)\] = (.*?),", table, re.S):
            for state in re.findall(r"TO\((\w+)\)", after):
                yield f"{kind} {before.lower()} {state.lower()}"


def main():
    rare = set(rare_moves())
    files = sorted((ROOT / "tests/scenario").rglob("*.scenario"))
    seen = set(subprocess.run([RUNNER, "--moves", *files], check=True, stdout=subprocess.PIPE,
                              text=True).stdout.splitlines())
    missing = sorted(rare - seen)
    for move in missing:
        print(f"no scenario reaches: {move}")
    print(f"{len(rare)} rare moves, {len(missing)} that no scenario reaches")
    return 1 if missing or not rare else 0


if __name__ == "__main__":
    sys.exit(main())
