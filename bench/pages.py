#!/usr/bin/env python3
"""pages: puts the newest records (docs/proof/bench-<name>-<date>.json) into README.md and docs/performance.md.

A page holds blocks, `<!-- bench: NAME -->` … `<!-- end -->`; what stands between is written here and nowhere else:
`targets` (all targets, what was measured, where), `headlines` (a few figures each bench chose), `transitions` (of
bench-core), `parts` (of a saga, and the flame graphs; of bench-flame). With --check
nothing is written, and a page that is not up to date is an error.
"""
import json
import pathlib
import re
import sys

from shown import shown

ROOT = pathlib.Path(__file__).resolve().parent.parent
PAGES = ("README.md", "docs/performance.md")
BLOCK = re.compile(r"(<!-- bench: (\w+) -->\n).*?(<!-- end -->)", re.S)
ORDER = ("core", "engine", "http", "peers", "memory", "growth", "slow-disk", "flame")


def newest(folder):
    """[(page, record)] of each bench, in the order in which they are shown."""
    found = {}
    for path in sorted(folder.glob("bench-*.json")):
        record = json.loads(path.read_text())
        found[record["bench"]] = (path.stem, record)
    return sorted(found.values(), key=lambda row: (ORDER.index(row[1]["bench"]) if row[1]["bench"] in ORDER
                                                   else len(ORDER), row[0]))


def link(page, record, folder):
    busy = ", busy machine" if record["is_busy"] else ""
    return f"[{record['bench']}]({folder}{page}.md){busy}"


def targets(records, folder):
    verdicts = {True: "met", False: "**missed**", None: "not measured"}
    rows = ["| what | target | measured | | record |", "| --- | ---: | ---: | --- | --- |"]
    for page, record in records:
        for row in record["targets"]:
            rows.append(f"| {row['what']} | {row['wanted']} | {row['measured'] or '–'} | {verdicts[row['met']]} | "
                        f"{link(page, record, folder)} |")
    return rows


def headlines(records, folder):
    rows = ["| what | figure | record |", "| --- | ---: | --- |"]
    for page, record in records:
        for what, figure in record["headlines"]:
            rows.append(f"| {what} | {figure} | {link(page, record, folder)} |")
    return rows


def tables(records, bench, word, folder):
    """The tables of a bench whose title holds the word, with where they are from."""
    lines = []
    for page, record in records:
        for table in record["tables"] if record["bench"] == bench else []:
            if word in table["title"]:
                lines += [f"{table['title']} ({link(page, record, folder)}):", "",
                          "| " + " | ".join(table["header"]) + " |",
                          "| --- |" + " ---: |" * (len(table["header"]) - 1)]
                lines += ["| " + " | ".join(shown(cell) for cell in row) + " |" for row in table["rows"]]
                lines += ["", *([table["note"], ""] if table["note"] else [])]
    return lines[:-1]


def transitions(records, folder):
    return tables(records, "core", "One transition", folder)


def parts(records, folder):
    lines = tables(records, "flame", "by part", folder)
    for page, record in records:
        if record["bench"] == "flame":
            for name in sorted((ROOT / "docs/proof").glob(f"{page}-*.svg")):
                lines += ["", f"![Flame graph, {name.stem.removeprefix(page + '-')}]({folder}{name.name})"]
    return lines


def filled(name, text, records):
    """A page's text with its blocks as the records say."""
    folder = "docs/proof/" if "/" not in name else "proof/"
    kinds = {"targets": targets, "headlines": headlines, "transitions": transitions, "parts": parts}
    return BLOCK.sub(lambda block: block[1] + "\n".join(kinds[block[2]](records, folder)) + "\n" + block[3], text)


def update(is_check=False):
    """The pages that were not up to date."""
    records, stale = newest(ROOT / "docs/proof"), []
    for name in PAGES:
        path = ROOT / name
        text = path.read_text() if path.exists() else ""
        wanted = filled(name, text, records)
        if wanted != text:
            stale.append(name)
            if not is_check:
                path.write_text(wanted)
    return stale


if __name__ == "__main__":
    is_checked = "--check" in sys.argv[1:]
    changed = update(is_checked)
    if is_checked:
        print(f"pages: not up to date: {', '.join(changed)}; run bench/pages.py" if changed else "pages: up to date")
    else:
        print(f"pages: written: {', '.join(changed) or 'nothing new'}")
    sys.exit(1 if is_checked and changed else 0)
