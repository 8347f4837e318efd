"""python3 -m demo.main QCHAIN KIT WORK qmp|libvirt…; scripts/demo-live sets it up."""

from __future__ import annotations

import sys
from pathlib import Path

from . import article
from .console import Console, Failed


def folder_of(work: Path, name: str) -> Path:
    folder = work / name
    folder.mkdir()
    folder.chmod(0o755)
    return folder


def main(qchain: Path, kit: Path, work: Path, parts: list[str]) -> int:
    console = Console()
    try:
        if "qmp" in parts:
            console.step("The article's sequence on QEMU alone, by QMP")
            article.by_qmp(console, qchain, kit, folder_of(work, "qmp"))
        if "libvirt" in parts:
            console.step("The article's sequence on a domain of libvirt")
            article.by_libvirt(console, qchain, kit, folder_of(work, "libvirt"))
    except Failed as failure:
        print(f"demo-live: {failure}", file=sys.stderr)
        return 1
    console.step(f"All {console.checks} checks are OK")
    return 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), Path(sys.argv[2]), Path(sys.argv[3]), sys.argv[4:]))
