"""A minute's worth, to notice that something became much slower; not for figures."""

from __future__ import annotations

from functools import partial

from suite.cases_mount import against_qsd, read_race, three_layers
from suite.cases_move import QEMU, Work, amplification
from suite.cases_verify import compare_row
from suite.commits import by_qchain, by_qemu
from suite.context import Context
from suite.measure import Row, Target
from suite.peers import StorageDaemon, readers_for
from suite.readers import Random4k, sequential
from suite.reading import State

LENIENT = 1 / 5  # of a floor: a noisy machine stays above it, and what is done one byte or cluster at a time does not


def ci(context: Context) -> list[Row]:
    chain = three_layers(context)
    peers = readers_for(context.qchain, (StorageDaemon,))
    cached = partial(read_race, context, chain=chain, peers=peers, state=State.CACHED)
    commit = Row("commit of 3 layers, cold, flushed", "MiB/s", [Target(1.7, 2.5, QEMU)])
    return [
        cached(Row("sequential 1 MiB, layers cached", "MiB/s", [against_qsd(2.5, 4)]), client=sequential),
        cached(Row("random 4 KiB, depth 32, layers cached", "IOPS", [against_qsd(2.5, 3.5)]),
               client=Random4k(depth=32, seconds=context.seconds)),
        read_race(context, Row("sequential 1 MiB, read again", "MiB/s", [against_qsd(10, 20)]), chain, peers,
                  State.WARM, sequential),
        context.race(commit, {"qchain": Work(chain, partial(by_qchain, context.qchain, chain)),
                              QEMU[0]: Work(chain, partial(by_qemu, chain, "none")),
                              QEMU[1]: Work(chain, partial(by_qemu, chain, "writeback"))}),
        amplification(context),
        compare_row(context, cached=True),
    ]


def far_below(rows: list[Row]) -> list[str]:
    """What fell so far that noise does not explain it."""
    found = []
    for row in rows:
        for target in row.targets:
            ratio = row.ratio(target)
            if ratio is None:
                found.append(f"{row.name}: not measured")
            elif target.floor is not None and ratio < target.floor * LENIENT:
                found.append(f"{row.name}: {ratio:.2f} times {row.peer(target)[0]}; the floor is {target.floor:g}")
    return found
