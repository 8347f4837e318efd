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
    cpu: float | None = None  # seconds that the client took, where it knows

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
        words = ["--rw=randread", "--bs=4k", f"--runtime={self.seconds}", "--randseed=7"]
        words += ["--ioengine=libaio", "--direct=1", f"--iodepth={self.depth}"] if self.depth > 1 else [
            "--ioengine=psync"]
        words += [f"--cpus_allowed={self.cpus}"] if self.cpus else []
        return _by_fio(path, self.readers, words)


@dataclass
class Shares:
    """The whole file, read once by so many readers at a time: each reads a share of its own from front to back."""

    readers: int

    def __call__(self, path: Path) -> Reading:
        return _by_fio(path, self.readers, ["--rw=read", "--bs=1M", "--ioengine=psync"])


def _by_fio(path: Path, readers: int, words: list[str]) -> Reading:
    """Each reader has a share of the file."""
    size = path.stat().st_size // readers // 4096 * 4096
    said = run("fio", "--name=reader", f"--filename={path}", "--invalidate=0", "--readonly", f"--numjobs={readers}",
               "--group_reporting", "--thread", f"--size={size}", f"--offset_increment={size}",
               "--output-format=json", *words)
    group = json.loads(said)["jobs"][0]
    read = group["read"]
    cpu = group["job_runtime"] / 1000 * (group["usr_cpu"] + group["sys_cpu"]) / 100  # of the sum of all jobs' time
    return Reading(read["runtime"] / 1000, read["io_bytes"], read["total_ios"], cpu)
