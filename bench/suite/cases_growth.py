"""How cost grows: with fragmentation, with what is stored, and with the size of the disk alone."""

from __future__ import annotations

import random
from functools import partial
from pathlib import Path

from suite.cases_depth import reading_row
from suite.cases_move import Work
from suite.cases_scale import time_and_memory, timed_command
from suite.chains import CLUSTER, Chain, Layer, make_layers, same_content, wide_and_deep, write_random
from suite.commits import by_qchain
from suite.context import Context
from suite.measure import GIB, MIB, Row, Sample, Series
from suite.readers import Random4k, sequential

PIECES = {"in order": 0, "1 MiB": MIB, "64 KiB": CLUSTER, "4 KiB": 4096}
SHARES = {"an eighth": 1 / 8, "a half": 1 / 2, "all": 1.0}
DISKS = {"1 GiB": GIB, "32 GiB": 32 * GIB, "1 TiB": 1024 * GIB, "16 TiB": 16384 * GIB}


def in_pieces(folder: Path, size: int, piece: int, seed: int = 11) -> Chain:
    """A raw base, and an overlay with all of its bytes, in pieces of `piece` bytes in random order; 0: from front to
    back."""
    folder.mkdir(parents=True)
    base = folder / "base.raw"
    write_random(base, size, seed)
    offsets = list(range(0, size, piece or MIB))
    if piece:
        random.Random(seed).shuffle(offsets)
    options = [f"cluster_size={piece}"] if 0 < piece < CLUSTER else []
    return Chain(make_layers(base, size, [Layer(folder / "1.qcow2", offsets, piece or MIB, options)]), size, size)


def growth(context: Context) -> list[Row]:
    return [*fragmentation(context), stored(context), *disk_size(context)]


def fragmentation(context: Context) -> list[Row]:
    """The same bytes in ever smaller pieces."""
    chains = {name: context.chain(f"pieces-{piece}", partial(in_pieces, size=context.size, piece=piece))
              for name, piece in PIECES.items()}
    note = "the overlay holds the whole disk, in pieces of this size in random order"
    rows = [reading_row(context, chains, Row("sequential 1 MiB, index built", "MiB/s", note=note), sequential),
            reading_row(context, chains, Row("sequential 1 MiB, first reading", "MiB/s"), sequential, indexed=False),
            reading_row(context, chains, Row("random 4 KiB, depth 32, index built", "IOPS"),
                        Random4k(depth=32, seconds=context.seconds)),
            *time_and_memory(context, "plan of a commit: qchain commit --dry-run", "layers cached", {
                name: partial(timed_command, chain, [context.qchain, "commit", "--dry-run", "--output=json"])
                for name, chain in chains.items()}),
            *_commits(context, "commit by size of the pieces, cold, flushed", chains)]
    for chain in chains.values():
        context.drop(chain)
    return rows


def stored(context: Context) -> Row:
    """More and more of one disk."""
    chains = {name: context.chain(f"stored-{share:g}", partial(same_content, size=context.size, depth=3, share=share,
                                                               base=True)) for name, share in SHARES.items()}
    row, _ = _commits(context, "commit of more and more of a disk, cold, flushed", chains)
    for chain in chains.values():
        context.drop(chain)
    return row


def disk_size(context: Context) -> list[Row]:
    """The same data in larger and larger disks."""
    layers, pieces = 10, 200
    chains = {name: context.chain(f"disk-{name.replace(' ', '')}", partial(wide_and_deep, size=size, depth_=layers,
                                                                           pieces=pieces))
              for name, size in DISKS.items()}
    note = f"{layers * pieces} clusters in {layers} layers, each at a random place of a disk of this size; layers cached"
    rows = []
    for name, words in (("map all", ["map"]), ("plan of merging all into the lowest layer", ["commit", "--dry-run"])):
        rows += time_and_memory(context, name, note, {
            size: partial(timed_command, chain, [context.qchain, *words, "--output=json"])
            for size, chain in chains.items()})
    for chain in chains.values():
        context.drop(chain)
    return rows


def _commits(context: Context, name: str, chains: dict[str, Chain]) -> list[Row]:
    """The speed, and the CPU time."""
    row = context.race(Row(name, "MiB/s"), {
        which: Work(chain, partial(by_qchain, context.qchain, chain)) for which, chain in chains.items()})
    cpu = Row(f"CPU: {name}", "CPU s/GiB", higher_is_better=False)
    for who, series in row.series.items():
        cpu.series[who] = Series([Sample(sample.cpu) for sample in series.samples], series.failure)
    return [row, cpu]
