"""Reading a chain through the mount, beside QEMU's and NBD's ways."""

from __future__ import annotations

import os
from functools import partial

from suite.chains import Chain, flatten, scattered
from suite.context import Context
from suite.disk_limit import NAME as DISK
from suite.disk_limit import cold_limit
from suite.measure import Row, Sample, Series, Target
from suite.peers import Native, Nbdkit, Peer, QemuNbd, StorageDaemon, readers_for
from suite.readers import Random4k, Reading, sequential
from suite.reading import State, timed_read

QSD = (StorageDaemon.name,)
NATIVE = (Native.name,)


def three_layers(context: Context) -> Chain:
    """The chain that most tests use: a raw base and three overlays of a quarter each, at random."""
    chain = context.chain("scattered", partial(scattered, size=context.size))
    if chain.flat is None:
        flatten(chain)
    return chain


def read_race(context: Context, row: Row, chain: Chain, peers: list[Peer], state: State, client, *,
              limit: dict | None = None, **how) -> Row:
    """All peers read the same; one sample each round. `limit`: who else takes turns, to show what can be had."""
    figure = Reading.per_second if row.unit == "IOPS" else Reading.rate
    contenders = {
        peer.name: partial(timed_read, context, peer, chain, state, client, value=figure, **how) for peer in peers
    }
    return context.race(row, contenders | (limit or {}))


def against_qsd(floor: float, aim: float) -> Target:
    return Target(floor, aim, QSD)


def cpu_row(row: Row) -> Row:
    """The CPU time that a row's test took the daemons, as a row of its own."""
    own = Row(f"CPU of the daemon: {row.name}", "CPU s/GiB", [against_qsd(2, 5)], higher_is_better=False)
    for who, series in row.series.items():
        if series.cpu() is not None:
            own.series[who] = Series([Sample(sample.cpu) for sample in series.samples])
    return own


def sequential_rows(context: Context, chain: Chain, peers: list[Peer]) -> list[Row]:
    native = Target(None, 0.6, NATIVE)
    direct = partial(sequential, direct=True)
    again = "sequential 1 MiB, read again"  # the daemon has nothing to do
    tests = [
        (Row("sequential 1 MiB, all cold", "MiB/s", [against_qsd(2.5, 3.5), native, Target(None, None, (DISK,))],
             note=f"{DISK}: as many bytes from the layers' files, a cluster at a time in random order"),
         State.COLD, sequential),
        (Row("sequential 1 MiB, layers cached", "MiB/s", [against_qsd(2.5, 4)]), State.CACHED, sequential),
        (Row(again, "MiB/s", [against_qsd(10, 20), native]), State.WARM, sequential),
        (Row("O_DIRECT 1 MiB, layers cached", "MiB/s", [against_qsd(3, 4)]), State.CACHED, direct),
    ]
    disk = {DISK: partial(cold_limit, chain)}
    rows = [read_race(context, row, chain, peers, state, client, limit=disk if state is State.COLD else None)
            for row, state, client in tests]
    return rows + [cpu_row(row) for row in rows if row.name != again]


def random_rows(context: Context, chain: Chain, peers: list[Peer]) -> list[Row]:
    seconds = context.seconds
    tests = [
        ("random 4 KiB, 4 readers, layers cached", (3, 4), State.CACHED, Random4k(readers=4, seconds=seconds)),
        ("random 4 KiB, depth 32, layers cached", (2.5, 3.5), State.CACHED, Random4k(depth=32, seconds=seconds)),
        ("random 4 KiB, depth 32, cold", (1.8, 2.8), State.COLD, Random4k(depth=32, seconds=seconds)),
    ]
    rows = [single_reader(context, chain, peers, State.CACHED, against_qsd(2, 3)),
            single_reader(context, chain, peers, State.COLD, against_qsd(1.3, 1.5))]
    for name, (floor, aim), state, client in tests:
        rows.append(read_race(context, Row(name, "IOPS", [against_qsd(floor, aim)]), chain, peers, state, client))
    return rows + [cpu_row(row) for row in rows]


def single_reader(context: Context, chain: Chain, peers: list[Peer], state: State, target: Target) -> Row:
    """Whether the scheduler puts client and daemon on one CPU decides this test by a factor of five, so they are put
    there, and the best rounds are compared."""
    cpu = min(os.sched_getaffinity(0))
    row = Row(f"random 4 KiB, 1 reader, {state.value}", "IOPS", [target], use_best=True,
              note="client and daemon on one CPU; best rounds")
    client = Random4k(seconds=context.seconds, cpus=str(cpu))
    return read_race(context, row, chain, peers, state, client, cpus={cpu})


def mount(context: Context) -> list[Row]:
    chain = three_layers(context)
    peers = readers_for(context.qchain, (StorageDaemon, QemuNbd, Nbdkit, Native), context.before)
    return sequential_rows(context, chain, peers) + random_rows(context, chain, peers)
