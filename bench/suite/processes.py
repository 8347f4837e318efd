"""Commands and what they cost: time, CPU seconds, peak memory, bytes written."""

from __future__ import annotations

import itertools
import os
import select
import signal
import subprocess
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

TICKS = os.sysconf("SC_CLK_TCK")


class Failed(Exception):
    """A command or a peer did not do what it was asked for; the message is one line for the user."""


@dataclass
class Cost:
    """What one command took. `written`: bytes that it handed to the disk (pages dirtied, or written past them)."""

    seconds: float
    cpu: float
    rss: int
    written: int


def run(*words: str | Path, **keywords) -> str:
    """Runs a command to its end; its output. Failed, with the last line it said, where it fails."""
    try:
        done = subprocess.run([str(word) for word in words], capture_output=True, text=True, **keywords)
    except FileNotFoundError as missing:
        raise Failed(f"{missing.filename} is not there") from None
    if done.returncode != 0:
        said = (done.stderr or done.stdout).strip().splitlines()
        raise Failed(f"{Path(words[0]).name}: {said[-1] if said else f'exit status {done.returncode}'}")
    return done.stdout


def timed(*words: str | Path, then=None) -> Cost:
    """Runs a command and measures it; `then`, called after it, counts into the time (a flush, say)."""
    with tempfile.TemporaryFile() as said:
        started = time.perf_counter()
        child = subprocess.Popen([str(word) for word in words], stdin=subprocess.DEVNULL, stdout=said, stderr=said,
                                 start_new_session=True)
        try:
            rss = _watch(child.pid)
        except BaseException:
            os.killpg(child.pid, signal.SIGKILL)  # a shell's children too
            child.wait()
            raise
        if then is not None:
            then()
        seconds = time.perf_counter() - started
        written = _written(child.pid)
        _, status, usage = os.wait4(child.pid, 0)
        child.returncode = os.waitstatus_to_exitcode(status)
        if child.returncode != 0:
            said.seek(0)
            lines = said.read().decode(errors="replace").strip().splitlines()
            raise Failed(f"{Path(words[0]).name}: {lines[-1] if lines else child.returncode}")
    return Cost(seconds, usage.ru_utime + usage.ru_stime, rss, written)


def timed_tar(folder: Path, *words: str, least: int = 0) -> tuple[Cost, int]:
    """Times tar of `words` in `folder` into a pipe (into /dev/null it would not read at all); the archive's length too.
    Failed where that is less than `least`: some file systems make tar believe that there is no data."""
    with tempfile.NamedTemporaryFile("r") as length:
        cost = timed("sh", "-c", 'cd "$1" && shift && tar -cf - "$@" | wc -c >"$0"', length.name, folder, *words)
        size = int(length.read())
    if size < least:
        raise Failed(f"tar took {size} bytes for all there is, of {least}: data would be lost")
    return cost, size


def _watch(pid: int) -> int:
    """Waits for a child's end, and leaves its /proc entry there; its peak memory, looked at now and then, and often at
    the beginning: many are at their end soon. (What wait4 says of memory is no use: a child inherits its parent's
    peak.)"""
    rss = 0
    looks = itertools.chain(itertools.repeat(2, 100), itertools.repeat(20))  # milliseconds
    ended = select.poll()
    descriptor = os.pidfd_open(pid)
    try:
        ended.register(descriptor, select.POLLIN)
        while not ended.poll(next(looks)):
            rss = max(rss, peak_rss(pid))
    finally:
        os.close(descriptor)
    return rss


def _written(pid: int) -> int:
    try:
        lines = Path(f"/proc/{pid}/io").read_text().splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) for line in lines if line.startswith("write_bytes:")), 0)


def cpu_seconds(pid: int) -> float:
    """User and system time of a process, all its threads, and its children that have ended."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return sum(int(ticks) for ticks in fields[11:15]) / TICKS


def peak_rss(pid: int) -> int:
    """Bytes that were resident at the most."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) * 1024
    return 0


def pin(pids: list[int], cpus: set[int]) -> None:
    """Keeps all threads of these processes on these CPUs."""
    for pid in pids:
        for thread in os.listdir(f"/proc/{pid}/task"):
            os.sched_setaffinity(int(thread), cpus)


def end(child: subprocess.Popen) -> None:
    """Ends a process of ours, gently first."""
    if child.poll() is None:
        child.terminate()
        try:
            child.wait(timeout=10)
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()


def wait_until(ready, what: str, seconds: float = 20) -> None:
    """Polls `ready` until it is true. Failed after `seconds`."""
    deadline = time.monotonic() + seconds
    while not ready():
        if time.monotonic() > deadline:
            raise Failed(f"{what} was not ready within {seconds:.0f} seconds")
        time.sleep(0.005)
