"""Taking layers out from under an overlay that stays: by moving them down (commit), or up (qemu-img rebase)."""

from __future__ import annotations

import os
import shutil
from functools import partial
from pathlib import Path

from suite.chains import Chain
from suite.commits import by_qchain, durable
from suite.context import Context
from suite.measure import GIB, Row, Sample, Target
from suite.memory import forget, pre_touch
from suite.processes import Cost, timed

REBASE = ("qemu-img rebase", "qemu-img rebase -t none")


def shorten_row(context: Context, chain: Chain) -> Row:
    """base <- 1 <- 2 <- 3 becomes base <- 3. Both change the last overlay, so each has a fresh copy of it."""
    *below, active = chain.files
    short = Chain([*below, active.with_name("short.qcow2")], chain.size, chain.moved)

    def once(shorten) -> Sample:
        _copy(active, short.active)
        forget(short.files)
        pre_touch(2 * chain.size)
        cost = shorten()
        return Sample(cost.seconds, cost.cpu / (chain.moved / GIB), cost.rss)

    row = Row("two of three layers go, cold, flushed", "s", [Target(1, None, REBASE)], higher_is_better=False,
              note="commit moves them into the base, rebase into the overlay")
    try:
        return context.race(row, {
            "qchain": partial(once, partial(by_qchain, context.qchain, short, "--top", str(below[-1]))),
            REBASE[0]: partial(once, partial(_by_rebase, short)),
            REBASE[1]: partial(once, partial(_by_rebase, short, "-t", "none"))})
    finally:
        short.active.unlink(missing_ok=True)


def _copy(source: Path, target: Path) -> None:
    shutil.copyfile(source, target)
    with open(target, "rb") as opened:
        os.fsync(opened.fileno())


def _by_rebase(chain: Chain, *options: str) -> Cost:
    return timed("qemu-img", "rebase", "-q", "-f", "qcow2", *options, "-b", chain.base, "-F", chain.base_format,
                 chain.active, then=durable(chain.active))
