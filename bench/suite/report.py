"""Results as JSON and as Markdown."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from suite.measure import MIB, Row, Series, row_from_json, verdict


@dataclass
class Result:
    """A group's rows, and where and under which conditions they were measured."""

    group: str
    title: str
    rows: list[Row]
    facts: dict[str, str]
    conditions: dict[str, str]

    @property
    def size(self) -> str:
        """Of the disks."""
        return self.conditions["size"]

    def as_json(self) -> dict:
        return {"group": self.group, "title": self.title, "facts": self.facts, "conditions": self.conditions,
                "rows": [row.as_json() for row in self.rows]}


def save(result: Result, folder: Path) -> None:
    """One JSON and one Markdown file for a group and size of disks; the next run of the same replaces them."""
    folder.mkdir(parents=True, exist_ok=True)
    name = f"{result.group}-{result.size.replace(' ', '')}"
    (folder / f"{name}.json").write_text(json.dumps(result.as_json(), indent=1) + "\n")
    (folder / f"{name}.md").write_text(markdown([result]) + "\n")


def load(path: Path) -> Result:
    data = json.loads(path.read_text())
    return Result(data["group"], data["title"], [row_from_json(row) for row in data["rows"]], data["facts"],
                  data["conditions"])


def number(value: float) -> str:
    """Three digits that count, without an exponent."""
    if value >= 1000:
        return f"{value:,.0f}"
    if value >= 100:
        return f"{value:.0f}"
    return f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def spread(row: Row, series: Series) -> str:
    if not series.samples:
        return f"({series.failure})"
    values = series.values()
    chosen = max(values) if row.higher_is_better else min(values)
    figure = chosen if row.use_best else series.median()
    return f"{number(figure)} ({number(min(values))}–{number(max(values))})"


def table(header: list[str], lines: list[list[str]], words: int = 1) -> str:
    """The first `words` columns hold words, the others figures."""
    rule = ["---"] * words + ["---:"] * (len(header) - words)
    return "\n".join("| " + " | ".join(cells) + " |" for cells in [header, rule, *lines])


def groups_of_rows(rows: list[Row]) -> list[list[Row]]:
    """Neighbours with the same contenders share a table."""
    groups: list[list[Row]] = []
    for row in rows:
        if groups and list(groups[-1][0].series) == list(row.series):
            groups[-1].append(row)
        else:
            groups.append([row])
    return groups


def figures(rows: list[Row]) -> str:
    names = list(rows[0].series)
    lines = [[f"{row.name}, {row.unit}" if row.unit else row.name,
              *[spread(row, row.series[who]) for who in names]] for row in rows]
    return table(["test", *names], lines)


def costs(rows: list[Row]) -> str:
    """CPU time and memory of whatever process did the work."""
    lines = []
    for row in rows:
        for who, series in row.series.items():
            if series.cpu() is not None or series.rss() is not None:
                cpu = "" if series.cpu() is None else number(series.cpu())
                rss = "" if not series.rss() else number(series.rss() / MIB)
                lines.append([row.name, who, cpu, rss])
    return table(["test", "who", "CPU s/GiB", "peak RSS, MiB"], lines, words=2) if lines else ""


def times(value: float | None) -> str:
    return "" if value is None else f"{value:.3g}"


def targets(rows: list[Row]) -> str:
    lines = []
    for row in rows:
        for target in row.targets:
            peer, ratio = row.peer(target), row.ratio(target)
            against = f"{peer[0]}{f' ({number(peer[1])})' if target.limit is not None else ''}" if peer else "-"
            lines.append([row.name, target.subject, against, verdict(row, target), number(ratio) if ratio else "-",
                          times(target.floor), times(target.aim)])
        header = ["test", "who", "against", "verdict", "times better", "floor", "aim"]
    return table(header, lines, words=4) if lines else ""


def markdown(results: list[Result]) -> str:
    parts = []
    for result in results:
        parts.append(f"## {result.title}; `--size` {result.size}")
        parts.append(f"`bench/run {result.group}`: " + ", ".join(
            f"{key} {value}" for key, value in result.conditions.items()) + "; " + result.facts["date"] + ", commit "
            + result.facts["commit"] + ".")
        parts.append(f"The machine: {machine_line(result.facts)}.")
        parts += [figures(rows) for rows in groups_of_rows(result.rows)]
        parts += [f"- {row.name}: {row.note}" for row in result.rows if row.note]
        parts += [text for text in (targets(result.rows), costs(result.rows)) if text]
    return "\n\n".join(parts)


def machine_line(facts: dict[str, str]) -> str:
    return ", ".join(f"{key} {value}" for key, value in facts.items() if key not in ("date", "commit"))
