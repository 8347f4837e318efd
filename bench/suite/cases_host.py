"""What a commit does to the rest of the machine: the page cache, and the bandwidth it was given."""

from __future__ import annotations

from functools import partial
from pathlib import Path

from suite.cases_mount import three_layers
from suite.cases_move import QEMU
from suite.chains import write_random
from suite.commits import by_qchain, by_qemu
from suite.context import Context
from suite.measure import MIB, Row, Sample, Series, Target
from suite.memory import forget, pre_touch, remember, short_of_memory
from suite.processes import run


KEPT = "another file's page cache kept through a commit"
SLACK = 512 * MIB  # what programs and the kernel need; a commit of more than that would not fit into the page cache


def cached(files: list[Path]) -> int:
    """Bytes of these files in the page cache."""
    return sum(int(run("fincore", "--bytes", "--noheadings", "--output", "RES", file)) for file in files)


def page_cache(context: Context) -> list[Row]:
    """How much of another file stays in the page cache through a commit, and how much the commit leaves there."""
    chain = three_layers(context)
    other = context.folder / "other.raw"
    write_random(other, context.size // 4, seed=8)
    commits = {"qchain": partial(by_qchain, context.qchain, chain), QEMU[0]: partial(by_qemu, chain, "none"),
               QEMU[1]: partial(by_qemu, chain, "writeback")}

    def kept(commit) -> Sample:
        forget([*chain.files, other])
        remember([other])
        before = cached([other])
        commit()
        return Sample(100 * cached([other]) / before)

    def left(commit) -> Sample:
        forget(chain.files)
        commit()
        return Sample(100 * cached(chain.files) / chain.moved)

    def keeping(name: str, floor: float, note: str = "") -> Row:
        row = Row(KEPT + name, "%", [Target(floor, None, limit=100)],
                  note=note)
        return context.race(row, {who: partial(kept, commit) for who, commit in commits.items()})

    def keeping_while_short() -> Row:
        name = ", memory short"
        if 2 * chain.moved <= SLACK:
            return Row(KEPT + name, "", note="not measured: so small a commit would fit into what is left")
        forget(chain.files)
        left = SLACK + context.size // 4
        with short_of_memory(left):
            return keeping(name, 0.9, f"{left / MIB:.0f} MiB of memory left, for programs, the other file "
                           f"({context.size // 4 / MIB:.0f}) and the commit ({chain.moved / MIB:.0f} read and written)")

    try:
        return [
            keeping("", 0.99), keeping_while_short(),
            context.race(Row("page cache that a commit leaves, of the bytes it moved", "%", higher_is_better=False),
                         {who: partial(left, commit) for who, commit in commits.items()})]
    finally:
        other.unlink()


def bandwidth(context: Context) -> list[Row]:
    """--bandwidth: the rate of the whole command, with its start and its flush, and how far the worst is off."""
    chain = three_layers(context)
    asked = max(1, chain.moved // MIB // 20)  # twenty seconds' worth

    def rate() -> Sample:
        forget(chain.files)
        pre_touch(2 * chain.size)
        cost = by_qchain(context.qchain, chain, "--bandwidth", str(asked))
        return Sample(chain.moved / MIB / cost.seconds)

    row = context.race(Row("commit --bandwidth: rate", "MiB/s", note=f"{asked} MiB/s asked for"), {"qchain": rate})
    worst = Row("commit --bandwidth: the worst round is off by", "%", [Target(1, None, limit=5)], higher_is_better=False)
    for who, series in row.series.items():
        off = [100 * abs(value / asked - 1) for value in series.values()]
        worst.series[who] = Series([Sample(max(off))] if off else [], series.failure)
    return [row, worst]


def host(context: Context) -> list[Row]:
    return [*bandwidth(context), *page_cache(context)]
