"""python3 -m demo.main QCHAIN KIT WORK MIB qmp|libvirt|engines…; scripts/demo-live sets it up."""

from __future__ import annotations

import sys
from pathlib import Path

from . import article, engines
from .console import Console, Failed


def folder_of(work: Path, name: str) -> Path:
    folder = work / name
    folder.mkdir()
    folder.chmod(0o755)
    return folder


def main(qchain: Path, kit: Path, work: Path, size: int, parts: list[str]) -> int:
    console = Console()
    skipped: list[str] = []
    try:
        if "qmp" in parts:
            console.step("The article's sequence on QEMU alone, by QMP")
            article.by_qmp(console, qchain, kit, folder_of(work, "qmp"))
        if "libvirt" in parts:
            console.step("The article's sequence on a domain of libvirt")
            article.by_libvirt(console, qchain, kit, folder_of(work, "libvirt"))
        if "engines" in parts:
            console.step(f"Both engines on {size >> 20} MiB in two layers, on an XFS that shares blocks")
            engines.compare(console, qchain, kit, folder_of(work, "engines"), size, skipped.append)
    except Failed as failure:
        print(f"demo-live: {failure}", file=sys.stderr)
        return 1
    for words in skipped:
        print(f"   SKIPPED  {words}")
    console.step(f"All {console.checks} checks are OK" + (f", {len(skipped)} part skipped" if skipped else ""))
    return 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), Path(sys.argv[2]), Path(sys.argv[3]), int(sys.argv[4]) << 20, sys.argv[5:]))
