"""Clients: they read a file in one way, and time it."""

from __future__ import annotations

import json
import mmap
import os
import time
from dataclasses import dataclass
from pathlib import Path

from suite.measure import GIB, MIB
from suite.processes import run


@dataclass
class Reading:
    """What a client reached."""

    seconds: float
    bytes: int
    operations: int

    def rate(self) -> float:
        """MiB a second."""
        return self.bytes / MIB / self.seconds

    def per_second(self) -> float:
        """Operations a second."""
        return self.operations / self.seconds

    def gib(self) -> float:
        return self.bytes / GIB


def sequential(path: Path, direct: bool = False) -> Reading:
    """The whole file from front to back, a mebibyte a time, as dd does."""
    flags = os.O_RDONLY | (os.O_DIRECT if direct else 0)
    fd = os.open(path, flags)
    try:
        with mmap.mmap(-1, MIB) as buffer:  # page-aligned, as O_DIRECT wants it
            started = time.perf_counter()
            position = requests = 0
            while count := os.preadv(fd, [buffer], position):
                position += count
                requests += 1
            return Reading(time.perf_counter() - started, position, requests)
    finally:
        os.close(fd)


@dataclass
class Random4k:
    """4 KiB at random places, each place once, for `seconds` at the most."""

    readers: int = 1
    depth: int = 1  # above 1: libaio and O_DIRECT, which is the only way to have it
    seconds: float = 2.0
    cpus: str = ""  # where the readers run; anywhere if empty

    def __call__(self, path: Path) -> Reading:
        size = path.stat().st_size // self.readers // 4096 * 4096
        words = ["fio", "--name=reader", f"--filename={path}", "--rw=randread", "--bs=4k", "--invalidate=0",
                 "--readonly", f"--numjobs={self.readers}", "--group_reporting", f"--runtime={self.seconds}",
                 "--thread", f"--size={size}", f"--offset_increment={size}", "--randseed=7", "--output-format=json"]
        words += ["--ioengine=libaio", "--direct=1", f"--iodepth={self.depth}"] if self.depth > 1 else [
            "--ioengine=psync"]
        words += [f"--cpus_allowed={self.cpus}"] if self.cpus else []
        job = json.loads(run(*words))["jobs"][0]["read"]
        return Reading(job["runtime"] / 1000, job["io_bytes"], job["total_ios"])
