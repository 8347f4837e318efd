"""The machine that the figures are from."""

from __future__ import annotations

import os
import subprocess
import time
from pathlib import Path

from suite.processes import Failed, run


def _first_line(*words: str) -> str:
    try:
        return run(*words).splitlines()[0]
    except (Failed, OSError, IndexError):
        return "not there"


def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return "unknown"


def _memory() -> str:
    kib = int(Path("/proc/meminfo").read_text().split()[1])
    return f"{kib / (1 << 20):.0f} GiB"


def load() -> str:
    return " ".join(Path("/proc/loadavg").read_text().split()[:3])


def machine(scratch: Path, root: Path) -> dict[str, str]:
    """Facts that figures depend on."""
    kind = run("findmnt", "-n", "-o", "FSTYPE,OPTIONS", "--target", scratch).split(maxsplit=1)
    return {
        "date": time.strftime("%Y-%m-%d %H:%M %Z"),
        "commit": subprocess.run(["git", "describe", "--always", "--dirty"], cwd=root, capture_output=True,
                                 text=True).stdout.strip(),
        "cores": str(len(os.sched_getaffinity(0))),
        "processor": _processor(),
        "memory": _memory(),
        "kernel": os.uname().release,
        "file system": kind[0],
        "qemu": _first_line("qemu-img", "--version"),
        "nbdfuse": _first_line("nbdfuse", "--version"),
        "nbdkit": _first_line("nbdkit", "--version"),
        "fio": _first_line("fio", "--version"),
    }
