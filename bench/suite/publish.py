"""Puts measured figures where readers see them; nobody types a figure by hand."""

from __future__ import annotations

import re
from pathlib import Path

from suite.charts import chart
from suite.groups import GROUPS
from suite.measure import Row, Target, say, verdict
from suite.peers import Native
from suite.processes import Failed
from suite.report import Result, load, machine_line, markdown, number, table

CHARTS = {"mount": "Reading through the mount (longer is better)",
          "move": "Commit and copy", "depth": "The same content in more and more layers"}
HEADLINE = {"mount": ["sequential 1 MiB, all cold", "sequential 1 MiB, layers cached", "sequential 1 MiB, read again",
                      "random 4 KiB, 1 reader, layers cached", "random 4 KiB, depth 32, layers cached"],
            "move": ["commit of 3 layers, cold, flushed", "copy to a raw file, cold, flushed"],
            "verify": ["verify a chain against a raw file, cached"]}
BLOCK = re.compile(r"(<!-- bench:headline -->\n).*?(<!-- /bench -->)", re.DOTALL)


def publish(folder: Path, root: Path) -> None:
    """docs/performance-results.md, docs/bench-*.svg and the block in README.md, of all groups that `folder` holds."""
    there = [folder / f"{group.name}.json" for group in GROUPS]
    results = [load(path) for path in there if path.exists()]
    if not results:
        raise Failed(f"{folder} holds no results: run bench/run first")
    facts = results[0].facts
    pages = ["# Results", f"Written by `bench/run --publish`. The machine: {machine_line(facts)}.",
             "A figure is the median of the rounds, with the least and the most; what it means is said in "
             "[performance.md](performance.md). Floors and aims are what the project set itself.", markdown(results)]
    (root / "docs/performance-results.md").write_text("\n\n".join(pages) + "\n")
    for result in results:
        if result.group in CHARTS:
            rows = [row for row in result.rows if _is_drawn(row)]
            (root / f"docs/bench-{result.group}.svg").write_text(chart(CHARTS[result.group], rows))
    readme = root / "README.md"
    readme.write_text(BLOCK.sub(lambda found: found[1] + headline(results) + "\n" + found[2], readme.read_text()))
    say("published in docs/ and README.md")


def _is_drawn(row: Row) -> bool:
    """Bars are for rates: a longer one is a better one. The flat file itself would dwarf all in memory."""
    row.series.pop(Native.name, None)
    return row.higher_is_better and bool(row.series)


def headline(results: list[Result]) -> str:
    lines = []
    for result in results:
        for row in result.rows:
            if row.name in HEADLINE.get(result.group, []):
                lines += [_headline(row, row.targets[0])]
    return table(["", "qchain", "best of QEMU", "times better", "target"], lines)


def _headline(row: Row, target: Target) -> list[str]:
    ours, peer, ratio = row.figure(target.subject), row.peer(target), row.ratio(target)
    if ours is None or peer is None or ratio is None:
        return [row.name, "-", "-", "-", "-"]
    return [row.name, f"{number(ours)} {row.unit}", f"{number(peer[1])} {row.unit}", number(ratio),
            verdict(row, target)]
