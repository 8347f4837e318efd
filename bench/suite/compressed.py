"""Compressed chains, of bytes that compress as a guest's do: what lies in /usr."""

from __future__ import annotations

import os
import random
from pathlib import Path

from suite.chains import CLUSTER, Chain
from suite.processes import Failed, run


def system_files(size: int) -> bytearray:
    """Bytes of the system's programs and libraries, `size` of them."""
    content = bytearray()
    for folder, _, names in sorted(os.walk("/usr/lib")):
        for name in sorted(names):
            path = Path(folder) / name
            if path.is_file() and not path.is_symlink():
                content += path.read_bytes()
            if len(content) >= size:
                return content[:size]
    if not content:
        raise Failed("no files to make a compressed image of in /usr/lib")
    return (content * (size // len(content) + 1))[:size]


def compressed(folder: Path, size: int, kind: str) -> Chain:
    """A compressed qcow2 base and two compressed overlays that each change a quarter of its clusters, at random. `kind`:
    zlib or zstd."""
    folder.mkdir(parents=True)
    content = system_files(size)
    raw = folder / "content.raw"
    source = random.Random(5)
    files: list[Path] = []
    for number in range(3):
        if number > 0:
            _change(content, source)
        raw.write_bytes(content)
        backing = ["-B", files[-1].name, "-F", "qcow2"] if files else []
        files.append(folder / f"{number}.qcow2")
        run("qemu-img", "convert", "-c", "-f", "raw", "-O", "qcow2", "-o", f"compression_type={kind}", *backing,
            raw.name, files[-1].name, cwd=folder)
    raw.unlink()
    return Chain(files, size, size)


def _change(content: bytearray, source: random.Random) -> None:
    """Exchanges a quarter of the clusters' contents among themselves."""
    clusters = source.sample(range(0, len(content), CLUSTER), len(content) // CLUSTER // 4)
    pieces = [bytes(content[at : at + CLUSTER]) for at in clusters]
    source.shuffle(pieces)
    for at, piece in zip(clusters, pieces):
        content[at : at + len(piece)] = piece
