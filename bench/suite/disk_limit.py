"""What the disk itself gives to a program that reads or moves bytes as qchain has to, and does nothing else."""

from __future__ import annotations

import json
from contextlib import contextmanager
from pathlib import Path

from suite.chains import CLUSTER, Chain, write_random
from suite.measure import MIB, Sample
from suite.memory import forget, pre_touch
from suite.processes import Failed, run

NAME = "disk's limit (fio)"
JOINED = "the same, written 1 MiB at a time (fio)"
DEPTH = 32


def cold_limit(chain: Chain) -> Sample:
    """As many bytes as the disk has, from the chain's files, a cluster at a time in random order and past the page
    cache."""
    forget(chain.files)
    said = run("fio", "--output-format=json", "--name=read", "--readonly", "--rw=randread", f"--bs={CLUSTER}",
               f"--filename={':'.join(str(file) for file in chain.files)}", f"--io_size={chain.size}", "--randseed=7",
               "--direct=1", "--ioengine=io_uring", f"--iodepth={DEPTH}", "--thread")
    reader = json.loads(said)["jobs"][0]["read"]
    if abs(reader["io_bytes"] - chain.size) > MIB:
        raise Failed(f"fio: read {reader['io_bytes']} bytes instead of {chain.size}")
    return Sample(chain.size / MIB / (reader["runtime"] / 1000))


def compare_limit(chain: Chain) -> Sample:
    """Each byte of the disk twice: the flat file from front to back, and meanwhile as many bytes from the chain's files,
    a cluster at a time in random order; past the page cache."""
    forget([*chain.files, chain.flat])
    common = ["--direct=1", "--ioengine=io_uring", f"--iodepth={DEPTH}", "--thread", "--readonly",
              f"--io_size={chain.size}"]
    said = run("fio", "--output-format=json",
               "--name=flat", f"--filename={chain.flat}", "--rw=read", "--bs=1M", *common,
               "--name=layers", f"--filename={':'.join(str(file) for file in chain.files)}", "--rw=randread",
               f"--bs={CLUSTER}", "--randseed=7", *common)
    jobs = [job["read"] for job in json.loads(said)["jobs"]]
    if any(abs(job["io_bytes"] - chain.size) > MIB for job in jobs):
        raise Failed(f"fio: read {[job['io_bytes'] for job in jobs]} bytes instead of {chain.size} twice")
    return Sample(chain.size / MIB / (max(job["runtime"] for job in jobs) / 1000))


@contextmanager
def disk_limit(chain: Chain, folder: Path):
    """Two contenders: each reads as many bytes as the overlays hold, from front to back, and meanwhile writes as many
    into a file that is all there already, in random order, a cluster at a time or a mebibyte; both past the page cache,
    flushed at the end. What is read is the flat file. No byte that is written waits for one that is read. Whoever joins
    what neighbouring clusters there are comes to lie between the two."""
    target = folder / "limit.raw"
    write_random(target, chain.size, seed=9)
    try:
        yield {NAME: lambda: _move(chain, target, CLUSTER), JOINED: lambda: _move(chain, target, MIB)}
    finally:
        target.unlink()


def _move(chain: Chain, target: Path, block: int) -> Sample:
    forget([chain.flat, target])
    pre_touch(2 * chain.size)
    common = ["--direct=1", "--ioengine=io_uring", f"--iodepth={DEPTH}", "--thread", f"--io_size={chain.moved}"]
    said = run("fio", "--output-format=json",
               "--name=read", f"--filename={chain.flat}", "--rw=read", "--bs=1M", *common,
               "--name=write", f"--filename={target}", "--rw=randwrite", f"--bs={block}", "--randseed=7",
               "--overwrite=1", f"--size={chain.size}", "--end_fsync=1", *common)
    reader, writer = json.loads(said)["jobs"]
    milliseconds = max(reader["read"]["runtime"], writer["write"]["runtime"])
    for job, kind in ((reader, "read"), (writer, "write")):
        if abs(job[kind]["io_bytes"] - chain.moved) > MIB:
            raise Failed(f"fio: {kind} {job[kind]['io_bytes']} bytes instead of {chain.moved}")
    return Sample(chain.moved / MIB / (milliseconds / 1000))
