"""Sparse chains, read through the mount by programs that can leave holes out: are data all that is moved?"""

from __future__ import annotations

import shutil
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from suite.cases_mount import QSD, cpu_row, read_race
from suite.chains import Chain, flatten, sparse
from suite.context import Context
from suite.measure import GIB, MIB, Row, Sample, Series, Target
from suite.memory import cached_of
from suite.peers import Native, Peer, Qchain, QemuNbd, StorageDaemon, readers_for
from suite.processes import Cost, timed, timed_tar
from suite.readers import sequential
from suite.reading import State, prepare

MORE = 1.25  # times the data: what the kernel reads ahead into holes, and blocks of metadata
LITTLE_READ_AHEAD = ("-o", "max_readahead=16384")


@dataclass
class Taken:
    """One program's work on one view."""

    cost: Cost
    asked: int  # bytes of the view that were read for it: what of it is in the page cache now
    stored: int | None  # bytes that the copy takes on the disk; None where there is no copy


class Program:
    """A program that reads a view. `copies`: into a file; `knows_holes`: asks where data are, and reads nothing else."""

    def __init__(self, name: str, run: Callable[[Path, Path], Cost], copies: bool = True, knows_holes: bool = True):
        self.name, self.run, self.copies, self.knows_holes = name, run, copies, knows_holes

    def take(self, view: Path, out: Path) -> Taken:
        out.unlink(missing_ok=True)
        with open(view, "rb", buffering=0) as opened:
            cost = self.run(view, out)
            asked = cached_of(opened.fileno())
        return Taken(cost, asked, out.stat().st_blocks * 512 if self.copies else None)


def programs(chain: Chain) -> list[Program]:
    def tar(view: Path, _: Path) -> Cost:
        return timed_tar(view.parent, "-S", view.name, least=chain.moved)[0]

    known = [Program("cp --sparse=always", lambda view, out: timed("cp", "--sparse=always", view, out)),
             Program("tar -S", tar, copies=False)]
    if shutil.which("rsync"):
        known.append(Program("rsync --sparse", lambda view, out: timed("rsync", "--sparse", "--whole-file", view, out),
                             knows_holes=False))
    return known


def sparseness(context: Context) -> list[Row]:
    chain = context.chain("sparse", partial(sparse, size=4 * context.size))
    if chain.flat is None:
        flatten(chain)
        timed("fallocate", "--dig-holes", chain.flat)
    usual, *others = readers_for(context.qchain, (StorageDaemon, QemuNbd, Native))
    peers = [usual, Qchain(context.qchain, LITTLE_READ_AHEAD), *others]
    out = context.folder / "copied.raw"
    try:
        return _reading_rows(context, chain, [usual, *others]) + [
            row for program in programs(chain) for row in _rows(context, program, chain, peers, out)]
    finally:
        out.unlink(missing_ok=True)
        context.drop(chain)


def _reading_rows(context: Context, chain: Chain, peers: list[Peer]) -> list[Row]:
    """All of it read, by who knows nothing of holes."""
    ways = (("holes and data, sequential 1 MiB", sequential), ("holes and data, O_DIRECT 1 MiB",
                                                              partial(sequential, direct=True)))
    rows = [read_race(context, Row(name, "MiB/s", [Target(None, None, QSD)], note=_content(chain)), chain, peers,
                      State.CACHED, client) for name, client in ways]
    return rows + [cpu_row(row) for row in rows]


def _content(chain: Chain) -> str:
    return f"{chain.moved / MIB:.0f} MiB of data in {chain.size / MIB:.0f}"


def _rows(context: Context, program: Program, chain: Chain, peers: list[Peer], out: Path) -> list[Row]:
    """The time, what was read of the view, and what the copy takes."""
    asked, stored = _per_byte(program, "read", program.knows_holes), _per_byte(program, "stored", True)

    def once(peer: Peer) -> Sample:
        with ExitStack() as stack:
            prepare(peer, chain, State.CACHED)
            served = stack.enter_context(peer.serve(chain, context.mountpoint(peer.name)))
            before = served.cpu()
            taken = program.take(Path(served.view), out)
            cpu = (served.cpu() - before) / (chain.moved / GIB) if served.pids else None
            rss = served.rss()
        if isinstance(peer, (Qchain, Native)):  # the others' pages go as soon as the program closes the file
            note(asked, peer, taken.asked)
        if taken.stored is not None:
            note(stored, peer, taken.stored)
        return Sample(taken.cost.seconds, cpu, rss)

    def note(row: Row, peer: Peer, count: int) -> None:
        row.series.setdefault(peer.name, Series()).samples.append(Sample(count / chain.moved))

    row = Row(program.name, "s", [Target(None, None, QSD)], higher_is_better=False,
              note=_content(chain))
    context.race(row, {peer.name: partial(once, peer) for peer in peers})
    return [row, *([stored] if program.copies else []), asked]


def _per_byte(program: Program, what: str, only_data: bool) -> Row:
    ours = (Qchain.name, " ".join((Qchain.name, *LITTLE_READ_AHEAD)))
    row = Row(f"{program.name}: bytes {what} for a byte of data", "x",
              [Target(1, limit=MORE, subject=who) for who in ours] if only_data else [], higher_is_better=False)
    if not only_data:
        row.note = "it reads holes too, of whatever file: see the flat file's column"
    return row
