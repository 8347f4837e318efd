"""Puts measured figures where readers see them; nobody types a figure by hand."""

from __future__ import annotations

import re
from pathlib import Path

from suite.charts import chart
from suite.groups import GROUPS
from suite.measure import Row, Target, say, verdict
from suite.peers import Native
from suite.processes import Failed
from suite.report import Result, load, markdown, number, table

LONGER = "longer is better, each test has its own scale"
CHARTS = {"mount": f"Reading through the mount ({LONGER})", "move": f"Commit and copy ({LONGER})",
          "depth": f"The same content in more and more layers ({LONGER})"}
HEADLINE = {"mount": ["sequential 1 MiB, all cold", "sequential 1 MiB, layers cached", "sequential 1 MiB, read again",
                      "random 4 KiB, 1 reader, layers cached", "random 4 KiB, 1 reader, cold",
                      "random 4 KiB, 4 readers, layers cached",
                      "random 4 KiB, depth 32, layers cached", "random 4 KiB, depth 32, cold"],
            "guest": ["tar of a guest's ext4 by loop mount, cold", "tar of a guest's ext4 by loop mount, layers cached"],
            "move": ["commit of 3 layers, cold, flushed", "commit of 3 layers, layers in memory, flushed",
                     "commit with --verify, against qemu-img without", "copy to a raw file, cold, flushed"],
            "verify": ["verify a chain against a raw file, cached"],
            "reflink": ["commit on XFS with reflink, extents cold", "commit on XFS with reflink, extents in memory",
                        "the same commit again, on XFS with reflink", "copy on XFS with reflink, flushed"]}
LEAST_SIZE = 1  # GiB: what is measured on smaller disks is for who measures it
HEADLINE_COLUMNS = ["", "qchain", "best peer", "times better", "target"]
HEAD = ["# Results", "Written by `bench/run --publish`.",
        "A figure is the median of the rounds (where it is said, the best), with the least and the most; what it means is "
        "said in [performance.md](performance.md). Floors and aims are what the project set itself."]
MEASURED_BY = re.compile(r"^`bench/run (\w+)`:.*? size ([\d.]+) GiB", re.MULTILINE)
BLOCK = re.compile(r"(<!-- bench:headline -->\n).*?(<!-- /bench -->)", re.DOTALL)


def publish(folder: Path, root: Path) -> None:
    """docs/performance-results.md, docs/bench-*.svg and the block in README.md, of the groups and sizes that `folder`
    holds, of disks that are large enough; what was published of others stays. Of a group that is there in two sizes,
    charts and README show the larger disks."""
    known = [load(path) for path in folder.glob("*.json")]
    results = sorted((result for result in known if _place(result)[1] >= LEAST_SIZE), key=_place)
    if not results:
        raise Failed(f"{folder} holds no results of disks of {LEAST_SIZE:g} GiB or more: run bench/run --size first")
    page = root / "docs/performance-results.md"
    page.write_text("\n\n".join([*HEAD, *_sections(page.read_text(), results)]) + "\n")
    for result in results:
        if result.group in CHARTS:
            rows = [row for row in result.rows if _is_drawn(row)]
            (root / f"docs/bench-{result.group}.svg").write_text(chart(CHARTS[result.group], rows))
    readme = root / "README.md"
    readme.write_text(BLOCK.sub(lambda found: found[1] + headline(results, found[0]) + "\n" + found[2],
                                readme.read_text()))
    say("published in docs/ and README.md")


def _sections(page: str, results: list[Result]) -> list[str]:
    """A section for each group and size, of the newest results or as it is on the page."""
    known = {(_rank(found[1]), float(found[2])): section.strip()
             for section in re.split(r"^(?=## )", page, flags=re.MULTILINE) if (found := MEASURED_BY.search(section))}
    known |= {_place(result): markdown([result]) for result in results}
    return [known[place] for place in sorted(known)]


def _rank(group: str) -> int:
    return [known.name for known in GROUPS].index(group)


def _place(result: Result) -> tuple[int, float]:
    """In the order of the groups, and then of the sizes."""
    return _rank(result.group), float(result.size.split()[0])


def _is_drawn(row: Row) -> bool:
    """Bars are for rates: a longer one is a better one. The flat file itself would dwarf all in memory."""
    row.series.pop(Native.name, None)
    return row.higher_is_better and bool(row.series)


def headline(results: list[Result], before: str) -> str:
    """The table in the README. `before`: as it is now; its lines of groups that were not measured stay."""
    lines = {line.split(" | ")[0].removeprefix("| "): line for line in before.splitlines()}
    for result in results:
        lines |= {row.name: _line(_headline(row, row.targets[0])) for row in result.rows if row.targets}
    names = [name for group in GROUPS for name in HEADLINE.get(group.name, []) if name in lines]
    return "\n".join([table(HEADLINE_COLUMNS, []), *[lines[name] for name in names]])


def _line(cells: list[str]) -> str:
    return "| " + " | ".join(cells) + " |"


def _headline(row: Row, target: Target) -> list[str]:
    ours, peer, ratio = row.figure(target.subject), row.peer(target), row.ratio(target)
    if ours is None or peer is None or ratio is None:
        return [row.name, "-", "-", "-", "-"]
    return [row.name, f"{number(ours)} {row.unit}", f"{number(peer[1])} {row.unit}", number(ratio),
            verdict(row, target)]
