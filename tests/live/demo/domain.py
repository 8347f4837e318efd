"""A libvirtd of our own, as an unprivileged user, with one domain that runs the test guest."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from pathlib import Path

from .console import Failed, quietly
from .guest import COMMAND_LINE, Guest, Lines

NOBODY = 65534
XML = """<domain type='qemu'>
  <name>vm1</name><memory unit='MiB'>128</memory><vcpu>1</vcpu>
  <os><type arch='x86_64' machine='pc'>hvm</type>
    <kernel>{folder}/vmlinuz</kernel><initrd>{folder}/initramfs</initrd><cmdline>{guest}</cmdline></os>
  <on_reboot>destroy</on_reboot>
  <devices>
    <emulator>/usr/bin/qemu-system-x86_64</emulator>
    <disk type='file' device='disk'>
      <driver name='qemu' type='raw' cache='none' discard='unmap'/>
      <source file='{folder}/base.raw'/><target dev='vda' bus='virtio'/>
    </disk>
    <serial type='unix'><source mode='connect' path='{folder}/serial'/></serial>
    <memballoon model='none'/>
  </devices>
</domain>
"""


class Domain:
    """vm1, on base.raw in `folder`, which and whose parents everybody may enter."""

    def __init__(self, kit: Path, folder: Path, guest: str) -> None:
        self._folder = folder
        for name in ("vmlinuz", "initramfs"):
            shutil.copy(kit / name, folder)
        sockets = folder / "run" / "libvirt"
        sockets.mkdir(parents=True)
        for path in (folder, folder / "run", sockets):
            path.chmod(0o755)
            self.own(path)
        self.own(folder / "base.raw")
        self._daemon = subprocess.Popen(self._command(), stderr=subprocess.DEVNULL)
        self.uri = f"qemu+unix:///session?socket={sockets}/libvirt-sock"
        try:
            self._wait_for_daemon(sockets / "libvirt-sock")
            lines = Lines(folder / "serial")
            (folder / "vm1.xml").write_text(XML.format(folder=folder, guest=f"{COMMAND_LINE} {guest}"))
            self.virsh("create", folder / "vm1.xml")
            self.guest = Guest(lines)
        except BaseException:
            self.end()
            raise

    def _command(self) -> list[str]:
        folder = self._folder
        user = ["--reuid", str(NOBODY), "--regid", str(NOBODY), "--clear-groups"] if os.geteuid() == 0 else []
        return ["setpriv", "--pdeathsig", "KILL", *user, "env", f"HOME={folder}", f"XDG_RUNTIME_DIR={folder}/run",
                f"XDG_CONFIG_HOME={folder}/config", f"XDG_CACHE_HOME={folder}/cache", "libvirtd"]

    def _wait_for_daemon(self, socket: Path) -> None:
        until = time.monotonic() + 30
        while not socket.exists():
            if self._daemon.poll() is not None or time.monotonic() > until:
                raise Failed("libvirtd does not come up")
            time.sleep(0.05)

    def own(self, path: Path) -> None:
        """Gives a file to the user that QEMU runs as."""
        if os.geteuid() == 0:
            os.chown(path, NOBODY, NOBODY)

    def virsh(self, *words: str | Path) -> str:
        return quietly("virsh", "-c", self.uri, *words)

    def end(self) -> None:
        subprocess.run(["virsh", "-c", self.uri, "destroy", "vm1"], capture_output=True)
        self._daemon.terminate()
        self._daemon.wait()
