"""What every group of tests is given: sizes, the programs, a folder, and the chains made so far."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from suite.chains import Chain
from suite.measure import Row, race, say
from suite.processes import Failed


@dataclass
class Context:
    qchain: Path
    size: int  # bytes of a disk
    rounds: int
    seconds: float  # of a random test
    folder: Path  # scratch, on the file system that is measured
    before: Path | None = None  # another build, to compare with
    _chains: dict[str, Chain] = field(default_factory=dict)

    def chain(self, name: str, make: Callable[[Path], Chain]) -> Chain:
        """A chain that several groups may use; made by the first."""
        if name not in self._chains:
            say(f"  making {name}")
            self._chains[name] = make(self.folder / name)
            os.sync()  # what is still to be written would disturb the first test
        return self._chains[name]

    def drop(self, chain: Chain) -> None:
        """Frees a large chain that no later group needs."""
        for name, known in list(self._chains.items()):
            if known is chain:
                del self._chains[name]
        shutil.rmtree(chain.active.parent)

    def race(self, row: Row, contenders: dict) -> Row:
        return race(row, contenders, self.rounds)

    def mountpoint(self, name: str) -> Path:
        """A folder for a peer's mount."""
        return self.folder / "mounts" / "".join(letter if letter.isalnum() else "-" for letter in name)


def needs_root(what: str) -> None:
    if os.geteuid() != 0:
        raise Failed(f"{what} needs root")
