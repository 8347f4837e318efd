"""A file of 1 KiB can't make qchain take a gigabyte, or a minute: random tiny files, whose headers claim anything."""

import os
import pathlib
import random
import struct
import sys
import tempfile
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
sys.dont_write_bytecode = True

import bounded  # noqa: E402
from builder import HEADER, Image, pack_at  # noqa: E402

FILES = int(os.environ.get("QCHAIN_TINY_FILES", "40"))
SEED = int(os.environ.get("QCHAIN_SEED", "0")) or random.SystemRandom().randrange(1 << 32)
COMMANDS = (["info", "bad.qcow2"], ["map", "bad.qcow2"], ["copy", "bad.qcow2", "out.raw"], ["check", "bad.qcow2"],
            ["commit", "--dry-run", "--bitmaps=drop", "bad.qcow2"], ["copy", "--salvage", "--format=qcow2", "bad.qcow2", "out"])


def tiny(chance):
    """The first KiB of an image, with numbers as large as the limits let them be, and some larger."""
    bits = chance.choice([9, 9, 10, 12, 16, 21])
    content = bytearray(Image(bits=9).content[:1024])
    cluster = 1 << bits
    l1_size = chance.choice([1, 64, 1 << 16, 1 << 22, chance.randrange(1 << 22)])
    pack_at(content, *HEADER["cluster_bits"], bits)
    pack_at(content, *HEADER["l1_size"], l1_size)
    pack_at(content, *HEADER["size"], min(l1_size * (cluster // 8) * cluster, (1 << 63) - (1 << 30)))
    for name in ("l1_offset", "refcount_offset", "snapshots_offset"):
        pack_at(content, *HEADER[name], chance.choice([0, cluster, 2 * cluster, 1 << 40]) // cluster * cluster)
    pack_at(content, *HEADER["refcount_clusters"], chance.choice([1, 4, (8 << 20) // cluster]))
    pack_at(content, *HEADER["snapshot_count"], chance.choice([0, 0, 1, 65536]))
    pack_at(content, *HEADER["refcount_order"], chance.randrange(7))
    for _ in range(chance.randrange(20)):
        place = chance.randrange(0, len(content) - 8, 8)
        if place >= 112:
            struct.pack_into(">Q", content, place, chance.choice([0, 1 << 63, chance.randrange(1 << 63), cluster, 1 << 62]))
    return bytes(content)


class Bounds(unittest.TestCase):
    def test_tiny_files_cost_little(self):
        print(f"seed: QCHAIN_SEED={SEED}", file=sys.stderr)
        chance = random.Random(SEED)
        opened = 0
        for number in range(FILES):
            content = tiny(chance)
            with tempfile.TemporaryDirectory(prefix="qchain-tiny.") as folder, self.subTest(number=number):
                (pathlib.Path(folder) / "bad.qcow2").write_bytes(content)
                (pathlib.Path(folder) / "base.raw").write_bytes(b"B" * (64 << 10))
                for words in COMMANDS:
                    outcome = bounded.run([os.environ["QCHAIN_BINARY"], *words], folder)
                    self.assertIsNone(outcome.breach(), words)
                    opened += outcome.status != 2
        self.assertGreater(opened, 0, "all of them were refused: nothing was tested")


if __name__ == "__main__":
    unittest.main()
