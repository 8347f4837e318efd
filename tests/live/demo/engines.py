"""Both engines on the same data, on an XFS that shares blocks: times, and what the guest notices."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from .console import Console, Failed, quietly
from .qemu import Qemu

MIB = 1 << 20
MEAN_WRITE = 130 << 10  # bytes of the guest's operations while it fills
QUIET = 30  # seconds of the guest's work without a commit: as long as one takes, for the longest of many is compared
FLOOR = 5  # clone takes at most QEMU's time divided by that


@dataclass
class Row:
    engine: str
    copy: float  # seconds
    verify: float
    switch: float
    stall_ms: float
    quiet_ms: float  # the same before the commit
    errors: int

    def line(self) -> str:
        return (f"{self.engine:8} {self.copy:8.2f} {self.verify:8.2f} {self.switch:8.2f} {self.stall_ms:10.0f} "
                f"{self.quiet_ms:10.0f} {self.errors:8}")


@contextmanager
def xfs(folder: Path, size: int) -> Iterator[Path]:
    """A mounted XFS of that many bytes; raises OSError with the reason where there can be none."""
    if os.geteuid() != 0:
        raise OSError("only root can mount an XFS")
    image, place = folder / "disk", folder / "xfs"
    place.mkdir()
    with image.open("wb") as file:
        file.truncate(size)
    for command in (["mkfs.xfs", "-q", "-m", "reflink=1", image], ["mount", "-o", "loop", image, place]):
        try:
            done = subprocess.run(command, capture_output=True, text=True)
        except FileNotFoundError as error:
            raise OSError(str(error)) from error
        if done.returncode != 0:
            raise OSError(done.stderr.strip())
    try:
        yield place
    finally:
        unmount(place)
        image.unlink()


def unmount(place: Path) -> None:
    """A machine that was killed may need a moment to let go of its files."""
    for _ in range(50):
        done = subprocess.run(["umount", str(place)], capture_output=True, text=True)
        if done.returncode == 0:
            return
        time.sleep(0.2)
    raise Failed(done.stderr.strip())


def drop_caches() -> None:
    subprocess.run(["sync"], check=True)
    Path("/proc/sys/vm/drop_caches").write_text("3\n")


class Engines:
    def __init__(self, console: Console, qchain: Path, kit: Path, size: int) -> None:
        self._console, self._qchain, self._kit, self._size = console, qchain, kit, size

    def run(self, place: Path) -> None:
        made = place / "qemu"
        made.mkdir()
        operations = self._make_chain(made)
        copy = place / "clone"
        self._console.say("copying it, so that both engines have the same …")
        quietly("cp", "-a", "--reflink=never", made, copy)
        rows = [self._commit(copy, "clone", operations), self._commit(made, "qemu", operations)]
        self._table(rows)
        self._floors(*rows)

    def _make_chain(self, folder: Path) -> int:
        """base.raw <- a <- b <- c, `size` bytes in a and b together; how many operations the guest has done."""
        files = [folder / "base.raw"]
        with files[0].open("wb") as file:
            file.truncate(self._size * 4 // 3 // MIB * MIB)
        each = self._size // 2 // MEAN_WRITE * 21 // 20  # some of what is written is written again
        done = 0
        for name, operations in (("a", each // 4), ("b", each), ("c", each)):
            words = f"guest.seed=3 guest.paused=1 guest.fill={10 * each} guest.start={done}"
            machine = Qemu(self._kit, folder, files, words)
            try:
                done = machine.guest.ask(f"run {operations}")["ops"]
                machine.monitor.execute("quit")
            finally:
                machine.kill()
            files.append(folder / f"{name}.qcow2")
            below = files[-2]
            quietly("qemu-img", "create", "-q", "-f", "qcow2", "-b", below.name, "-F", below.suffix[1:], files[-1])
        stored = sum((folder / f"{name}.qcow2").stat().st_blocks * 512 for name in "ab")
        self._console.check(f"{stored / MIB:.0f} MiB in a.qcow2 and b.qcow2", stored >= self._size * 9 // 10)
        return done

    def _commit(self, folder: Path, engine: str, operations: int) -> Row:
        drop_caches()
        files = [folder / "base.raw", *(folder / f"{name}.qcow2" for name in "abc")]
        machine = Qemu(self._kit, folder, files, f"guest.seed=3 guest.fill={operations} guest.start={operations}")
        try:
            guest = machine.guest
            guest.report()
            time.sleep(QUIET)
            quiet = guest.report().stall_ms
            drop_caches()
            guest.report()  # what the dropping did to it is nobody's commit
            said = self._console.run(self._qchain, "commit", "--qmp", machine.qmp, "--disk", "vda", "--base", files[0],
                                     "--top", files[2], f"--engine={engine}", "--output=json")
            during = guest.report().stall_ms
            errors = guest.verify()
            self._console.check("QEMU never stopped the guest", machine.monitor.count("STOP") == 0)
        finally:
            machine.kill()
        answer, _ = json.JSONDecoder().raw_decode(said[said.index("{"):])
        self._console.check(f"it was engine {engine}", answer["engine"] == engine)
        shutil.rmtree(folder)
        copy, verify, switch = (answer[f"{part}-seconds"] for part in ("copy", "verify", "switch"))
        return Row(engine, copy, verify, switch, during, quiet, errors)

    def _table(self, rows: list[Row]) -> None:
        self._console.step("engines compared")
        print("engine     copy/s verify/s switch/s  stall/ms   quiet/ms   errors")
        for row in rows:
            print(row.line(), flush=True)

    def _floors(self, clone: Row, qemu: Row) -> None:
        clone_time, qemu_time = clone.copy + clone.switch, qemu.copy + qemu.switch
        checks: list[tuple[str, bool]] = [
            ("the guest found no error", clone.errors == qemu.errors == 0),
            (f"clone (copy and switch) took {clone_time:.2f} s, at most a fifth of QEMU's {qemu_time:.2f} s",
             clone_time * FLOOR <= qemu_time),
            (f"the guest's worst stall under clone, {clone.stall_ms:.0f} ms, is no longer than without a commit, "
             f"{clone.quiet_ms:.0f} ms", clone.stall_ms <= clone.quiet_ms)]
        failed = [words for words, holds in checks if not holds]
        for words, holds in checks:
            print(f"   {'OK  ' if holds else 'FAIL'}  {words}", flush=True)
        if failed:
            raise Failed("; ".join(failed))
        self._console.checks += len(checks)


def compare(console: Console, qchain: Path, kit: Path, folder: Path, size: int,
            skip: Callable[[str], None]) -> None:
    try:
        with xfs(folder, 6 * size + 600 * MIB) as place:
            Engines(console, qchain, kit, size).run(place)
    except OSError as reason:
        skip(f"engines compared: {reason}")
