"""Commits to time. Both programs leave the overlays as they are, so the same commit can be made again and again: it
writes the same bytes to the same places."""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Callable
from pathlib import Path

from suite.chains import Chain
from suite.processes import Cost, run, timed

COPIERS = 4


def durable(path: Path) -> Callable[[], None]:
    """What ends each commit: all is on the disk."""
    def flush() -> None:
        fd = os.open(path, os.O_RDWR)
        os.fdatasync(fd)
        os.close(fd)
    return flush


def by_qchain(program: Path, chain: Chain, *options: str) -> Cost:
    chain.base.with_name(chain.base.name + ".qchain.json").unlink(missing_ok=True)  # else all is done already
    return timed(program, "commit", *options, chain.active, then=durable(chain.base))


def by_qemu(chain: Chain, cache: str) -> Cost:
    """-d: the overlays stay full."""
    base = ["-b", chain.base] if len(chain.files) > 2 else []
    return timed("qemu-img", "commit", "-q", "-d", "-f", "qcow2", "-t", cache, *base, chain.active,
                 then=durable(chain.base))


def pieces_of(chain: Chain) -> list[tuple[Path, int, int, int]]:
    """(file, offset in it, guest offset, length) of what the overlays hold, by file and place: the order in which a
    disk reads best."""
    extents = json.loads(run("qemu-img", "map", "--output=json", chain.active))
    layers = chain.files[::-1]  # as QEMU counts their depth
    return sorted((layers[extent["depth"]], extent["offset"], extent["start"], extent["length"]) for extent in extents
                  if extent["data"] and layers[extent["depth"]] != chain.base)


def by_plain_loop(chain: Chain, pieces: list[tuple[Path, int, int, int]]) -> None:
    """The best plain copy: threads that pread and pwrite, in the order of the sources' places; no checks, no locks, no
    record, and the map is known. What a commit could take at the least."""
    base = os.open(chain.base, os.O_RDWR)
    sources = {path: os.open(path, os.O_RDONLY) for path in {piece[0] for piece in pieces}}
    left = iter(pieces)
    lock = threading.Lock()

    def work() -> None:
        buffer = memoryview(bytearray(1 << 20))
        while True:
            with lock:
                batch = [piece for piece, _ in zip(left, range(16))]
            if not batch:
                return
            for path, offset, start, length in batch:
                for done in range(0, length, len(buffer)):
                    part = buffer[: min(len(buffer), length - done)]
                    os.preadv(sources[path], [part], offset + done)
                    os.pwritev(base, [part], start + done)

    threads = [threading.Thread(target=work) for _ in range(COPIERS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    os.fdatasync(base)
    for fd in [base, *sources.values()]:
        os.close(fd)
