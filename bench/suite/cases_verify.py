"""Comparing a chain with a flat file."""

from __future__ import annotations

import os
from functools import partial
from pathlib import Path

from suite.cases_mount import three_layers
from suite.chains import Chain
from suite.context import Context
from suite.disk_limit import NAME as DISK
from suite.disk_limit import compare_limit
from suite.measure import GIB, MIB, Row, Sample, Target
from suite.memory import forget, pre_touch, remember
from suite.plain_compare import plain_compare
from suite.processes import run, timed

COMPARE = "qemu-img compare"
PLAIN = "two flat files, plainly"


def compare_row(context: Context, cached: bool, limits: dict | None = None) -> Row:
    """`limits`: who else takes turns, to show what can be had."""
    chain = three_layers(context)
    files = [*chain.files, chain.flat]
    qchain = [context.qchain, "verify", "--target-format=raw", chain.active, chain.flat]
    qemu = ["qemu-img", "compare", "-q", "-f", "qcow2", "-F", "raw", chain.active, chain.flat]

    def once(words: list) -> Sample:
        forget(files)
        pre_touch(2 * chain.size)
        if cached:
            remember(files)
        cost = timed(*words)
        return Sample(chain.size / MIB / cost.seconds, cost.cpu / (chain.size / GIB), cost.rss)

    state, floor = ("cached", 4) if cached else ("cold", 2)
    near = [Target(None, 0.9, (limit,)) for limit in limits or {}]
    row = Row(f"verify a chain against a raw file, {state}", "MiB/s", [Target(floor, None, (COMPARE,)), *near])
    return context.race(row, {"qchain": partial(once, qchain), COMPARE: partial(once, qemu)} | (limits or {}))


def verify(context: Context) -> list[Row]:
    chain = three_layers(context)
    twin = context.folder / "twin.raw"
    try:
        run("cp", "--reflink=never", "--sparse=never", chain.flat, twin)
        os.sync()
        cached = compare_row(context, cached=True, limits={PLAIN: partial(_plainly, chain, twin)})
    finally:
        twin.unlink(missing_ok=True)
    cold = compare_row(context, cached=False, limits={DISK: partial(compare_limit, chain)})
    cached.note = f"{PLAIN}: a thread for each processor reads a mebibyte of each file and compares; no chain, no holes"
    cold.note = (f"{DISK}: the flat file from front to back, and as many bytes from the layers' files, a cluster at a "
                 "time in random order")
    return [cached, cold]


def _plainly(chain: Chain, twin: Path) -> Sample:
    forget([*chain.files, chain.flat, twin])
    pre_touch(2 * chain.size)
    remember([chain.flat, twin])
    return Sample(chain.size / MIB / plain_compare(chain.flat, twin))
