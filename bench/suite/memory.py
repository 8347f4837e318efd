"""The states of memory that tests start from, made the same for everyone.

Two properties of virtual machines would spoil the figures otherwise. Free memory goes back to the host after a while,
and taking it again is so slow that a cold read measures nothing else: so memory is taken and given back right before
each test. And the host may let the guest drop idle page cache: so files that should be cached are read right before.
"""

from __future__ import annotations

import ctypes
import fcntl
import mmap
import os
import struct
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

MADV_POPULATE_WRITE = 23
FS_IOC_FIEMAP = 0xC020660B
PIECE = 256 << 20
SMALL_PIECE = 16 << 20


def pre_touch(size: int) -> None:
    """Takes `size` bytes of memory, writes to each page and gives them back; less where less is free."""
    pieces = -(-min(size, _known("MemFree") * 3 // 4) // PIECE)
    for area in [_touch(PIECE) for _ in range(pieces)]:  # all are held before the first is given back
        area.close()


@contextmanager
def short_of_memory(left: int) -> Iterator[None]:
    """Holds all memory but `left` bytes of what could be had, page cache included."""
    with ExitStack() as held:
        while (spare := _known("MemAvailable") - left) > 0:
            held.enter_context(_touch(PIECE if spare > 2 * PIECE else SMALL_PIECE))
        yield


def _touch(size: int) -> mmap.mmap:
    area = mmap.mmap(-1, size)
    try:
        area.madvise(MADV_POPULATE_WRITE)
    except OSError:  # before Linux 5.14
        for page in range(0, size, mmap.PAGESIZE):
            area[page] = 1
    return area


def _known(what: str) -> int:
    """A figure of /proc/meminfo, in bytes."""
    for line in Path("/proc/meminfo").read_text().splitlines():
        if line.startswith(f"{what}:"):
            return int(line.split()[1]) * 1024
    return 0


def forget(files: list[Path]) -> None:
    """Takes files out of the page cache; as root all that is cached, metadata too."""
    for file in files:
        with open(file, "rb") as opened:
            os.fdatasync(opened.fileno())
            os.posix_fadvise(opened.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
    if os.geteuid() == 0:
        Path("/proc/sys/vm/drop_caches").write_text("3")


def know_places(files: list[Path]) -> None:
    """Where files lie on their file system is in memory (FIEMAP was asked), whatever there is of their data."""
    count_all = struct.pack("=QQIIII", 0, (1 << 64) - 1, 0, 0, 0, 0)
    for file in files:
        with open(file, "rb") as opened:
            fcntl.ioctl(opened.fileno(), FS_IOC_FIEMAP, count_all)


def remember(files: list[Path]) -> None:
    """Reads the stored parts of files into the page cache."""
    buffer = memoryview(bytearray(1 << 20))
    for file in files:
        with open(file, "rb", buffering=0) as opened:
            size = os.fstat(opened.fileno()).st_size
            _read_stored(opened.fileno(), size, buffer)


def _read_stored(fd: int, size: int, buffer: memoryview) -> None:
    position = 0
    while position < size:
        try:
            position = os.lseek(fd, position, os.SEEK_DATA)
        except OSError:  # a hole up to the end
            return
        end = os.lseek(fd, position, os.SEEK_HOLE)
        while position < end:
            position += os.preadv(fd, [buffer[: end - position]], position) or end


def cached_of(fd: int) -> int:
    """Bytes of an open file in the page cache. Does not open it anew: of a FUSE file that may empty the cache."""
    libc = ctypes.CDLL(None, use_errno=True)
    libc.mmap.restype = ctypes.c_void_p
    libc.mmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int, ctypes.c_int, ctypes.c_int, ctypes.c_long]
    size = os.fstat(fd).st_size
    start = libc.mmap(None, size, mmap.PROT_READ, mmap.MAP_SHARED, fd, 0)
    if start == ctypes.c_void_p(-1).value:
        raise OSError(ctypes.get_errno(), "mmap")
    pages = (ctypes.c_ubyte * (-(-size // mmap.PAGESIZE)))()
    failed = libc.mincore(ctypes.c_void_p(start), ctypes.c_size_t(size), pages)
    libc.munmap(ctypes.c_void_p(start), ctypes.c_size_t(size))
    if failed:
        raise OSError(ctypes.get_errno(), "mincore")
    return bytes(pages).translate(_RESIDENT).count(1) * mmap.PAGESIZE


_RESIDENT = bytes(byte & 1 for byte in range(256))  # the other bits mean nothing
