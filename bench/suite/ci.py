"""A minute's worth, to notice that something became much slower; not for figures."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial

from suite.cases_mount import against_qsd, read_race, three_layers
from suite.cases_move import QEMU, Work, amplification
from suite.cases_verify import compare_row
from suite.commits import by_qchain, by_qemu
from suite.context import Context
from suite.measure import Row, Target, say
from suite.peers import StorageDaemon, readers_for
from suite.readers import Random4k, sequential
from suite.reading import State
from suite.report import number, spread

LENIENT = 1 / 5  # of a floor: a noisy machine stays above it, and what is done one byte or cluster at a time does not
# Of verify's: for a disk as small as here a fifth of it is within the noise.
VERY_LENIENT = 1 / 8
EXACT = 1  # for what is counted, not timed
BUDGET = 55  # seconds after which nothing more is begun
IMAGES = ("qemu-img", "qemu-io")
MOUNTS = (*IMAGES, "fusermount3", *StorageDaemon.programs)


@dataclass
class Check:
    """One thing to look at."""

    name: str
    make: Callable[[], Row]
    programs: tuple[str, ...] = IMAGES
    lenient: float = LENIENT

    def lacks(self) -> str:
        """What this machine has not; empty where it has all."""
        if "fusermount3" in self.programs and not os.access("/dev/fuse", os.R_OK | os.W_OK):
            return "no /dev/fuse here"
        missing = [program for program in self.programs if shutil.which(program) is None]
        return f"{missing[0]} is not installed" if missing else ""


@dataclass
class Findings:
    """What was looked at, what was not and why, and what is far below its floor: a line each."""

    seen: list[str] = field(default_factory=list)
    skipped: list[str] = field(default_factory=list)
    low: list[str] = field(default_factory=list)


def checks(context: Context) -> list[Check]:
    def read(state: State, client, unit: str, target: Target, name: str) -> Row:
        peers = readers_for(context.qchain, (StorageDaemon,))
        return read_race(context, Row(name, unit, [target]), three_layers(context), peers, state, client)

    def commit(name: str) -> Row:
        chain = three_layers(context)
        return context.race(Row(name, "MiB/s", [Target(1.7, 2.5, QEMU)]), {
            "qchain": Work(chain, partial(by_qchain, context.qchain, chain)),
            QEMU[0]: Work(chain, partial(by_qemu, chain, "none")),
            QEMU[1]: Work(chain, partial(by_qemu, chain, "writeback"))})

    def named(name: str, make: Callable[[str], Row], *programs: str) -> Check:
        return Check(name, partial(make, name), programs or IMAGES)

    in_depth = Random4k(depth=32, seconds=context.seconds)
    return [
        named("sequential 1 MiB, layers cached",
              partial(read, State.CACHED, sequential, "MiB/s", against_qsd(2.5, 4)), *MOUNTS),
        named("commit of 3 layers, cold, flushed", commit),
        Check("bytes written for a byte changed", partial(amplification, context), lenient=EXACT),
        Check("verify a chain against a raw file, cached", partial(compare_row, context, cached=True),
              lenient=VERY_LENIENT),
        named("random 4 KiB, depth 32, layers cached",
              partial(read, State.CACHED, in_depth, "IOPS", against_qsd(2.5, 3.5)), *MOUNTS, "fio"),
        named("sequential 1 MiB, read again",
              partial(read, State.WARM, sequential, "MiB/s", against_qsd(10, 20)), *MOUNTS),
    ]


def ci(context: Context) -> Findings:
    return look_at(checks(context), partial(_seconds_left, time.monotonic() + BUDGET))


def _seconds_left(deadline: float) -> float:
    return deadline - time.monotonic()


def look_at(all_checks: list[Check], left: Callable[[], float]) -> Findings:
    """What is far below its floor is measured once more: a minute in which the machine did something else is no
    finding."""
    found = Findings()
    for check in all_checks:
        reason = check.lacks() or ("" if left() > 0 else "the time is up")
        if reason:
            found.skipped.append(f"{check.name}: {reason}")
            continue
        row = check.make()
        if far_below(row, check.lenient):
            say("    far below its floor: once more")
            row = check.make()
        _note(row, check.lenient, found)
    return found


def _note(row: Row, lenient: float, found: Findings) -> None:
    peers = {who: series.failure for who, series in row.series.items() if who != "qchain"}
    if row.figure("qchain") is not None and peers and all(peers.values()):
        found.skipped.append(f"{row.name}: no peer: {', '.join(peers.values())}")
        return
    low = far_below(row, lenient)
    if low:
        found.low.append(low)
        return
    target = row.targets[0]
    found.seen.append(f"{row.name}: {spread(row, row.series['qchain'])} {row.unit}, {number(row.ratio(target))} times "
                      f"as good as {row.peer(target)[0]}; below {number(target.floor * lenient)} it would fail")


def far_below(row: Row, lenient: float) -> str:
    """What fell so far that noise does not explain it; empty where nothing did."""
    for target in row.targets:
        ratio = row.ratio(target)
        if ratio is None:
            out = [f"{who}: {series.failure}" for who, series in row.series.items() if series.failure]
            return f"{row.name}: not measured: {'; '.join(out)}"
        if target.floor is not None and ratio < target.floor * lenient:
            return f"{row.name}: {number(ratio)} times {row.peer(target)[0]}; the floor is {target.floor:g}"
    return ""
