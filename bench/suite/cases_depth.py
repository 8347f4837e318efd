"""What the number of layers costs: the same content, spread over more and more of them."""

from __future__ import annotations

import random
from functools import partial
from pathlib import Path

from suite.chains import CLUSTER, Chain, Layer, make_layers, same_content
from suite.context import Context
from suite.measure import GIB, MIB, Row, Sample, Target
from suite.memory import forget, pre_touch, remember
from suite.peers import Qchain, StorageDaemon
from suite.processes import timed
from suite.readers import Random4k, Reading, sequential
from suite.reading import State, timed_read

DEPTHS = (1, 20, 300, 1000)


def name_of(depth: int) -> str:
    return f"{depth} layers" if depth > 1 else "1 layer"


def depth(context: Context) -> list[Row]:
    chains = {n: context.chain(f"depth-{n}", partial(same_content, size=context.size, depth=n)) for n in DEPTHS}
    client = Random4k(seconds=context.seconds)
    rows = [reading_row(context, chains, "sequential 1 MiB", "MiB/s", sequential),
            reading_row(context, chains, "random 4 KiB, 1 reader", "IOPS", client),
            first_reading(context, chains),
            memory_row(context, chains[DEPTHS[-1]])]
    for chain in chains.values():
        context.drop(chain)
    return rows + [whole_index(context)]


def no_worse_than_one() -> list[Target]:
    return [Target(0.9, None, (name_of(1),), subject=name_of(n)) for n in DEPTHS[1:]]


def reading_row(context: Context, chains: dict[int, Chain], name: str, unit: str, client) -> Row:
    """The index is built, the layers are cached: only the reading itself is left."""
    figure = Reading.per_second if unit == "IOPS" else Reading.rate
    contenders = {
        name_of(n): partial(timed_read, context, Qchain(context.qchain), chain, State.CACHED, client, value=figure,
                            indexed=True)
        for n, chain in chains.items()
    }
    return context.race(Row(f"{name}, index built", unit, no_worse_than_one()), contenders)


def first_reading(context: Context, chains: dict[int, Chain]) -> Row:
    """The same with the building of the index in it."""
    contenders = {
        name_of(n): partial(timed_read, context, Qchain(context.qchain), chain, State.CACHED, sequential,
                            value=Reading.rate)
        for n, chain in chains.items()
    }
    return context.race(Row("sequential 1 MiB, first reading, layers cached", "MiB/s"), contenders)


def memory_row(context: Context, chain: Chain) -> Row:
    """Peak memory after all of the deepest chain was read once."""
    def peak(peer) -> Sample:
        sample = timed_read(context, peer, chain, State.CACHED, sequential, value=Reading.rate)
        return Sample(sample.rss / MIB, rss=sample.rss)

    row = Row(f"peak memory, {name_of(len(chain.files))} read once", "MiB", higher_is_better=False)
    return context.race(row, {peer.name: partial(peak, peer) for peer in (Qchain(context.qchain), StorageDaemon())})


def wide_and_deep(folder: Path, size: int, depth_: int, pieces: int) -> Chain:
    """Many layers with few clusters each, anywhere in a large disk: nearly each cluster has an L2 table of its own."""
    folder.mkdir(parents=True)
    source = random.Random(6)
    clusters = range(0, size, CLUSTER)
    layers = [Layer(folder / f"{n}.qcow2", source.sample(clusters, pieces)) for n in range(depth_)]
    return Chain(make_layers(None, size, layers), size, depth_ * pieces * CLUSTER)


def whole_index(context: Context) -> Row:
    """Resolving all of a large, deep chain, cached: `qchain map` prints what the index holds."""
    size, layers, pieces = 100 * GIB, DEPTHS[-1], 8
    chain = context.chain("wide", partial(wide_and_deep, size=size, depth_=layers, pieces=pieces))

    def build() -> Sample:
        forget(chain.files)
        pre_touch(2 * chain.moved)
        remember(chain.files)
        cost = timed(context.qchain, "map", "--output=json", chain.active)
        return Sample(cost.seconds, rss=cost.rss)

    row = Row("index of 1,000 layers, 100 GiB, layers cached", "s", [Target(1.0, limit=1.0)], higher_is_better=False,
              note=f"{layers * pieces} clusters, each at a random place")
    context.race(row, {"qchain": build})
    context.drop(chain)
    return row
