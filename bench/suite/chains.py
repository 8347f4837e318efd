"""Images to measure on. All qcow2 is made by QEMU: what is measured is the reading of its images, not of ours."""

from __future__ import annotations

import json
import os
import random
import subprocess
from dataclasses import dataclass, field
from pathlib import Path

from suite.measure import MIB
from suite.processes import Failed, run

CLUSTER = 65536


@dataclass
class Chain:
    """A chain on disk, the base first. `moved`: guest bytes that the overlays hold, each counted once."""

    files: list[Path]
    size: int
    moved: int = 0
    flat: Path | None = None  # what a guest would read of it, as one raw file

    @property
    def active(self) -> Path:
        return self.files[-1]

    @property
    def base(self) -> Path:
        return self.files[0]

    @property
    def base_format(self) -> str:
        return format_of(self.base)


@dataclass
class Layer:
    """What one overlay is to hold: pieces of `piece` bytes at these guest offsets, in the order of writing."""

    path: Path
    offsets: list[int]
    piece: int = CLUSTER
    options: list[str] = field(default_factory=list)  # for qemu-img create -o


def format_of(path: Path) -> str:
    return "raw" if path.suffix == ".raw" else "qcow2"


def write_random(path: Path, size: int, seed: int) -> None:
    """A raw file, all of it written with bytes that do not compress."""
    source = random.Random(seed)
    block = bytearray(source.randbytes(16 * MIB))
    with open(path, "wb", buffering=0) as out:
        for start in range(0, size, len(block)):
            block[:16] = start.to_bytes(16, "big")
            out.write(block[: size - start])
        os.fdatasync(out.fileno())


def make_layers(base: Path | None, size: int, layers: list[Layer]) -> list[Path]:
    """Creates overlays on top of each other, and fills them all by one qemu-io."""
    below = base
    for layer in layers:
        backing = ["-u", "-b", below.name, "-F", format_of(below)] if below else []
        options = ["-o", ",".join(layer.options)] if layer.options else []
        run("qemu-img", "create", "-q", "-f", "qcow2", *options, *backing, layer.path.name, str(size),
            cwd=layer.path.parent)
        below = layer.path
    _fill(layers)
    return ([base] if base else []) + [layer.path for layer in layers]


def _fill(layers: list[Layer]) -> None:
    # Pieces are whole clusters, so nothing of the backing files is needed: opening a layer alone keeps a thousand quick.
    lines = []
    for number, layer in enumerate(layers):
        alone = {"driver": "qcow2", "backing": None, "discard": "unmap",
                 "file": {"driver": "file", "filename": str(layer.path)}}
        lines.append("open json:" + json.dumps(alone, separators=(",", ":")))
        lines += [f"write -q -P {1 + (number * 7 + at // layer.piece) % 255} {at} {layer.piece}"
                  for at in layer.offsets]
        lines.append("close")
    done = subprocess.run(["qemu-io"], input="\n".join(lines) + "\n", capture_output=True, text=True)
    complaints = [line for line in (done.stdout + done.stderr).splitlines() if "fail" in line or "rror" in line]
    if done.returncode != 0 or complaints:
        raise Failed(f"qemu-io: {complaints[0] if complaints else done.returncode}")


def scattered(folder: Path, size: int, layers: int = 3, share: float = 0.25, seed: int = 1) -> Chain:
    """A raw base, all written, and overlays that each hold `share` of its clusters, placed at random."""
    folder.mkdir(parents=True)
    base = folder / "base.raw"
    write_random(base, size, seed)
    source = random.Random(seed)
    clusters = range(0, size, CLUSTER)
    parts = [source.sample(clusters, max(1, int(len(clusters) * share))) for _ in range(layers)]
    made = [Layer(folder / f"{number}.qcow2", part) for number, part in enumerate(parts, 1)]
    files = make_layers(base, size, made)
    return Chain(files, size, len(set().union(*parts)) * CLUSTER)


def same_content(folder: Path, size: int, depth: int, share: float = 1.0, base: bool = False, seed: int = 2) -> Chain:
    """`depth` overlays that together hold `share` of the disk's clusters, each cluster in one of them, whatever the
    depth; on a raw base, all written, or on nothing."""
    folder.mkdir(parents=True)
    clusters = list(range(0, size, CLUSTER))
    random.Random(seed).shuffle(clusters)
    held = clusters[: int(len(clusters) * share)]
    layers = [Layer(folder / f"{number}.qcow2", held[number::depth]) for number in range(depth)]
    below = folder / "base.raw" if base else None
    if below:
        write_random(below, size, seed)
    return Chain(make_layers(below, size, layers), size, len(held) * CLUSTER)


def wide_and_deep(folder: Path, size: int, depth_: int, pieces: int) -> Chain:
    """Many layers with few clusters each, anywhere in a large disk: nearly each cluster has an L2 table of its own."""
    folder.mkdir(parents=True)
    source = random.Random(6)
    clusters = range(0, size, CLUSTER)
    layers = [Layer(folder / f"{n}.qcow2", source.sample(clusters, pieces)) for n in range(depth_)]
    return Chain(make_layers(None, size, layers), size, depth_ * pieces * CLUSTER)


def sparse(folder: Path, size: int, share: float = 0.05, seed: int = 3) -> Chain:
    """A base that is one hole, and three overlays with a little data each."""
    folder.mkdir(parents=True)
    base = folder / "base.raw"
    with open(base, "wb") as out:
        out.truncate(size)
    source = random.Random(seed)
    clusters = range(0, size, CLUSTER)
    parts = [source.sample(clusters, max(1, int(len(clusters) * share))) for _ in range(3)]
    made = [Layer(folder / f"{number}.qcow2", part) for number, part in enumerate(parts, 1)]
    return Chain(make_layers(base, size, made), size, len(set().union(*parts)) * CLUSTER)


def small_changes(folder: Path, size: int, seed: int = 4) -> Chain:
    """A raw base, all written, and an overlay with one change of 4 KiB in each 64 KiB of it."""
    folder.mkdir(parents=True)
    base = folder / "base.raw"
    write_random(base, size, seed)
    source = random.Random(seed)
    offsets = [at + 4096 * source.randrange(16) for at in range(0, size, CLUSTER)]
    source.shuffle(offsets)
    layer = Layer(folder / "1.qcow2", offsets, 4096, ["cluster_size=4096"])
    return Chain(make_layers(base, size, [layer]), size, len(offsets) * 4096)


def flatten(chain: Chain) -> Path:
    """The merged disk as a raw file, by QEMU."""
    chain.flat = chain.active.parent / "flat.raw"
    run("qemu-img", "convert", "-O", "raw", "-S", "0", chain.active, chain.flat)
    with open(chain.flat, "rb") as opened:
        os.fdatasync(opened.fileno())
    return chain.flat
