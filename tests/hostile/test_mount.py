"""Damaged images through the mount: EIO where a layer can't give what it should, the right bytes everywhere else, and a
line on stderr that says where and why."""

import errno
import os
import pathlib
import re
import subprocess
import sys
import tempfile
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
sys.dont_write_bytecode = True

from builder import COMPRESSED, COPIED, Image  # noqa: E402

FAR = 1 << 40
QCHAIN = os.environ["QCHAIN_BINARY"]


def damaged():
    """name, bytes, the guest ranges that are lost, words of the reason"""
    image = Image()
    size, cluster = image.size, image.cluster
    yield "cluster past the end", image.broken("l2[5]", COPIED | FAR), [(5 * cluster, cluster)], "past the end"
    yield "misaligned cluster", image.broken("l2[5]", COPIED | image.l2 + 512), [(5 * cluster, cluster)], "border"
    yield "garbage in a packed cluster", image.overwritten(image.packed[0], b"\xa5" * image.packed[1]), [
        (8 * cluster, cluster)], "does not inflate"
    yield "packed cluster past the end", image.broken("l2[8]", COMPRESSED | FAR), [(8 * cluster, cluster)], "past the end"
    yield "table past the end", image.broken("l1[0]", COPIED | FAR), [(0, 128 * cluster)], "L2 table lies past"
    yield "misaligned table", image.broken("l1[0]", COPIED | image.l2 + 512), [(0, 128 * cluster)], "L2 table does not"
    yield "cut behind its header", bytes(image.content[:cluster]), [(0, size)], "L1 table lies past"


def read_pieces(path, size, piece):
    """The bytes, or None where a piece gives EIO."""
    with open(path, "rb", buffering=0) as file:
        for start in range(0, size, piece):
            try:
                yield start, os.pread(file.fileno(), piece, start)
            except OSError as error:
                if error.errno != errno.EIO:
                    raise
                yield start, None


class DamagedMount(unittest.TestCase):
    def setUp(self):
        if not os.access("/dev/fuse", os.R_OK | os.W_OK):
            if os.environ.get("CI"):
                self.fail("/dev/fuse is missing")
            self.skipTest("/dev/fuse is not there for this user")
        temporary = tempfile.TemporaryDirectory(prefix="qchain-damaged.")
        self.addCleanup(temporary.cleanup)
        self.folder = pathlib.Path(temporary.name)
        (self.folder / "view").mkdir()

    def mounted(self, content):
        (self.folder / "base.raw").write_bytes(b"B" * (256 << 10))
        (self.folder / "bad.qcow2").write_bytes(content)
        errors = open(self.folder / "stderr", "wb")  # pylint: disable=consider-using-with
        server = subprocess.Popen([QCHAIN, "mount", "-f", "bad.qcow2", "view"], cwd=self.folder, stdin=subprocess.DEVNULL,
                                  stdout=subprocess.DEVNULL, stderr=errors)
        errors.close()
        return server

    def unmount(self, server):
        subprocess.run(["fusermount3", "-u", "view"], cwd=self.folder, check=True)
        self.assertEqual(server.wait(60), 0)

    def wait_until_mounted(self, server):
        """The mount answers, or the command has ended."""
        disk = self.folder / "view" / "disk.raw"
        while not disk.exists():
            self.assertIsNone(server.poll(), (self.folder / "stderr").read_text())
            try:
                server.wait(0.02)
            except subprocess.TimeoutExpired:
                pass
        return disk

    def test_eio_there_and_right_bytes_elsewhere(self):
        for name, content, lost, reason in damaged():
            with self.subTest(name):
                server = self.mounted(content)
                disk = self.wait_until_mounted(server)
                saved = self.folder / "saved.raw"
                copied = subprocess.run([QCHAIN, "copy", "--force", "--salvage", "bad.qcow2", "saved.raw"],
                                        cwd=self.folder, capture_output=True, check=False)
                self.assertEqual(copied.returncode, 1, copied.stderr)
                right = saved.read_bytes()
                # The kernel reads whole pages: one with a bad cluster is bad.
                for start, got in read_pieces(disk, len(right), 4096):
                    touches = any(start < place + length and place < start + 4096 for place, length in lost)
                    self.assertEqual(got, None if touches else right[start : start + 4096], f"at {start}")
                self.unmount(server)
                said = (self.folder / "stderr").read_text()
                self.assertRegex(said, re.escape("bad.qcow2: cannot read guest bytes ") + r"\d+ to \d+: .*" + reason)


if __name__ == "__main__":
    unittest.main()
