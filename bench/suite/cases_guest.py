"""What the mount is for: the files of a guest, by a loop mount of disk.raw."""

from __future__ import annotations

import os
import subprocess
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path

from suite.chains import Chain, Layer, flatten, make_layers
from suite.context import Context, needs_root
from suite.measure import GIB, MIB, Row, Sample, Target
from suite.peers import Native, Peer, StorageDaemon, readers_for
from suite.processes import run, timed_tar
from suite.reading import State, prepare


@contextmanager
def loop_mounted(image: Path, mountpoint: Path, options: str, direct: bool = False):
    """The file system in `image`, mounted. direct: the loop device passes by the page cache of `image`."""
    mountpoint.mkdir(parents=True, exist_ok=True)
    words = ["--read-only"] if options.startswith("ro") else []
    device = run("losetup", "--find", "--show", f"--direct-io={'on' if direct else 'off'}", *words, image).strip()
    try:
        run("mount", "-o", options, device, mountpoint)
        try:
            yield mountpoint
        finally:
            unmount(mountpoint)
    finally:
        subprocess.run(["losetup", "--detach", device], check=False, capture_output=True)


def unmount(mountpoint: Path) -> None:
    """Also where a program that was ended just now still has a file open: then the kernel does it when that is gone."""
    if subprocess.run(["umount", mountpoint], check=False, capture_output=True).returncode != 0:
        subprocess.run(["umount", "-l", mountpoint], check=False, capture_output=True)


def write_files(guest: Path, size: int, name: str) -> None:
    """Files of 4 KiB to 2 MiB, `size` bytes in all."""
    content = os.urandom(2 * MIB)
    written = number = 0
    while written < size:
        length = 4096 << (number % 10)
        folder = guest / f"{name}-{number // 100}"
        folder.mkdir(exist_ok=True)
        (folder / f"{number}").write_bytes(content[:length])
        written += length
        number += 1


def remove_some(guest: Path) -> None:
    """Every third file goes, so that the next ones are scattered over what it held."""
    for number, file in enumerate(sorted(guest.glob("*/*"))):
        if number % 3 == 0:
            file.unlink()


def guest_chain(folder: Path, size: int) -> Chain:
    """An ext4 that lived through three snapshots: each overlay was written by mounting it, through QEMU's own writable
    export."""
    folder.mkdir(parents=True)
    base = folder / "base.raw"
    with open(base, "wb") as out:
        out.truncate(size)
    run("mkfs.ext4", "-q", "-F", base)
    with loop_mounted(base, folder / "guest", "rw") as guest:
        write_files(guest, size // 3, "base")
    chain = Chain([base], size)
    for number in range(1, 4):
        layer = Layer(folder / f"{number}.qcow2", [])
        chain.files += make_layers(chain.active, size, [layer])[1:]
        with StorageDaemon(writable=True).serve(chain, folder / "writable") as served:
            with loop_mounted(served.view, folder / "guest", "rw") as guest:
                remove_some(guest)
                write_files(guest, size // 8, f"day-{number}")
    flatten(chain)
    return chain


def tar_row(context: Context, chain: Chain, peers: list[Peer], state: State, target: Target) -> Row:
    def once(peer: Peer, direct: bool = False) -> Sample:
        with ExitStack() as stack:
            prepare(peer, chain, state)
            served = stack.enter_context(peer.serve(chain, context.mountpoint(peer.name)))
            before = served.cpu()
            guest = stack.enter_context(loop_mounted(served.view, context.mountpoint("guest"), "ro,noload", direct))
            cost, size = timed_tar(guest, ".")
            cpu = (served.cpu() - before) / (size / GIB) if served.pids else None
            return Sample(cost.seconds, cpu, served.rss())

    row = Row(f"tar of a guest's ext4 by loop mount, {state.value}", "s", [target], higher_is_better=False)
    contenders = {peer.name: partial(once, peer) for peer in peers}
    contenders["qchain, losetup --direct-io"] = partial(once, peers[0], direct=True)
    return context.race(row, contenders)


def guest(context: Context) -> list[Row]:
    needs_root("a loop mount")
    chain = context.chain("guest", partial(guest_chain, size=context.size))
    peers = readers_for(context.qchain, (StorageDaemon, Native))
    against = (Native.name,)
    rows = [tar_row(context, chain, peers, State.CACHED, Target(1, None, against)),
            tar_row(context, chain, peers, State.COLD, Target(1, 1.05, against))]
    context.drop(chain)
    return rows
