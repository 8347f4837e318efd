"""Moving bytes where blocks can be shared: XFS, on a loop device."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from suite.chains import Chain, scattered
from suite.commits import by_qchain, by_qemu
from suite.context import Context, needs_root
from suite.measure import GIB, MIB, Row, Sample, Target
from suite.memory import forget, know_places, pre_touch, remember
from suite.processes import run, timed

QEMU = ("qemu-img commit -t none", "qemu-img commit -t writeback")


class Reflinking:
    """An XFS in a file. Remounting it forgets what is known of its files' extents."""

    def __init__(self, folder: Path, size: int):
        self.image, self.mountpoint = folder / "xfs.img", folder / "xfs"
        self.mountpoint.mkdir(parents=True)
        with open(self.image, "wb") as out:
            out.truncate(size)
        run("mkfs.xfs", "-q", "-m", "reflink=1", self.image)

    def mount(self) -> None:
        run("mount", "-o", "loop", self.image, self.mountpoint)

    def unmount(self) -> None:
        subprocess.run(["umount", self.mountpoint], check=False, capture_output=True)

    def remount(self) -> None:
        run("umount", self.mountpoint)
        self.mount()


@contextmanager
def reflinking(context: Context):
    files = Reflinking(context.folder / "reflink", 8 * context.size + GIB)
    files.mount()
    try:
        yield files
    finally:
        files.unmount()
        files.image.unlink()


def unshare(chain: Chain) -> None:
    """A base with blocks of its own again, as before the first commit."""
    fresh = chain.base.with_name("fresh.raw")
    run("cp", "--reflink=never", chain.base, fresh)
    fresh.replace(chain.base)
    run("sync", "-f", chain.base)


@dataclass(frozen=True)
class Known:
    """What is in memory when a commit begins."""

    name: str
    recall: Callable[[list[Path]], None]
    floor: float | None = None
    aim: float | None = None


KNOWN = (Known("extents cold", lambda files: None, 3, 10), Known("extents in memory", know_places, 50, 100),
         Known("extents and data in memory", remember))


def commit_row(context: Context, xfs: Reflinking, chain: Chain, known: Known) -> Row:
    def once(commit) -> Sample:
        unshare(chain)
        xfs.remount()
        forget(chain.files)
        pre_touch(2 * chain.size)
        known.recall(chain.files)
        cost = commit()
        return Sample(chain.moved / MIB / cost.seconds, cost.cpu / (chain.moved / GIB), cost.rss)

    row = Row(f"commit on XFS with reflink, {known.name}", "MiB/s", [Target(known.floor, known.aim, QEMU)])
    return context.race(row, {"qchain": partial(once, partial(by_qchain, context.qchain, chain)),
                              QEMU[0]: partial(once, partial(by_qemu, chain, "none")),
                              QEMU[1]: partial(once, partial(by_qemu, chain, "writeback"))})


def again_row(context: Context, chain: Chain) -> Row:
    """A commit of what is shared already, as after an interruption: the blocks need not change hands."""
    def once(commit) -> Sample:
        by_qchain(context.qchain, chain)
        remember(chain.files)
        pre_touch(2 * chain.size)
        cost = commit()
        return Sample(chain.moved / MIB / cost.seconds, cost.cpu / (chain.moved / GIB), cost.rss)

    row = Row("the same commit again, on XFS with reflink", "MiB/s", [Target(50, 100, QEMU)])
    return context.race(row, {"qchain": partial(once, partial(by_qchain, context.qchain, chain)),
                              QEMU[0]: partial(once, partial(by_qemu, chain, "none")),
                              QEMU[1]: partial(once, partial(by_qemu, chain, "writeback"))})


def copy_row(context: Context, chain: Chain) -> Row:
    out = chain.base.with_name("copied.raw")

    def once(*words) -> Sample:
        out.unlink(missing_ok=True)
        forget(chain.files)
        pre_touch(2 * chain.size)
        cost = timed(*words, then=lambda: timed("sync", "--data", out))
        return Sample(chain.size / MIB / cost.seconds, cost.cpu / (chain.size / GIB), cost.rss)

    peer = "qemu-img convert -C"
    row = Row("copy on XFS with reflink, flushed", "MiB/s", [Target(2, 5, (peer,))])
    return context.race(row, {"qchain": partial(once, context.qchain, "copy", chain.active, out),
                              peer: partial(once, "qemu-img", "convert", "-O", "raw", "-C", chain.active, out)})


def reflink(context: Context) -> list[Row]:
    needs_root("a loop mount")
    with reflinking(context) as xfs:
        chain = scattered(xfs.mountpoint / "chain", context.size)
        return [*(commit_row(context, xfs, chain, known) for known in KNOWN), again_row(context, chain),
                copy_row(context, chain)]
