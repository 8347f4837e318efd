"""Many readers of the mount at once: do they get more than one does?"""

from __future__ import annotations

import os
from functools import partial

from suite.cases_mount import three_layers
from suite.chains import Chain
from suite.context import Context
from suite.measure import GIB, MIB, Row, Sample, Series, Target
from suite.peers import Native, Peer, Qchain, readers_for
from suite.readers import Random4k, Reading, Shares
from suite.reading import State, timed_read

READERS = (1, 2, 4)


def name_of(who: str, readers: int) -> str:
    return f"{who}, {readers} reader{'s' if readers > 1 else ''}"


def readers(context: Context) -> list[Row]:
    chain = three_layers(context)
    peers = readers_for(context.qchain, (Native,), context.before)
    rows = []
    for what, unit, size, figure, client in (
            ("sequential 1 MiB, a share of the disk each", "MiB/s", MIB, Reading.rate, Shares),
            ("random 4 KiB", "IOPS", 4096, Reading.per_second, partial(Random4k, seconds=context.seconds))):
        row = _row(context, chain, peers, f"{what}, layers cached, all readers together", unit, figure, client)
        rows += [row, gain(row, what, [peer.name for peer in peers]), busy(row, what, size)]
    return rows


def _row(context: Context, chain: Chain, peers: list[Peer], name: str, unit: str, figure, client) -> Row:
    """Readers and daemon are wherever the scheduler puts them: the CPUs are what they share."""
    contenders = {
        name_of(peer.name, count): partial(timed_read, context, peer, chain, State.CACHED, client(readers=count),
                                           value=figure)
        for peer in peers for count in READERS
    }
    alone = (name_of(Qchain.name, 1),)
    targets = [Target(0.9, None, alone, subject=name_of(Qchain.name, count)) for count in READERS[1:]]
    return context.race(Row(name, unit, targets, note=f"on {len(os.sched_getaffinity(0))} CPUs"), contenders)


def gain(row: Row, what: str, names: list[str]) -> Row:
    """How many times as much as one reader got in the same round, for each of `names`."""
    own = Row(f"{what}: times what 1 reader gets", "x")
    for who in names:
        alone = row.series[name_of(who, 1)]
        for count in READERS[1:]:
            together = row.series[name_of(who, count)]
            own.series[name_of(who, count)] = Series(
                [Sample(many.value / one.value) for many, one in zip(together.samples, alone.samples)],
                together.failure or alone.failure)
    return own


def busy(row: Row, what: str, size: int) -> Row:
    """How much of all processors reader and daemon took together: near 100, there is nothing that more readers could
    get. `size`: bytes of the row's unit."""
    cpus = len(os.sched_getaffinity(0))
    own = Row(f"{what}: processors busy, of {cpus}", "%")
    for who, series in row.series.items():
        own.series[who] = Series([
            Sample(100 * (sample.client_cpu + (sample.cpu or 0)) * sample.value * size / GIB / cpus)
            for sample in series.samples if sample.client_cpu is not None
        ], series.failure)
    return own
