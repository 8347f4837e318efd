"""Builds small qcow2 images byte by byte, and says where each of their fields lies, so that any of them can be broken."""

import struct
import zlib

COPIED = 1 << 63
COMPRESSED = 1 << 62
CORRUPT, DATA_FILE, EXTENDED_L2 = 1 << 1, 1 << 2, 1 << 4
BITMAPS_BIT = 1
EXTENSION_FORMAT, EXTENSION_BITMAPS, EXTENSION_DATA_FILE = 0xE2792ACA, 0x23852875, 0x44415441

# name: (offset in the header, struct code)
HEADER = {
    "magic": (0, "I"),
    "version": (4, "I"),
    "backing_offset": (8, "Q"),
    "backing_size": (16, "I"),
    "cluster_bits": (20, "I"),
    "size": (24, "Q"),
    "crypt_method": (32, "I"),
    "l1_size": (36, "I"),
    "l1_offset": (40, "Q"),
    "refcount_offset": (48, "Q"),
    "refcount_clusters": (56, "I"),
    "snapshot_count": (60, "I"),
    "snapshots_offset": (64, "Q"),
    "incompatible": (72, "Q"),
    "compatible": (80, "Q"),
    "autoclear": (88, "Q"),
    "refcount_order": (96, "I"),
    "header_length": (100, "I"),
    "compression": (104, "B"),
}


def pack_at(content, offset, code, value):
    struct.pack_into(">" + code, content, offset, value & ((1 << 8 * struct.calcsize(code)) - 1))


def read_at(content, offset, code):
    return struct.unpack_from(">" + code, content, offset)[0]


class Image:
    """A good image of 256 KiB with everything in it that its features allow; clusters of 1 KiB, or as `bits` says."""

    def __init__(self, bits=10, backing=b"base.raw", extended=False, data_file=None, extras=True):
        self.bits, self.cluster = bits, 1 << bits
        self.content = bytearray()
        self.references = {}
        self.extended, self.data_file = extended, data_file
        self.entry_size = 16 if extended else 8
        self.places = {}
        self.size = 256 * 1024
        self.header = self.take(1)
        self.reftable = self.take(1)
        self.refblock = self.take(1)
        self.l1_size = -(-self.size // (self.cluster * (self.cluster // self.entry_size)))
        self.l1 = self.take(-(-self.l1_size * 8 // self.cluster))
        self.l2 = self.add_table(0)
        self.add_data()
        extensions = [(EXTENSION_FORMAT, b"raw")] if backing else []
        autoclear = 0
        if extras and not data_file:
            self.add_snapshot()
            extensions.append((EXTENSION_BITMAPS, self.add_bitmap()))
            autoclear = BITMAPS_BIT
        if data_file:
            extensions.append((EXTENSION_DATA_FILE, data_file))
        self.write_header(extensions, backing, autoclear)
        self.write_refcounts()

    def take(self, clusters):
        offset = len(self.content)
        self.content += bytes(clusters * self.cluster)
        for number in range(offset >> self.bits, len(self.content) >> self.bits):
            self.references[number] = 1
        return offset

    def put(self, name, offset, code, value):
        """Writes a field and remembers it by name."""
        self.places[name] = (offset, code)
        pack_at(self.content, offset, code, value)

    def get(self, name):
        return read_at(self.content, *self.places[name])

    def add_table(self, index):
        table = self.take(1)
        self.put(f"l1[{index}]", self.l1 + index * 8, "Q", COPIED | table)
        return table

    def put_entry(self, index, value, bitmap=0):
        self.put(f"l2[{index}]", self.l2 + index * self.entry_size, "Q", value)
        if self.extended:
            self.put(f"l2[{index}].bitmap", self.l2 + index * 16 + 8, "Q", bitmap)

    def add_data(self):
        for index in (0, 1, 5):
            if self.data_file:
                self.put_entry(index, COPIED | index << self.bits)
                continue
            host = self.take(1)
            self.content[host : host + self.cluster] = bytes([0x40 + index]) * self.cluster
            self.put_entry(index, COPIED | host, 0x0000FF00_000000FF)
        if not self.extended:
            self.put_entry(2, 1)  # zeros
        if not self.data_file:
            self.add_packed(8)

    def add_packed(self, index):
        deflate = zlib.compressobj(9, zlib.DEFLATED, -12)
        packed = deflate.compress(b"packed" * (self.cluster // 6) + b"!" * (self.cluster % 6)) + deflate.flush()
        host = self.take(1)
        self.packed = (host, len(packed))
        self.content[host : host + len(packed)] = packed
        sectors = -(-len(packed) // 512)
        self.put_entry(index, COMPRESSED | (sectors - 1) << (62 - (self.bits - 8)) | host)

    def add_snapshot(self):
        """It shares the data clusters 0 and 1, and has an L2 table of its own."""
        table = self.take(1)
        l1 = self.take(-(-self.l1_size * 8 // self.cluster))
        self.put("snapshot_l1[0]", l1, "Q", table)
        for index in (0, 1):
            entry = self.get(f"l2[{index}]") & ~COPIED
            self.put(f"l2[{index}]", self.l2 + index * self.entry_size, "Q", entry)
            self.put(f"snapshot_l2[{index}]", table + index * self.entry_size, "Q", entry)
            if self.extended:
                pack_at(self.content, table + index * 16 + 8, "Q", 0xFF)
            self.references[entry >> self.bits] = 2
        self.snapshots = self.take(1)
        fields = [("l1_offset", 0, "Q", l1), ("l1_size", 8, "I", self.l1_size), ("id_size", 12, "H", 1),
                  ("name_size", 14, "H", 6), ("date", 16, "I", 1700000000), ("extra_size", 36, "I", 16),
                  ("disk_size", 48, "Q", self.size)]
        for name, offset, code, value in fields:
            self.put("snapshot." + name, self.snapshots + offset, code, value)
        self.content[self.snapshots + 56 : self.snapshots + 63] = b"1before"

    def add_bitmap(self):
        bits, table, directory = self.take(1), self.take(1), self.take(1)
        self.put("bitmap_table[0]", table, "Q", bits)
        fields = [("table_offset", 0, "Q", table), ("table_size", 8, "I", 1), ("flags", 12, "I", 2), ("type", 16, "B", 1),
                  ("granularity_bits", 17, "B", 12), ("name_size", 18, "H", 5), ("extra_size", 20, "I", 0)]
        for name, offset, code, value in fields:
            self.put("bitmap." + name, directory + offset, code, value)
        self.content[directory + 24 : directory + 29] = b"daily"
        return struct.pack(">IIQQ", 1, 0, 32, directory)

    def write_header(self, extensions, backing, autoclear):
        values = {
            "magic": 0x514649FB, "version": 3, "backing_offset": 0, "backing_size": 0, "cluster_bits": self.bits,
            "size": self.size, "crypt_method": 0, "l1_size": self.l1_size, "l1_offset": self.l1,
            "refcount_offset": self.reftable, "refcount_clusters": 1,
            "snapshot_count": 1 if "snapshot.date" in self.places else 0,
            "snapshots_offset": self.snapshots if "snapshot.date" in self.places else 0,
            "incompatible": (EXTENDED_L2 if self.extended else 0) | (DATA_FILE if self.data_file else 0),
            "compatible": 0, "autoclear": autoclear, "refcount_order": 4, "header_length": 112, "compression": 0,
        }
        offset = 112
        for number, (kind, data) in enumerate(extensions):
            self.put(f"extension[{number}].type", offset, "I", kind)
            self.put(f"extension[{number}].length", offset + 4, "I", len(data))
            self.content[offset + 8 : offset + 8 + len(data)] = data
            if kind == EXTENSION_BITMAPS:
                for name, at, code in (("count", 8, "I"), ("reserved", 12, "I"), ("size", 16, "Q"), ("offset", 24, "Q")):
                    self.places["bitmaps." + name] = (offset + at, code)
            offset += 8 + -(-len(data) // 8) * 8
        offset += 8  # the end marker
        self.extensions_end = offset
        if backing:
            values["backing_offset"], values["backing_size"] = offset, len(backing)
            self.content[offset : offset + len(backing)] = backing
        for name, (place, code) in HEADER.items():
            self.put(name, place, code, values[name])

    def write_refcounts(self):
        self.put("reftable[0]", self.reftable, "Q", self.refblock)
        for number, count in self.references.items():
            self.put(f"refcount[{number}]", self.refblock + number * 2, "H", count)

    def broken(self, name, value):
        """A copy of the bytes in which one field says something else."""
        content = bytearray(self.content)
        pack_at(content, *self.places[name], value)
        return bytes(content)

    def overwritten(self, offset, data):
        content = bytearray(self.content)
        content[offset : offset + len(data)] = data
        return bytes(content)
