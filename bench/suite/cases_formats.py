"""Chains that need more than copying: compressed ones, and sparse ones."""

from __future__ import annotations

from contextlib import ExitStack
from functools import partial
from pathlib import Path

from suite.cases_mount import QSD, read_race
from suite.chains import Chain, flatten, sparse
from suite.compressed import compressed
from suite.context import Context
from suite.measure import GIB, MIB, Row, Sample, Series, Target
from suite.peers import Native, Peer, QemuNbd, StorageDaemon, readers_for
from suite.processes import Cost, timed, timed_tar
from suite.readers import Random4k, sequential
from suite.reading import State, prepare


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


def sparseness(context: Context) -> list[Row]:
    chain = context.chain("sparse", partial(sparse, size=4 * context.size))
    if chain.flat is None:
        flatten(chain)
        _dig_holes(chain)
    peers = readers_for(context.qchain, (StorageDaemon, QemuNbd, Native))
    out = context.folder / "copied.raw"
    copy = Row("cp --sparse=always", "s", [Target(None, None, QSD)], higher_is_better=False, note=_holds(chain))
    tar = Row("tar -S", "s", [Target(None, None, QSD)], higher_is_better=False, note=_holds(chain))
    try:
        return [_consume(context, copy, chain, peers, lambda view: timed("cp", "--sparse=always", view, out)),
                _consume(context, tar, chain, peers,
                         lambda view: timed_tar(view.parent, "-S", view.name, least=chain.moved)[0])]
    finally:
        out.unlink(missing_ok=True)
        context.drop(chain)


def _dig_holes(chain: Chain) -> None:
    timed("fallocate", "--dig-holes", chain.flat)


def _holds(chain: Chain) -> str:
    return f"{chain.moved / MIB:.0f} MiB of data in {chain.size / MIB:.0f}"


def _consume(context: Context, row: Row, chain: Chain, peers: list[Peer], program) -> Row:
    """Times a program that reads the view."""
    def once(peer: Peer) -> Sample:
        with ExitStack() as stack:
            prepare(peer, chain, State.CACHED)
            served = stack.enter_context(peer.serve(chain, context.mountpoint(peer.name)))
            before = served.cpu()
            cost: Cost = program(Path(served.view))
            cpu = (served.cpu() - before) / (chain.moved / GIB) if served.pids else None
            return Sample(cost.seconds, cpu, served.rss())

    return context.race(row, {peer.name: partial(once, peer) for peer in peers})


