"""Moving bytes on the file system at hand: commit and copy."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from suite.cases_mount import three_layers
from suite.chains import Chain, same_content, small_changes
from suite.cases_shorten import shorten_row
from suite.commits import by_plain_loop, by_qchain, by_qemu, pieces_of
from suite.context import Context
from suite.disk_limit import NAME as DISK
from suite.disk_limit import disk_limit
from suite.measure import GIB, MIB, Row, Sample, Series, Target
from suite.memory import forget, pre_touch, remember
from suite.processes import Cost, timed

QEMU = ("qemu-img commit -t none", "qemu-img commit -t writeback")
PLAIN = "plain copy loop"


@dataclass
class Work:
    """A command to time, always on the same bytes."""

    chain: Chain
    run: Callable[[], Cost]
    cached: bool = False

    def __call__(self) -> Sample:
        forget(self.chain.files)
        if self.cached:
            pre_touch(2 * self.chain.size)
            remember(self.chain.files)
        pre_touch(2 * self.chain.size)
        cost = self.run()
        return Sample(self.chain.moved / MIB / cost.seconds, cost.cpu / (self.chain.moved / GIB), cost.rss)


def cpu_of(row: Row, floor: float | None, aim: float | None) -> Row:
    """The CPU time of a row's commands as a row of its own, against the fastest peer's."""
    fastest = row.peer(row.targets[0])
    targets = [Target(floor, aim, (fastest[0],))] if fastest else []
    own = Row(f"CPU: {row.name}", "CPU s/GiB", targets, higher_is_better=False)
    for who, series in row.series.items():
        if series.cpu() is not None:
            own.series[who] = Series([Sample(sample.cpu) for sample in series.samples])
    return own


def commit_rows(context: Context, chain: Chain) -> list[Row]:
    with disk_limit(chain, context.folder) as limits:
        return _commit_rows(context, chain, limits)


def _commit_rows(context: Context, chain: Chain, limits: dict[str, Callable[[], Sample]]) -> list[Row]:
    pieces = pieces_of(chain)

    def plain() -> Cost:
        started, cpu = time.perf_counter(), time.process_time()
        by_plain_loop(chain, pieces)
        return Cost(time.perf_counter() - started, time.process_time() - cpu, 0, 0)

    row = Row("commit of 3 layers, cold, flushed", "MiB/s", [Target(1.7, 2.5, QEMU), Target(None, 0.95, (PLAIN,))],
              note=f"{DISK}: a cluster at a time; whoever joins neighbours before writing may pass it")
    context.race(row, {
        "qchain": Work(chain, partial(by_qchain, context.qchain, chain)),
        QEMU[0]: Work(chain, partial(by_qemu, chain, "none")),
        QEMU[1]: Work(chain, partial(by_qemu, chain, "writeback")),
        PLAIN: Work(chain, plain)} | limits)
    verified = Row("commit with --verify, against qemu-img without", "MiB/s", [Target(1, None, QEMU)])
    context.race(verified, {
        "qchain": Work(chain, partial(by_qchain, context.qchain, chain, "--verify")),
        QEMU[0]: Work(chain, partial(by_qemu, chain, "none")),
        QEMU[1]: Work(chain, partial(by_qemu, chain, "writeback"))})
    in_memory = Row("commit of 3 layers, layers in memory, flushed", "MiB/s", [Target(1.7, 2.5, QEMU)])
    context.race(in_memory, {
        "qchain": Work(chain, partial(by_qchain, context.qchain, chain), cached=True),
        QEMU[0]: Work(chain, partial(by_qemu, chain, "none"), cached=True),
        QEMU[1]: Work(chain, partial(by_qemu, chain, "writeback"), cached=True)})
    return [row, cpu_of(row, 2, 5), in_memory, verified, cpu_of(verified, None, 2)]


def amplification(context: Context) -> Row:
    """Bytes written for each byte changed: 4 KiB changes, one in each 64 KiB."""
    chain = context.chain("small-changes", partial(small_changes, size=context.size))

    def written(commit) -> Sample:
        forget(chain.files)
        cost = commit()
        return Sample(cost.written / chain.moved, cost.cpu / (chain.moved / GIB), cost.rss)

    row = Row("bytes written for a byte changed, 4 KiB changes", "x", [Target(8, 16, QEMU)], higher_is_better=False)
    context.race(row, {"qchain": partial(written, partial(by_qchain, context.qchain, chain)),
                       QEMU[0]: partial(written, partial(by_qemu, chain, "none")),
                       QEMU[1]: partial(written, partial(by_qemu, chain, "writeback"))})
    context.drop(chain)
    return row


def deep_commit(context: Context) -> list[Row]:
    """The same clusters in 3 layers and in 100: the commit, and what of it is the plan."""
    contenders = {}
    for layers in (3, 100):
        chain = context.chain(f"commit-{layers}", partial(same_content, size=context.size, depth=layers, share=0.5,
                                                          base=True))
        contenders[f"{layers} layers"] = Work(chain, partial(by_qchain, context.qchain, chain))
    target = Target(1 / 1.2, None, ("3 layers",), subject="100 layers")
    row = context.race(Row("commit of the same content in 100 layers", "MiB/s", [target]), contenders)
    plan = context.race(Row("plan of the same content in 100 layers, cold: qchain commit --dry-run", "s",
                            higher_is_better=False),
                        {name: partial(cold_plan, context, work.chain) for name, work in contenders.items()})
    for work in contenders.values():
        context.drop(work.chain)
    return [row, plan]


def cold_plan(context: Context, chain: Chain) -> Sample:
    forget(chain.files)
    cost = timed(context.qchain, "commit", "--dry-run", chain.active)
    return Sample(cost.seconds, rss=cost.rss)


def copy_row(context: Context, chain: Chain) -> Row:
    """Flattening; every program's output is on the disk when the clock stops."""
    out = context.folder / "copied.raw"

    def flushed() -> None:
        timed("sync", "--data", out)

    def once(*words) -> Sample:
        out.unlink(missing_ok=True)
        forget([*chain.files, chain.flat])
        pre_touch(2 * chain.size)
        cost = timed(*words, then=flushed)
        return Sample(chain.size / MIB / cost.seconds, cost.cpu / (chain.size / GIB), cost.rss)

    convert = ["qemu-img", "convert", "-O", "raw", "-W", "-m", "16"]
    peers = ("qemu-img convert -W -m16", "qemu-img convert -W -m16 -t none")
    flat = "cp of the flat file"
    row = Row("copy to a raw file, cold, flushed", "MiB/s", [Target(1.7, 3, peers)])
    try:
        return context.race(row, {"qchain": partial(once, context.qchain, "copy", chain.active, out),
                                  peers[0]: partial(once, *convert, chain.active, out),
                                  peers[1]: partial(once, *convert, "-t", "none", chain.active, out),
                                  flat: partial(once, "cp", "--reflink=never", "--sparse=never", chain.flat, out)})
    finally:
        out.unlink(missing_ok=True)


def move(context: Context) -> list[Row]:
    chain = three_layers(context)
    return [*commit_rows(context, chain), shorten_row(context, chain), copy_row(context, chain), amplification(context),
            *deep_commit(context)]
