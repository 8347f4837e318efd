"""Compressed chains."""

from __future__ import annotations

from functools import partial

from suite.cases_mount import QSD, read_race
from suite.compressed import compressed
from suite.context import Context
from suite.measure import GIB, MIB, Row, Sample, Series, Target
from suite.peers import QemuNbd, StorageDaemon, readers_for
from suite.readers import Random4k, sequential
from suite.reading import State


def compression(context: Context) -> list[Row]:
    rows = []
    peers = readers_for(context.qchain, (StorageDaemon, QemuNbd))
    for kind, floor in (("zlib", 2.0), ("zstd", None)):
        chain = context.chain(f"compressed-{kind}", partial(compressed, size=context.size, kind=kind))
        whole = Row(f"{kind}: sequential 1 MiB, layers cached", "MiB/s", [Target(floor, None, QSD)])
        small = Row(f"{kind}: random 4 KiB, 4 readers, layers cached", "IOPS", [Target(None, None, QSD)])
        client = Random4k(readers=4, seconds=context.seconds)
        rows += [read_race(context, whole, chain, peers, State.CACHED, sequential), per_core(whole, kind, floor),
                 read_race(context, small, chain, peers, State.CACHED, client)]
        context.drop(chain)
    return rows


def per_core(row: Row, kind: str, floor: float | None) -> Row:
    """What one CPU of the daemon's gives in a second."""
    own = Row(f"{kind}: inflated by one CPU of the daemon's", "MiB/s", [Target(floor, None, QSD)])
    for who, series in row.series.items():
        own.series[who] = Series([Sample(GIB / MIB / sample.cpu) for sample in series.samples if sample.cpu])
    return own
