"""The gate, seen from outside: what a command opens, and what it never does, whatever a header says. Each public advisory
about images that make their readers open files has a test of its name."""

import os
import pathlib
import socket
import struct
import subprocess
import sys
import tempfile
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
sys.dont_write_bytecode = True

import opened  # noqa: E402
from builder import Image  # noqa: E402

RAW = bytes(range(256)) * 1024


class Gate(unittest.TestCase):
    def setUp(self):
        temporary = tempfile.TemporaryDirectory(prefix="qchain-gate.")
        self.addCleanup(temporary.cleanup)
        self.top = pathlib.Path(os.path.realpath(temporary.name))
        self.folder = self.top / "images"
        self.folder.mkdir()
        self.secret = self.top / "secret.raw"
        self.secret.write_bytes(b"the host's secret " * 4096)

    def write(self, name, content):
        (self.folder / name).write_bytes(bytes(content))

    def image(self, name="vm.qcow2", **features):
        self.write(name, Image(extras=False, **features).content)

    def does(self, *words, **how):
        return opened.trace([opened.program(), *words], self.folder, **how)

    def commands(self, image="vm.qcow2", *flags):
        yield "info", *flags, image
        yield "map", *flags, image
        yield "copy", *flags, image, "out.raw"
        yield "check", *flags, image
        yield "verify", *flags, image, image
        if not flags or flags[0] == "--allow":
            yield "commit", "--dry-run", *flags, image

    def assert_never_opens(self, forbidden, *flags, statuses=(1, 2)):
        """Every command refuses, and none opens the file (by any name), or connects anywhere."""
        for words in self.commands("vm.qcow2", *flags):
            with self.subTest(words=words):
                run = self.does(*words)
                self.assertIn(run.status, statuses, run.err)
                self.assertNotIn(str(forbidden), run.files)
                self.assertFalse(run.connected, "connects")

    # Nothing but the chain

    def test_commands_open_the_chain_and_nothing_else(self):
        self.write("base.raw", RAW)
        self.image("a.qcow2")
        content = bytearray(Image(backing=b"a.qcow2", extras=False).content)
        content[112 + 4 : 112 + 16] = b"\0\0\0\5qcow2\0\0\0"
        self.write("vm.qcow2", content)
        chain = {str(self.folder / name) for name in ("base.raw", "a.qcow2", "vm.qcow2")}
        for words in self.commands():
            with self.subTest(words=words):
                run = self.does(*words)
                self.assertEqual(run.status, 0, run.err)
                self.assertLessEqual(chain, run.files)
                # A copy makes its output, and commits ask the folder itself for siblings and for room.
                allowed = chain | {str(self.folder)} | {str(self.folder / "out.raw")}
                unnamed = {name for name in run.beyond_the_system() - allowed if "/#" not in name}
                self.assertEqual(unnamed, set())

    def test_no_backing_opens_the_image_alone(self):
        self.write("base.raw", RAW)
        self.image()
        for words in (("info", "--no-backing", "vm.qcow2"), ("map", "--no-backing", "vm.qcow2"),
                      ("copy", "--no-backing", "vm.qcow2", "out.raw")):
            run = self.does(*words)
            self.assertEqual(run.status, 0, run.err)
            self.assertNotIn(str(self.folder / "base.raw"), run.files | run.touched)

    # Advisories

    def test_CVE_2024_32498_data_file_names_a_file_of_the_host(self):
        """OpenStack Cinder, Glance, Nova: a qcow2 image whose external data file is any path of the host."""
        self.image(backing=None, data_file=str(self.secret).encode())
        self.assert_never_opens(self.secret, "--allow", ".")
        for name in (b"/dev/zero", b"/proc/self/environ", b"/dev/fd/0"):
            self.image(backing=None, data_file=name)
            self.assert_never_opens(name.decode())

    def test_CVE_2022_47951_vmdk_descriptor_names_a_file_of_the_host(self):
        """OpenStack Cinder, Glance, Nova: a VMDK descriptor whose flat extent is any path of the host."""
        self.write("vm.qcow2", b'# Disk DescriptorFile\nversion=1\ncreateType="monolithicFlat"\nRW 128 FLAT "%s" 0\n'
                   % str(self.secret).encode() + bytes(4096))
        for words in self.commands():
            self.assertNotIn(str(self.secret), self.does(*words).tried)
        self.write("base.raw", b"KDMV" + bytes(8192))  # the same as a backing file that is recorded as raw: it is raw
        self.image()
        self.assertEqual(self.does("info", "vm.qcow2").status, 0)
        self.write("vm.qcow2", b"KDMV" + bytes(8192))
        self.assert_never_opens(self.secret)

    def test_CVE_2024_4467_json_name_in_a_data_file(self):
        """qemu-img info: a json: name as external data file opens, and waits for, whatever it describes."""
        for name in (b'json:{"driver":"file","filename":"%s"}' % str(self.secret).encode(),
                     b'json:{"driver":"nbd","host":"127.0.0.1","port":"1"}',
                     b'json:{"driver":"blkdebug","image":"%s"}' % str(self.secret).encode()):
            self.image(backing=None, data_file=name)
            self.assert_never_opens(self.secret)

    def test_CVE_2024_44082_backing_file_names_a_file_of_the_host(self):
        """OpenStack Ironic: crafted images with a backing file of the host are converted on it."""
        self.image(backing=str(self.secret).encode())
        self.assert_never_opens(self.secret, "--allow", ".")

    def test_CVE_2024_40767_raw_image_that_looks_like_another_format(self):
        """OpenStack Nova: the format that was checked is not the one that is read. A raw base stays raw, even if a guest
        has written a qcow2 header into it that names a file of the host."""
        self.write("base.raw", bytes(Image(backing=str(self.secret).encode(), extras=False).content) + bytes(256 << 10))
        self.image()
        for words in self.commands():
            with self.subTest(words=words):
                run = self.does(*words)
                self.assertEqual(run.status, 0, run.err)
                self.assertNotIn(str(self.secret), run.tried)

    def test_CVE_2013_1922_guest_writes_a_header_into_a_raw_disk(self):
        """Xen's qemu-nbd: the format of a raw disk was guessed. A backing file without recorded format is refused."""
        self.write("base.raw", bytes(Image(backing=str(self.secret).encode(), extras=False).content))
        content = bytearray(Image(extras=False).content)
        struct.pack_into(">I", content, 112, 0x12345678)  # the format is not recorded
        self.write("vm.qcow2", content)
        self.assert_never_opens(self.secret)

    # What no header gets opened

    def test_special_files(self):
        os.mkfifo(self.folder / "fifo")
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind(str(self.folder / "socket"))
            for name in ("fifo", "socket", "/dev/zero", "/dev/full", "/dev/tty", "/proc/self/environ", "/proc/kcore",
                         "/proc/self/mem", "/sys/kernel/notes", "/proc/self/exe", "/dev/stdin", "/proc/self/fd/0"):
                self.image(backing=name.encode())
                self.assert_never_opens(self.folder / name)

    def test_descriptor_that_the_process_has_inherited(self):
        self.image(backing=b"/dev/fd/0")
        with open(self.secret, "rb") as secret:
            run = self.does("copy", "vm.qcow2", "out.raw", stdin=secret)
        self.assertEqual(run.status, 2, run.err)

    def test_network_addresses(self):
        for name in (b"nbd://127.0.0.1:1/x", b"nbd:unix:/tmp/x", b"http://127.0.0.1:1/x", b"ssh://127.0.0.1/x",
                     b'json:{"driver":"nbd","server":{"type":"inet","host":"127.0.0.1","port":"1"}}'):
            self.image(backing=name)
            self.assert_never_opens(self.secret)

    def test_links_do_not_lead_out_of_an_allowed_folder(self):
        (self.folder / "sub").mkdir()
        os.symlink("../../secret.raw", self.folder / "sub" / "link.raw")
        for name in (b"sub/link.raw", b"../secret.raw", b"./../images/sub/link.raw", str(self.secret).encode()):
            self.image(backing=name)
            self.assert_never_opens(self.secret, "--allow", ".")

    def test_user_may_name_what_a_header_may_not(self):
        with open(self.secret, "rb") as secret:
            run = self.does("info", "--format=raw", "/dev/fd/0", stdin=secret)
        self.assertEqual(run.status, 0, run.err)


def main():
    if subprocess.run(["strace", "-V"], stdout=subprocess.DEVNULL, check=False).returncode != 0:
        sys.exit("strace is missing: scripts/setup test")
    unittest.main()


if __name__ == "__main__":
    main()
