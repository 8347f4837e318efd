"""QEMU by itself with the test guest, and a monitor of our own beside the one for qchain."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

from .console import Failed
from .guest import COMMAND_LINE, Guest, Lines

CACHE = {"direct": True, "no-flush": False}  # as libvirt's cache='none'


class Monitor:
    def __init__(self, lines: Lines) -> None:
        self._lines = lines
        self.events: list[dict] = []
        lines.accept()
        self._receive()
        self.execute("qmp_capabilities")

    def execute(self, command: str, **arguments) -> object:
        words = {key.replace("_", "-"): value for key, value in arguments.items()}
        self._lines.send(json.dumps({"execute": command, "arguments": words}))
        while True:
            answer = self._receive()
            if "error" in answer:
                raise Failed(f"{command}: {answer['error']['desc']}")
            if "return" in answer:
                return answer["return"]

    def count(self, event: str) -> int:
        self.execute("query-status")
        return sum(message["event"] == event for message in self.events)

    def _receive(self) -> dict:
        message = json.loads(self._lines.receive())
        if "event" in message:
            self.events.append(message)
        return message


class Qemu:
    """A virtual machine on the chain `files`, bottom first; the nodes are named as the files without their endings."""

    def __init__(self, kit: Path, folder: Path, files: list[Path], guest: str) -> None:
        self.qmp = folder / "qmp"
        serial, watch = Lines(folder / "serial"), Lines(folder / "watch")
        command = ["setpriv", "--pdeathsig", "KILL", "qemu-system-x86_64", "-accel", "tcg", "-cpu", "qemu64", "-m", "128",
                   "-nodefaults", "-display", "none", "-no-reboot", "-kernel", str(kit / "vmlinuz"),
                   "-initrd", str(kit / "initramfs"), "-append", f"{COMMAND_LINE} {guest}",
                   "-chardev", f"socket,id=serial,path={folder / 'serial'}", "-serial", "chardev:serial",
                   "-chardev", f"socket,id=qmp,server=on,wait=off,path={self.qmp}", "-mon", "chardev=qmp,mode=control",
                   "-chardev", f"socket,id=watch,path={folder / 'watch'}", "-mon", "chardev=watch,mode=control"]
        for place, file in enumerate(files):
            below = files[place - 1].stem if place else None
            for node in nodes(file, below, read_only=file != files[-1]):
                command += ["-blockdev", json.dumps(node)]
        command += ["-device", f"virtio-blk-pci,id=vda,drive={files[-1].stem}"]
        self._process = subprocess.Popen(command)
        try:
            self.guest = Guest(serial)
            self.monitor = Monitor(watch)
        except BaseException:
            self.kill()
            raise

    def kill(self) -> None:
        self._process.kill()
        self._process.wait()


def nodes(file: Path, backing: str | None, read_only: bool) -> list[dict]:
    """The node of the file, and that of its format over it."""
    below = {"driver": "file", "node-name": f"{file.stem}-f", "filename": str(file), "auto-read-only": True,
             "discard": "unmap", "cache": CACHE}
    node = {"driver": "raw" if file.suffix == ".raw" else "qcow2", "node-name": file.stem, "file": below["node-name"],
            "read-only": read_only, "discard": "unmap", "cache": CACHE}
    if node["driver"] == "qcow2":
        node["backing"] = backing
    return [below, node]
