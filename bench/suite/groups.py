"""The groups of tests, by the names that the command line knows."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from suite.cases_compressed import compression
from suite.cases_depth import depth
from suite.cases_growth import growth
from suite.cases_guest import guest
from suite.cases_host import host
from suite.cases_mount import mount
from suite.cases_move import move
from suite.cases_readers import readers
from suite.cases_reflink import reflink
from suite.cases_scale import scale
from suite.cases_sparse import sparseness
from suite.cases_verify import verify
from suite.context import Context
from suite.measure import Row


@dataclass
class Group:
    name: str
    title: str
    make: Callable[[Context], list[Row]]


GROUPS = [
    Group("mount", "Reading through the mount: three overlays of a quarter each, at random, on a raw base", mount),
    Group("readers", "1, 2 and 4 readers of the mount at once", readers),
    Group("guest", "A guest's files, through a loop mount of disk.raw (root)", guest),
    Group("depth", "The same content in 1, 20, 300 and 1,000 layers", depth),
    Group("growth", "What fragmentation and size cost", growth),
    Group("scale", "16 TiB in 1,000 layers", scale),
    Group("compressed", "Compressed chains: zlib and zstd", compression),
    Group("sparse", "Sparse chains: cp, tar and rsync", sparseness),
    Group("move", "Commit and copy", move),
    Group("verify", "Verify", verify),
    Group("host", "What a commit does to the machine: bandwidth, the page cache", host),
    Group("reflink", "Commit and copy where blocks can be shared: XFS on a loop device (root)", reflink),
]
