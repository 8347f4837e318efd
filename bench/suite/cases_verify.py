"""Comparing a chain with a flat file."""

from __future__ import annotations

from functools import partial

from suite.cases_mount import three_layers
from suite.context import Context
from suite.measure import GIB, MIB, Row, Sample, Target
from suite.memory import forget, pre_touch, remember
from suite.processes import timed

COMPARE = "qemu-img compare"


def compare_row(context: Context, cached: bool) -> Row:
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
    row = Row(f"verify a chain against a raw file, {state}", "MiB/s", [Target(floor, None, (COMPARE,))])
    return context.race(row, {"qchain": partial(once, qchain), COMPARE: partial(once, qemu)})


def verify(context: Context) -> list[Row]:
    return [compare_row(context, cached=True), compare_row(context, cached=False)]
