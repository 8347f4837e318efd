"""Hundreds of malformed images: every field of a good one set to what no writer leaves there, and files cut short."""

import random
import struct

from builder import COMPRESSED, COPIED, EXTENDED_L2, EXTENSION_DATA_FILE, Image

FAR = 1 << 40
TOP = 1 << 63
ONES = (1 << 64) - 1


def header_mutations(image):
    cluster, length = image.cluster, len(image.content)
    offsets = [cluster // 2, length // cluster * cluster, FAR, TOP, TOP - cluster, ONES, ONES - cluster + 1]
    lies = {
        "version": [0, 1, 4, 0xFFFFFFFF],
        "backing_offset": [cluster + 1, 4, 104, TOP, ONES],
        "backing_size": [cluster, 1024, 0x7FFFFFFF, 0xFFFFFFFF],
        "cluster_bits": [0, 8, 22, 31, 32, 63, 64, 0xFFFFFFFF, 9, 11, 16, 21],
        "size": [1 << 40, 1 << 62, TOP - 1, TOP, ONES, ONES - 511],
        "crypt_method": [1, 2, 3, 0xFFFFFFFF],
        "l1_size": [0, 1, 4194305, 1 << 28, 0x7FFFFFFF, 0xFFFFFFFF],
        "l1_offset": [0, image.reftable, image.refblock, image.l2] + offsets,
        "refcount_offset": [0, image.l1, image.l2] + offsets,
        "refcount_clusters": [0, 8193, 1 << 20, 0xFFFFFFFF, 64],
        "snapshot_count": [2, 3, 65536, 65537, 0x7FFFFFFF, 0xFFFFFFFF],
        "snapshots_offset": [0, image.l1, image.l2] + offsets,
        "incompatible": [1 << 5, 1 << 31, TOP, 2, 4, 8, 16, ONES],
        "autoclear": [2, 3],
        "refcount_order": [0, 2, 3, 5, 6, 7, 8, 0x7FFFFFFF, 0xFFFFFFFF],
        "header_length": [0, 71, 72, 103, cluster + 8, 0x7FFFFFFF, 0xFFFFFFFF],
        "compression": [1, 2, 255],
    }
    for name, values in lies.items():
        for value in values:
            if value != image.get(name):
                yield f"header-{name}-{value:#x}", image.broken(name, value)


def entry_values(image):
    """What a table entry that should name a cluster may name instead."""
    cluster, length = image.cluster, len(image.content)
    return {
        "misaligned": COPIED | image.l2 + 512,
        "header": COPIED,
        "reftable": COPIED | image.reftable,
        "refblock": COPIED | image.refblock,
        "l1": COPIED | image.l1,
        "l2": COPIED | image.l2,
        "end": COPIED | length // cluster * cluster,
        "far": COPIED | FAR,
        "last": COPIED | ((1 << 56) - cluster),
        "reserved": COPIED | image.l2 | 0x3E,
        "reserved-high": COPIED | image.l2 | 0x3F << 56,
        "ones": ONES,
        "not-copied": image.l2,
    }


def table_mutations(image):
    for table in ("l1[0]", "snapshot_l1[0]", "reftable[0]"):
        if table in image.places:
            for word, value in entry_values(image).items():
                if value != image.get(table):
                    yield f"{table}-{word}", image.broken(table, value)
    for index in (0, 2, 5, 8):
        name = f"l2[{index}]"
        if name in image.places:
            for word, value in entry_values(image).items():
                if (index, word) != (2, "header"):  # there the flag alone means nothing
                    yield f"{name}-{word}", image.broken(name, value)
    for name, value in (("snapshot_l2[0]", FAR), ("snapshot_l2[1]", 512 + image.l2), ("snapshot_l2[0]", image.l1)):
        if name in image.places:
            yield f"{name}-{value:#x}", image.broken(name, value)


def packed_mutations(image):
    shift = 62 - (image.bits - 8)
    host, length = image.packed
    name = "l2[8]"
    entry = image.get(name)
    yield "packed-past-end", image.broken(name, COMPRESSED | FAR)
    yield "packed-at-end", image.broken(name, COMPRESSED | len(image.content))
    yield "packed-copied", image.broken(name, entry | COPIED)
    yield "packed-of-all-sectors", image.broken(name, entry | ((1 << (image.bits - 8)) - 1) << shift)
    yield "packed-is-header", image.broken(name, COMPRESSED)
    yield "packed-off-by-one", image.broken(name, entry + 1)
    yield "packed-is-l2", image.broken(name, COMPRESSED | image.l2)
    yield "packed-zeros", image.overwritten(host, bytes(length))
    yield "packed-ones", image.overwritten(host, b"\xff" * length)
    yield "packed-cut", image.overwritten(host + length // 2, bytes(image.cluster - length // 2))
    for seed in range(8):
        noise = random.Random(seed).randbytes(length)
        yield f"packed-noise-{seed}", image.overwritten(host, noise)


def refcount_mutations(image):
    for number in image.references:
        for value in (0, 0xFFFF):
            yield f"refcount[{number}]-{value}", image.broken(f"refcount[{number}]", value)
    yield "refcounts-zero", image.overwritten(image.refblock, bytes(image.cluster))
    yield "refcounts-ones", image.overwritten(image.refblock, b"\xff" * image.cluster)


def extension_mutations(image):
    first = 112
    yield "extension-length-max", image.broken("extension[0].length", 0xFFFFFFFF)
    yield "extension-length-past-backing", image.broken("extension[0].length", image.cluster)
    yield "extension-format-long", image.broken("extension[0].length", 16)
    yield "extension-format-empty", image.broken("extension[0].length", 0)
    yield "extension-format-unknown", image.overwritten(first + 8, b"vmdk\0\0\0\0")
    yield "extension-format-missing", image.broken("extension[0].type", 0x12345678)
    yield "extension-crypto", image.broken("extension[0].type", 0x0537BE77)
    yield "extension-data-file", image.broken("extension[0].type", EXTENSION_DATA_FILE)
    for name, values in {
        "bitmaps.count": [0, 2, 65536, 0xFFFFFFFF],
        "bitmaps.reserved": [1],
        "bitmaps.size": [0, 8, 24, 1 << 26, (1 << 26) + 8, ONES],
        "bitmaps.offset": [0, 512, image.l1, FAR, TOP, ONES - image.cluster + 1],
        "extension[1].length": [0, 16, 23, 32],
    }.items():
        for value in values:
            yield f"{name}-{value:#x}", image.broken(name, value)


def record_mutations(image):
    for name, values in {
        "snapshot.l1_offset": [512, image.l1, FAR, TOP, ONES, ONES - image.cluster + 1],
        "snapshot.l1_size": [4194304, 4194305, 0x7FFFFFFF, 0xFFFFFFFF],
        "snapshot.id_size": [0xFFFF],
        "snapshot.name_size": [0xFFFF],
        "snapshot.extra_size": [0, 8, 1025, 0x7FFFFFFF, 0xFFFFFFFF],
        "bitmap.table_offset": [0, 512, image.l1, FAR, TOP, ONES],
        "bitmap.table_size": [0, 1 << 20, 0x8000001, 0xFFFFFFFF],
        "bitmap.flags": [4, 0xFFFFFFFF],
        "bitmap.type": [0, 2, 255],
        "bitmap.granularity_bits": [0, 8, 32, 63, 255],
        "bitmap.name_size": [0, 1024, 0xFFFF],
        "bitmap.extra_size": [8, 0xFFFFFFFF],
        "bitmap_table[0]": [2, 512, image.l1, FAR, TOP, ONES],
    }.items():
        for value in values:
            yield f"{name}-{value:#x}", image.broken(name, value)


def cuts(image):
    for length in (4, 20, 71, 103, 111, 150):
        yield f"cut-{length}", bytes(image.content[:length])
    for number in range(1, len(image.content) // image.cluster):
        yield f"cut-{number}-clusters", bytes(image.content[: number * image.cluster])


def names(image):
    """What a header may ask a careless reader to open. (A regular file of the host is opened without --allow, as QEMU
    does: test_gate.py.)"""
    asked = [b"/proc/self/environ", b"/dev/zero", b"/dev/fd/0", b"nbd://localhost/x", b"fat:/etc",
             b"json:{}", b"json:{{{", b'json:{"driver":"raw","file":{"driver":"nbd","host":"x"}}', b"a\0b",
             b'json:{"driver":"raw","offset":512,"file":"base.raw"}', b"json:" + b"[" * 500, b"", b"/", b".", b"./self.qcow2", b"http://localhost/x", b"ssh://h/x", b"rbd:p/i", b"blkdebug::base.raw",
             b'json:{"driver":"quorum","children":[]}', b"file:/dev/full", b"x" * 300]
    for number, name in enumerate(asked):
        made = Image(backing=name, extras=False) if name else image
        content = bytearray(made.content)
        if not name:
            struct.pack_into(">I", content, 16, 1)
            content[made.extensions_end : made.extensions_end + 1] = b"/"
        yield f"name-{number}", bytes(content)


def subclusters():
    image = Image(bits=14, extended=True, extras=False)
    for word, value in {"both": 0x1_00000001, "all-both": ONES, "high-both": (1 << 63) | (1 << 31)}.items():
        yield f"subclusters-{word}", image.broken("l2[0].bitmap", value)
    yield "subclusters-no-offset", image.broken("l2[0]", 0)
    yield "subclusters-packed-with-bitmap", image.overwritten(image.places["l2[8]"][0] + 8, b"\1" * 8)
    yield "subclusters-misaligned", image.broken("l2[1]", COPIED | image.l2 + 512)
    yield "subclusters-past-end", image.broken("l2[1]", COPIED | FAR)
    small = Image(extras=False)
    yield "subclusters-too-small", small.broken("incompatible", EXTENDED_L2)


def data_files():
    image = Image(data_file=b"beside.data", backing=None)
    yield "data-file-wrong-offset", image.broken("l2[1]", COPIED | 5 << image.bits)
    yield "data-file-misaligned", image.broken("l2[1]", COPIED | 512 + image.cluster)
    yield "data-file-packed", image.broken("l2[1]", COMPRESSED | image.cluster)
    yield "data-file-not-copied", image.broken("l2[1]", image.cluster)
    yield "data-file-without-name", image.broken("extension[0].type", 0x12345678)
    for number, name in enumerate([b"/etc/passwd\0", b"/dev/zero", b"/proc/self/mem", b"nbd://x/y", b"none.data"]):
        yield f"data-file-name-{number}", bytes(Image(data_file=name, backing=None).content)
    raw_with_backing = Image(data_file=b"beside.data", backing=None)
    yield "data-file-raw-without", Image(extras=False).broken("autoclear", 2)
    yield "data-file-past-end", raw_with_backing.broken("l2[5]", COPIED | 200 << raw_with_backing.bits)


def malformed():
    """(name, bytes) of all, each name and each content once."""
    image = Image()
    groups = (header_mutations, table_mutations, packed_mutations, refcount_mutations, extension_mutations,
              record_mutations, cuts, names)
    seen = set()
    for images in [group(image) for group in groups] + [subclusters(), data_files()]:
        for name, content in images:
            if content not in seen:
                seen.add(content)
                yield name, content
