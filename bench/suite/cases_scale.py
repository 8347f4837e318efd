"""A disk of 16 TiB in 1,000 layers, as large and as deep as they come: what is done once for it, and what it takes."""

from __future__ import annotations

import os
import random
import time
from collections.abc import Callable
from functools import partial

from suite.chains import CLUSTER, Chain, wide_and_deep
from suite.context import Context
from suite.measure import MIB, Row, Sample
from suite.memory import forget, pre_touch, remember
from suite.peers import Qchain, Served, StorageDaemon
from suite.processes import timed

SIZE = 16 << 40
LAYERS = 1000
PIECES = 8  # clusters in each layer
READS = 200
QEMU_INFO = "qemu-img info --backing-chain"


def huge_chain(context: Context) -> Chain:
    """16 TiB, 1,000 layers, all of them sparse; for whoever wants to know what size and depth cost."""
    return context.chain("huge", partial(wide_and_deep, size=SIZE, depth_=LAYERS, pieces=PIECES))


def scale(context: Context) -> list[Row]:
    chain = huge_chain(context)
    note = f"{LAYERS * PIECES} clusters of data, each at a random place; layers cached"
    rows = []
    rows += time_and_memory(context, "open: qchain info", note, {
        "qchain": partial(timed_command, chain, [context.qchain, "info", "--output=json"]),
        QEMU_INFO: partial(timed_command, chain, [*QEMU_INFO.split(), "--output=json"])})
    for name, words in (("map all: qchain map", ["map"]),
                        ("plan of merging all into the lowest layer: qchain commit --dry-run", ["commit", "--dry-run"])):
        rows += time_and_memory(context, name, note, {
            "qchain": partial(timed_command, chain, [context.qchain, *words, "--output=json"])})
    ours, qemus = Qchain(context.qchain), StorageDaemon()
    for name, use, peers in (("mount, until it answers", _nothing, (ours, qemus)),
                             (f"{READS} reads at random places", _read_random, (ours, qemus)),
                             ("walk of it by SEEK_DATA and SEEK_HOLE", _walk, (ours,))):
        rows += time_and_memory(context, name, note, {
            peer.name: partial(_served, context, peer, chain, use) for peer in peers})
    context.drop(chain)
    return rows


def time_and_memory(context: Context, name: str, note: str, contenders: dict[str, Callable]) -> list[Row]:
    """What contenders take, in two rows."""
    spent = context.race(Row(name, "s", higher_is_better=False, note=note), contenders)
    memory = Row(f"peak memory: {name}", "MiB", higher_is_better=False)
    for who, series in spent.series.items():
        memory.series[who] = type(series)([Sample(sample.rss / MIB) for sample in series.samples], series.failure)
    return [spent, memory]


def _prepare(chain: Chain) -> None:
    forget(chain.files)
    pre_touch(2 * chain.moved)
    remember(chain.files)


def timed_command(chain: Chain, words: list) -> Sample:
    """A command on the active image, the layers cached."""
    _prepare(chain)
    cost = timed(*words, chain.active)
    return Sample(cost.seconds, rss=cost.rss)


def _served(context: Context, peer, chain: Chain, use: Callable[[Served], None]) -> Sample:
    """Mounting counts only where nothing else is done."""
    _prepare(chain)
    started = time.perf_counter()
    with peer.serve(chain, context.mountpoint(peer.name)) as served:
        if use is not _nothing:
            started = time.perf_counter()
            use(served)
        return Sample(time.perf_counter() - started, rss=served.rss())


def _nothing(_: Served) -> None:
    pass


def _read_random(served: Served) -> None:
    source = random.Random(8)
    with open(served.view, "rb", buffering=0) as opened:
        for _ in range(READS):
            os.pread(opened.fileno(), 4096, source.randrange(SIZE // CLUSTER) * CLUSTER)


def _walk(served: Served) -> None:
    """From data to hole to data, as cp and tar go."""
    with open(served.view, "rb", buffering=0) as opened:
        position = 0
        while True:
            try:
                position = os.lseek(opened.fileno(), position, os.SEEK_DATA)
            except OSError:  # no more data
                return
            position = os.lseek(opened.fileno(), position, os.SEEK_HOLE)
