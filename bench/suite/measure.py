"""Samples, series of them, rows of the table, and the race that fills a row."""

from __future__ import annotations

import statistics
import sys
from dataclasses import asdict, dataclass, field

from suite.processes import Failed

MIB = 1 << 20
GIB = 1 << 30


@dataclass
class Sample:
    """One timed test: the figure in the row's unit, and what the process behind it took."""

    value: float
    cpu: float | None = None  # CPU seconds per GiB
    rss: int | None = None  # bytes, at the most
    client_cpu: float | None = None  # CPU seconds per GiB of who read, where that was asked for


@dataclass
class Series:
    """What one contender reached, a sample a round."""

    samples: list[Sample] = field(default_factory=list)
    failure: str = ""

    def values(self) -> list[float]:
        return [sample.value for sample in self.samples]

    def median(self) -> float:
        return statistics.median(self.values())

    def cpu(self) -> float | None:
        known = [sample.cpu for sample in self.samples if sample.cpu is not None]
        return statistics.median(known) if known else None

    def rss(self) -> int | None:
        return max((sample.rss for sample in self.samples if sample.rss is not None), default=None)


@dataclass
class Target:
    """How far ahead `subject` should be: the factor by which it is better than the best of `against`; or, with no
    `against`, than `limit`, a figure in the row's unit. floor: must; aim: would be good."""

    floor: float | None = None
    aim: float | None = None
    against: tuple[str, ...] = ()
    subject: str = "qchain"
    limit: float | None = None


@dataclass
class Row:
    """One test and what all contenders reached in it."""

    name: str
    unit: str
    targets: list[Target] = field(default_factory=list)
    higher_is_better: bool = True
    use_best: bool = False  # compare best rounds: where the placing of threads on CPUs decides
    note: str = ""
    series: dict[str, Series] = field(default_factory=dict)

    def figure(self, who: str) -> float | None:
        """The figure by which a contender is judged."""
        series = self.series.get(who)
        if series is None or not series.samples:
            return None
        if self.use_best:
            return max(series.values()) if self.higher_is_better else min(series.values())
        return series.median()

    def peer(self, target: Target) -> tuple[str, float] | None:
        """Whom the target is measured against: the best of its peers that ran."""
        if target.limit is not None:
            return ("the limit", target.limit)
        there = [(who, self.figure(who)) for who in target.against if self.figure(who) is not None]
        choose = max if self.higher_is_better else min
        return choose(there, key=lambda pair: pair[1]) if there else None

    def ratio(self, target: Target) -> float | None:
        """How many times better the subject is than its peer."""
        ours, peer = self.figure(target.subject), self.peer(target)
        if ours is None or peer is None or not ours or not peer[1]:
            return None
        return ours / peer[1] if self.higher_is_better else peer[1] / ours

    def as_json(self) -> dict:
        return asdict(self) | {"ratios": [self.ratio(target) for target in self.targets]}


def row_from_json(data: dict) -> Row:
    """A row as as_json() wrote it."""
    series = {
        who: Series([Sample(**sample) for sample in one["samples"]], one["failure"])
        for who, one in data["series"].items()
    }
    targets = [Target(**(target | {"against": tuple(target["against"])})) for target in data["targets"]]
    known = {key: data[key] for key in ("name", "unit", "higher_is_better", "use_best", "note")}
    return Row(targets=targets, series=series, **known)


def verdict(row: Row, target: Target) -> str:
    """Met, or missed by how much."""
    ratio = row.ratio(target)
    if ratio is None:
        return "not measured"
    if target.floor is None and target.aim is None:
        return "no target"
    if target.floor is not None and ratio < target.floor:
        return f"floor missed by {1 - ratio / target.floor:.0%}"
    if target.aim is not None and ratio < target.aim:
        return f"{'floor met, ' if target.floor is not None else ''}aim missed by {1 - ratio / target.aim:.0%}"
    return "aim met" if target.aim is not None else "met"


def say(text: str) -> None:
    """Progress, for who waits."""
    print(text, file=sys.stderr, flush=True)


def race(row: Row, contenders: dict, rounds: int) -> Row:
    """Lets all contenders do the same, a round at a time, so that a noisy minute hits them all; who begins changes from
    round to round. A contender is a function that gives a Sample; one that fails is out, and the row says why."""
    say(f"  {row.name}")
    names = list(contenders)
    for turn in range(rounds):
        first = turn % len(names)
        for who in names[first:] + names[:first]:
            series = row.series.setdefault(who, Series())
            if series.failure:
                continue
            try:
                series.samples.append(contenders[who]())
            except Failed as failure:
                series.failure = str(failure)
                say(f"    {who} is out: {failure}")
    row.series = {who: row.series[who] for who in names}
    for who, series in row.series.items():
        if series.samples:
            say(f"    {who}: {row.figure(who):.4g} {row.unit}")
    return row
