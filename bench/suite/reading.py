"""One timed read of a chain through a mount, from a known state of memory."""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import ExitStack
from enum import Enum

from suite.chains import Chain
from suite.context import Context
from suite.measure import MIB, Sample
from suite.memory import forget, pre_touch, remember
from suite.peers import Native, Peer, Served
from suite.readers import Reading, sequential

Client = Callable[..., Reading]


class State(Enum):
    """What is in memory when the clock starts."""

    COLD = "cold"  # nothing
    CACHED = "layers cached"  # the chain's files, nothing of the view
    WARM = "read again"  # the view has been read once, and is opened anew


def files_of(peer: Peer, chain: Chain) -> list:
    """The files that a peer reads."""
    only_flat = isinstance(peer, Native) or "flat" in peer.name
    return [chain.flat] if only_flat else chain.files


def prepare(peer: Peer, chain: Chain, state: State) -> None:
    copies = 1  # of the disk that will come into memory: of the view
    if state is State.COLD:
        forget(chain.files + ([chain.flat] if chain.flat else []))
        copies += 1  # and of the files
    else:
        remember(files_of(peer, chain))  # what is cached already stays: reading all anew would take most of the time
    pre_touch(copies * chain.size + 256 * MIB)


def _forget_view(served: Served) -> None:
    """Drops the kernel's pages of the view, but not those of the layers."""
    fd = os.open(served.view, os.O_RDONLY)
    os.posix_fadvise(fd, 0, 0, os.POSIX_FADV_DONTNEED)
    os.close(fd)


def timed_read(context: Context, peer: Peer, chain: Chain, state: State, client: Client, *, value: Callable,
               cpus: set[int] | None = None, indexed: bool = False) -> Sample:
    """Serves the chain anew, and times the client. `value` makes the row's figure of the reading; `cpus`: where the
    peer runs; `indexed`: all has been read before, so that what a peer remembers of the metadata is there."""
    with ExitStack() as stack:
        prepare(peer, chain, state)
        served = stack.enter_context(peer.serve(chain, context.mountpoint(peer.name)))
        if cpus:
            served.pin(cpus)
        if state is State.WARM:
            client(served.view)
        if indexed:
            sequential(served.view)
            _forget_view(served)
        before = served.cpu()
        reading = client(served.view)
        cpu = (served.cpu() - before) / reading.gib() if served.pids else None
        client = None if reading.cpu is None else reading.cpu / reading.gib()
        return Sample(value(reading), cpu, served.rss(), client)
