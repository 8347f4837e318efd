"""The article's sequence: external snapshots, two commits below the active image, and one of it with a pivot, under a
guest that works and verifies."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

from .console import Console, quietly
from .domain import Domain
from .guest import Guest
from .qemu import Qemu

DISK = 256 << 20  # bytes
WORK = 200  # operations in each layer


class Article:
    """`target`: how qchain is told the guest. `stops`: how often QEMU stopped it so far."""

    def __init__(self, console: Console, qchain: Path, folder: Path, target: list[str], guest: Guest,
                 stops: Callable[[], int]) -> None:
        self._console, self._qchain, self._folder, self._target = console, qchain, folder, target
        self._guest, self._stops = guest, stops
        self.worst_ms = self.quiet_ms = 0.0

    def run(self, top_of_second: str) -> None:
        base = self._folder / "base.raw"
        self._guest.work(WORK)
        self._unharmed("no job, for comparison")
        self.quiet_ms = self.worst_ms
        self._snapshots("abc")
        self._commit("a and b into the base, by file", "b", "c", "--base", base, "--top", self._image("b"))
        self._snapshots("de")
        self._commit("c and d into the base, by index", "d", "e", "--base", "vda[1]", "--top", top_of_second)
        self._console.step("active commit of e, and pivot")
        said = self._qchain_run("commit", "--disk", "vda", "--active", "--pivot", "--verbose")
        self._console.check("it says so", "Successfully pivoted" in said)
        self._unharmed("active commit and pivot")
        self._console.run(self._qchain, "list", *self._target)
        self._guest.work(WORK)
        self._unharmed("on the base alone")
        self._console.say(f"the guest's longest stall: {self.worst_ms:.0f} ms; with no job, at the beginning: "
                          f"{self.quiet_ms:.0f} ms")

    def _image(self, name: str) -> Path:
        return self._folder / f"{name}.qcow2"

    def _qchain_run(self, command: str, *words: str | Path) -> str:
        return self._console.run(self._qchain, command, *self._target, *words)

    def _snapshots(self, names: str) -> None:
        self._console.step(f"snapshots {', '.join(names)}, while the guest writes")
        for name in names:
            self._qchain_run("snapshot", "--disk", f"vda={self._image(name)}")
            self._guest.work(WORK)
        self._unharmed("snapshots")
        self._qchain_run("list")

    def _commit(self, words: str, top: str, active: str, *layers: str | Path) -> None:
        self._console.step(f"commit {words}")
        saved = self._folder / "saved.raw"
        quietly("qemu-img", "convert", "-U", "-f", "qcow2", "-O", "raw", self._image(top), saved)
        self._qchain_run("commit", "--disk", "vda", *layers, "--verbose", "--delete")
        self._unharmed("the commit")
        base = self._folder / "base.raw"
        same = subprocess.run(["qemu-img", "compare", "-q", "-U", "-f", "raw", "-F", "raw", saved, base])
        self._console.check(f"base.raw reads as {top}.qcow2 did, by a copy made before", same.returncode == 0)
        self._guest.ask("pause")
        sound = subprocess.run(["qemu-img", "check", "-q", "-U", self._image(active)])
        self._guest.ask("resume")
        self._console.check(f"qemu-img check finds {active}.qcow2 sound", sound.returncode == 0)
        saved.unlink()

    def _unharmed(self, step: str) -> None:
        report = self._guest.report()
        self.worst_ms = max(self.worst_ms, report.stall_ms)
        errors = self._guest.verify()
        self._console.check(f"the guest verified its whole disk after {step}: {errors} errors; longest stall "
                            f"{report.stall_ms:.0f} ms", errors == 0)
        self._console.check("QEMU never stopped it", self._stops() == 0)


def by_qmp(console: Console, qchain: Path, kit: Path, folder: Path) -> None:
    base = folder / "base.raw"
    base.touch()
    base.open("r+b").truncate(DISK)
    console.say("starting QEMU with a QMP socket …")
    machine = Qemu(kit, folder, [base], "guest.seed=1")
    try:
        article = Article(console, qchain, folder, ["--qmp", str(machine.qmp)], machine.guest,
                          lambda: machine.monitor.count("STOP"))
        article.run("vda[3]")
    finally:
        machine.kill()


def by_libvirt(console: Console, qchain: Path, kit: Path, folder: Path) -> None:
    base = folder / "base.raw"
    base.touch()
    base.open("r+b").truncate(DISK)
    console.say("starting libvirtd as an unprivileged user, and the domain vm1 …")
    domain = Domain(kit, folder, "guest.seed=2")
    heard = folder / "stops"
    try:
        with heard.open("w") as stops, subprocess.Popen(
                ["virsh", "-c", domain.uri, "qemu-monitor-event", "vm1", "--loop", "--event", "STOP"], stdout=stops,
                stderr=subprocess.DEVNULL) as listener:
            article = Article(console, qchain, folder, ["--connect", domain.uri, "--domain", "vm1"], domain.guest,
                              lambda: heard.read_text().count("STOP"))
            article.run("vda[5]")  # libvirt never gives an index twice: base 1, a 2, b 3, c 4, d 5
            console.check("virsh still sees the domain run", domain.virsh("domstate", "vm1").strip() == "running")
            listener.terminate()
    finally:
        domain.end()
