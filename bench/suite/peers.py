"""The ways to see a chain as one file: qchain's mount, and its peers."""

from __future__ import annotations

import json
import os
import subprocess
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from suite.chains import Chain, format_of
from suite.processes import Failed, cpu_seconds, end, peak_rss, pin, run, wait_until


@dataclass
class Served:
    """A file to read, and the processes that answer."""

    view: Path
    pids: list[int]

    def cpu(self) -> float:
        return sum(cpu_seconds(pid) for pid in self.pids)

    def rss(self) -> int | None:
        return sum(peak_rss(pid) for pid in self.pids) if self.pids else None

    def pin(self, cpus: set[int]) -> None:
        pin(self.pids, cpus)


def _unmount(mountpoint: Path) -> None:
    subprocess.run(["fusermount3", "-u", "-q", "-z", str(mountpoint)], check=False, capture_output=True)


def _size_of(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return -1


class Peer:
    """Serves the view of a chain as a file below a folder of its own, for as long as `serve` is entered."""

    name = ""
    programs: tuple[str, ...] = ()

    @contextmanager
    def serve(self, chain: Chain, folder: Path):
        raise NotImplementedError


class Native(Peer):
    """The flat raw file itself: the limit."""

    name = "native flat file"

    @contextmanager
    def serve(self, chain: Chain, folder: Path):
        yield Served(chain.flat, [])


class Qchain(Peer):
    name = "qchain"

    def __init__(self, program: Path, options: tuple[str, ...] = (), called: str | None = None):
        self.program, self.options = program, options
        self.name = called or " ".join((Qchain.name, *options))

    @contextmanager
    def serve(self, chain: Chain, folder: Path):
        folder.mkdir(parents=True, exist_ok=True)
        try:
            answer = run(self.program, "mount", "--output=json", *self.options, chain.active, folder)
            yield Served(folder / "disk.raw", [json.loads(answer)["pid"]])
        finally:
            _unmount(folder)


class Child(Peer):
    """A peer that is a process of ours, and shows a file."""

    @contextmanager
    def started(self, words: list, ready, what: str):
        child = subprocess.Popen([str(word) for word in words], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                 stderr=subprocess.PIPE, text=True, start_new_session=True)
        try:
            wait_until(lambda: child.poll() is not None or ready(), what)
            if child.poll() is not None:
                raise Failed(f"{what}: {(child.stderr.read().strip().splitlines() or ['ended'])[-1]}")
            yield child.pid
        finally:
            end(child)
            child.stderr.close()


class StorageDaemon(Child):
    """qemu-storage-daemon's FUSE export: the nearest relative."""

    name = "qemu-storage-daemon"
    programs = ("qemu-storage-daemon",)

    def __init__(self, writable: bool = False):
        self.writable = writable

    @contextmanager
    def serve(self, chain: Chain, folder: Path):
        folder.mkdir(parents=True, exist_ok=True)
        view = folder / "view"
        view.touch()
        node = {"driver": format_of(chain.active), "node-name": "disk", "read-only": not self.writable,
                "file": {"driver": "file", "filename": str(chain.active)}}
        export = {"type": "fuse", "id": "view", "node-name": "disk", "mountpoint": str(view),
                  "writable": self.writable}
        words = ["qemu-storage-daemon", "--blockdev", json.dumps(node), "--export", json.dumps(export)]
        try:
            with self.started(words, lambda: _size_of(view) == chain.size, self.name) as pid:
                yield Served(view, [pid])
        finally:
            _unmount(view)


class Nbd(Child):
    """A server that speaks NBD, and nbdfuse to make a file of it."""

    def server(self, chain: Chain, socket: Path) -> list:
        raise NotImplementedError

    @contextmanager
    def serve(self, chain: Chain, folder: Path):
        folder.mkdir(parents=True, exist_ok=True)
        socket, view = folder / "socket", folder / "view"
        socket.unlink(missing_ok=True)
        view.touch()
        try:
            with self.started(self.server(chain, socket), socket.exists, self.name) as server:
                words = ["nbdfuse", "-r", view, "--unix", socket]
                with self.started(words, lambda: _size_of(view) == chain.size, "nbdfuse") as bridge:
                    yield Served(view, [server, bridge])
                    _unmount(view)
        finally:
            _unmount(view)


class QemuNbd(Nbd):
    name = "qemu-nbd + nbdfuse"
    programs = ("qemu-nbd", "nbdfuse")

    def server(self, chain: Chain, socket: Path) -> list:
        return ["qemu-nbd", "-r", "-t", "-e", "8", "-f", format_of(chain.active), "-k", socket, chain.active]


class Nbdkit(Nbd):
    """nbdkit knows no chains: it serves the flat file, and shows what its way costs at the least."""

    name = "nbdkit (flat) + nbdfuse"
    programs = ("nbdkit", "nbdfuse")

    def server(self, chain: Chain, socket: Path) -> list:
        return ["nbdkit", "-f", "-r", "-U", socket, "file", chain.flat]


def readers_for(qchain: Path, which: tuple[type[Peer], ...], before: Path | None = None) -> list[Peer]:
    """qchain, another build of it where one is given, and those of the peers that are installed."""
    there = [peer() for peer in which if all(_installed(program) for program in peer.programs)]
    return [Qchain(qchain), *([Qchain(before, called="qchain before")] if before else []), *there]


def _installed(program: str) -> bool:
    return any(os.access(Path(folder) / program, os.X_OK) for folder in os.get_exec_path())
