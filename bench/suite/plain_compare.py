"""The plainest comparison of two files, as a limit: read, compare, nothing else."""

from __future__ import annotations

import ctypes
import mmap
import os
import threading
import time
from pathlib import Path

from suite.measure import MIB
from suite.processes import Failed


def plain_compare(left: Path, right: Path) -> float:
    """Seconds that a thread for each processor takes, each for a share of the files, a mebibyte at a time. Failed where
    they differ."""
    files = [os.open(path, os.O_RDONLY) for path in (left, right)]
    try:
        size = os.fstat(files[0]).st_size
        count = len(os.sched_getaffinity(0))
        same = [False] * count
        share = -(-size // count // MIB) * MIB

        def work(number: int) -> None:
            same[number] = _is_same(files, number * share, min(size, (number + 1) * share))

        threads = [threading.Thread(target=work, args=(number,)) for number in range(count)]
        started = time.perf_counter()
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        seconds = time.perf_counter() - started
    finally:
        for fd in files:
            os.close(fd)
    if not all(same):
        raise Failed(f"{left} and {right} differ")
    return seconds


def _is_same(files: list[int], start: int, end: int) -> bool:
    """Reading and comparing go on while other threads do the same: ctypes and os let go of the interpreter."""
    compare = ctypes.CDLL(None).memcmp
    compare.argtypes = [ctypes.c_void_p, ctypes.c_void_p, ctypes.c_size_t]
    buffers = [mmap.mmap(-1, MIB) for _ in files]
    places = [ctypes.addressof(ctypes.c_char.from_buffer(buffer)) for buffer in buffers]
    for position in range(start, end, MIB):
        count = min(MIB, end - position)
        for fd, buffer in zip(files, buffers):
            with memoryview(buffer) as view, view[:count] as part:
                if os.preadv(fd, [part], position) != count:
                    return False
        if compare(*places, count) != 0:
            return False
    return True
