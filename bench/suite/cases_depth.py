"""What the number of layers costs: the same content, spread over more and more of them."""

from __future__ import annotations

import os
from functools import partial

from suite.chains import Chain, same_content, wide_and_deep
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
    chains = {name_of(n): context.chain(f"depth-{n}", partial(same_content, size=context.size, depth=n))
              for n in DEPTHS}
    cpu = min(os.sched_getaffinity(0))  # one for both, as in `mount`: else the scheduler's choice decides
    client = Random4k(seconds=context.seconds, cpus=str(cpu))
    rows = [reading_row(context, chains, Row("sequential 1 MiB, index built", "MiB/s", no_worse_than_one()),
                        sequential),
            reading_row(context, chains, Row("random 4 KiB, 1 reader, index built", "IOPS", no_worse_than_one(),
                                             use_best=True, note="client and daemon on one CPU; best rounds"),
                        client, cpus={cpu}),
            reading_row(context, chains, Row("sequential 1 MiB, first reading, layers cached", "MiB/s"), sequential,
                        indexed=False),
            memory_row(context, chains[name_of(DEPTHS[-1])])]
    for chain in chains.values():
        context.drop(chain)
    return rows + [whole_index(context)]


def no_worse_than_one() -> list[Target]:
    return [Target(0.9, None, (name_of(1),), subject=name_of(n)) for n in DEPTHS[1:]]


def reading_row(context: Context, chains: dict[str, Chain], row: Row, client, indexed: bool = True, **how) -> Row:
    """The layers are cached. `indexed`: the index is built, so that only the reading itself is left."""
    figure = Reading.per_second if row.unit == "IOPS" else Reading.rate
    contenders = {
        name: partial(timed_read, context, Qchain(context.qchain), chain, State.CACHED, client, value=figure,
                      indexed=indexed, **how)
        for name, chain in chains.items()
    }
    return context.race(row, contenders)


def memory_row(context: Context, chain: Chain) -> Row:
    """Peak memory after all of the deepest chain was read once."""
    def peak(peer) -> Sample:
        sample = timed_read(context, peer, chain, State.CACHED, sequential, value=Reading.rate)
        return Sample(sample.rss / MIB, rss=sample.rss)

    row = Row(f"peak memory, {name_of(len(chain.files))} read once", "MiB", higher_is_better=False)
    return context.race(row, {peer.name: partial(peak, peer) for peer in (Qchain(context.qchain), StorageDaemon())})


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
