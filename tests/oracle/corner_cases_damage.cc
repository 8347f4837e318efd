// Cases 17, 18 and 26 to 28: entries that are odd or broken, tables that cross, headers that lie.
#include "tests/oracle/corner_case.h"

namespace qchain::test {
namespace {

class DamageCase : public CornerCase {
 protected:
  DamageCase() : image_((raw("base.raw", MiB), overlay("top.qcow2", "base.raw", "raw"))) {
    qemu_io(image_, {"write -P 1 64k 64k", "write -P 2 128k 64k", "write -P 3 256k 128k", "write -z 512k 64k"});
  }
  void poke_l1(std::uint64_t entry) const { poke_be(image_, l1_entry_place(image_, 0), entry); }
  [[nodiscard]] std::uint64_t l1() const { return peek_be<std::uint64_t>(image_, l1_entry_place(image_, 0)); }
  std::string image_;
};

TEST_F(DamageCase, Case17_ReservedBitsOfL2EntriesAreMasked) {
  poke_l2_entry(image_, 64 * KiB, l2_entry(image_, 64 * KiB) | 0x1fe);
  poke_l2_entry(image_, 128 * KiB, l2_entry(image_, 128 * KiB) | std::uint64_t{0x3f} << 56);
  EXPECT_TRUE(reads_like_qemu(image_));
}

TEST_F(DamageCase, Case17_ReservedBitsOfL1EntriesAreMasked) {
  poke_l1(l1() | 0x1ff | std::uint64_t{0x7f} << 56);
  EXPECT_TRUE(reads_like_qemu(image_));
}

TEST_F(DamageCase, Case17_Bit63MeansNothingForReading) {
  poke_l2_entry(image_, 64 * KiB, l2_entry(image_, 64 * KiB) & ~(std::uint64_t{1} << 63));
  poke_l2_entry(image_, 0, std::uint64_t{1} << 63);
  EXPECT_TRUE(reads_like_qemu(image_));
}

TEST_F(DamageCase, Case18_MisalignedClusterIsAnErrorThereAlone) {
  poke_l2_entry(image_, 128 * KiB, l2_entry(image_, 128 * KiB) + 512);
  EXPECT_TRUE(fails_where_qemu_fails(image_, MiB, 64 * KiB));
  EXPECT_EQ(kind_at(image_, 128 * KiB), ExtentKind::broken);
  EXPECT_TRUE(is_refused(image_, ErrorKind::corrupt, "top.qcow2"));
}

TEST_F(DamageCase, Case18_RestOfTheDiskIsRightAroundABrokenCluster) {
  const ByteVector before = qemu_bytes(image_);
  poke_l2_entry(image_, 128 * KiB, l2_entry(image_, 128 * KiB) + 512);
  const auto view = open_view(image_);
  ASSERT_TRUE(view) << describe(view.error());
  ByteVector low(128 * KiB);
  ByteVector high(MiB - 192 * KiB);
  ASSERT_TRUE((*view)->read(0, low));
  ASSERT_TRUE((*view)->read(192 * KiB, high));
  EXPECT_TRUE(same_bytes(Bytes(before).first(low.size()), low));
  EXPECT_TRUE(same_bytes(Bytes(before).subspan(192 * KiB), high));
}

TEST_F(DamageCase, Case18_MisalignedL2TableIsAnErrorUnderItAlone) {
  const std::string image = overlay("small.qcow2", "base.raw", "raw", "cluster_size=4k");  // 2 MiB a table
  qemu_img({"resize", "-q", image, "4M"});
  qemu_io(image, {"write -P 1 100k 64k", "write -P 2 2200k 64k"});
  poke_be(image, l1_entry_place(image, 2 * MiB), peek_be<std::uint64_t>(image, l1_entry_place(image, 2 * MiB)) + 512);
  EXPECT_TRUE(fails_where_qemu_fails(image, 4 * MiB, 256 * KiB));
}

/// QEMU reads zeros past the end of a file, and so makes silent loss of an image that was cut short.
TEST_F(DamageCase, Case18_ClusterPastTheEndOfTheFileIsAnErrorThereAlone) {
  poke_l2_entry(image_, 128 * KiB, std::uint64_t{1} << 63 | far_away);
  EXPECT_TRUE(is_refused(image_, ErrorKind::corrupt, "cut short"));
  EXPECT_FALSE(can_read(image_, {128 * KiB, 64 * KiB}));
  EXPECT_TRUE(can_read(image_, {0, 128 * KiB}));
  EXPECT_TRUE(can_read(image_, {192 * KiB, MiB - 192 * KiB}));
}

TEST_F(DamageCase, Case18_L2TablePastTheEndOfTheFileIsAnErrorUnderIt) {
  poke_l1(std::uint64_t{1} << 63 | far_away);
  EXPECT_TRUE(is_refused(image_, ErrorKind::corrupt, "L2 table lies past the end"));
}

TEST_F(DamageCase, Case18_L1TablePastTheEndOfTheFileIsAnErrorEverywhere) {
  poke_be(image_, field::l1_offset, far_away);
  EXPECT_TRUE(is_refused(image_, ErrorKind::corrupt, "L1 table lies past the end"));
}

TEST_F(DamageCase, Case18_PackedClusterPastTheEndOfTheFileIsAnErrorThereAlone) {
  const std::string image = qcow2("packed.qcow2", MiB);
  qemu_io(image, {"write -c -P 1 0 64k", "write -P 2 64k 64k"});
  poke_l2_entry(image, 0, std::uint64_t{1} << 62 | far_away);
  EXPECT_FALSE(can_read(image, {0, 64 * KiB}));
  EXPECT_TRUE(can_read(image, {64 * KiB, MiB - 64 * KiB}));
}

TEST_F(DamageCase, Case18_EveryCutOfAFileReadsRightOrNotAtAll) {
  const std::string image = qcow2("cut.qcow2", 512 * KiB, "cluster_size=4k");
  qemu_io(image, {"write -P 1 0 100k", "write -P 2 200k 100k", "write -z 400k 8k"});
  const ByteVector whole = qemu_bytes(image);
  for (std::uint64_t length = align_down(file_size(image), 4 * KiB); length > 4 * KiB; length -= 4 * KiB) {
    resize_file(image, length);
    for (std::uint64_t start = 0; start < whole.size(); start += 4 * KiB) {
      const auto view = open_view(image);
      ByteVector bytes(4 * KiB);
      if (view && (*view)->read(start, bytes)) {
        EXPECT_TRUE(same_bytes(Bytes(whole).subspan(start, bytes.size()), bytes)) << length << ", at " << start;
      }
    }
  }
}

/// QEMU leaves the last cluster of a file short; it reads as zeros behind the end.
TEST_F(DamageCase, Case18_LastClusterOfTheFileMayBeThereInPart) {
  const std::string image = qcow2("short.qcow2", MiB);
  qemu_io(image, {"write -P 7 0 64k"});
  resize_file(image, file_size(image) - 60 * KiB);
  EXPECT_TRUE(reads_like_qemu(image));
}

TEST_F(DamageCase, Case27_TwoEntriesShareOneHostCluster) {
  poke_l2_entry(image_, 128 * KiB, l2_entry(image_, 64 * KiB));
  poke_l2_entry(image_, 0, l2_entry(image_, 64 * KiB));
  EXPECT_TRUE(reads_like_qemu(image_));
}

TEST_F(DamageCase, Case27_EntriesThatPointIntoMetadataAreRead) {
  // A merge must not write there; a reader gives the bytes, as QEMU does.
  poke_l2_entry(image_, 64 * KiB, std::uint64_t{1} << 63 | peek_be<std::uint64_t>(image_, field::refcount_offset));
  poke_l2_entry(image_, 128 * KiB, std::uint64_t{1} << 63 | peek_be<std::uint64_t>(image_, field::l1_offset));
  EXPECT_TRUE(reads_like_qemu(image_));
}

TEST_F(DamageCase, Case27_L2TableThatIsTheRefcountTable) {
  poke_l1(std::uint64_t{1} << 63 | peek_be<std::uint64_t>(image_, field::refcount_offset));
  EXPECT_TRUE(reads_like_qemu(image_));
}

TEST_F(DamageCase, Case27_TwoL1EntriesShareOneL2Table) {
  const std::string image = qcow2("small.qcow2", 4 * MiB, "cluster_size=4k");
  qemu_io(image, {"write -P 1 100k 64k", "write -P 2 2200k 64k"});
  poke_be(image, l1_entry_place(image, 2 * MiB), peek_be<std::uint64_t>(image, l1_entry_place(image, 0)));
  EXPECT_TRUE(reads_like_qemu(image));
}

class Preallocation : public CornerCase, public testing::WithParamInterface<const char*> {};

TEST_P(Preallocation, Case28_AllocatedClustersThatAreHolesOfTheFileAreData) {
  const std::string image = qcow2("disk.qcow2", 4 * MiB, std::string("preallocation=") + GetParam());
  qemu_io(image, {"write -P 1 100k 64k", "write -z 1M 64k"});
  EXPECT_TRUE(reads_like_qemu(image));
  EXPECT_EQ(kind_at(image, 3 * MiB), ExtentKind::data);
}

INSTANTIATE_TEST_SUITE_P(Modes, Preallocation, testing::Values("metadata", "falloc", "full"),
                         [](const auto& instance) { return std::string(instance.param); });

/// A header field set to what no image has.
struct HeaderLie {
  const char* name;
  std::uint64_t offset;
  std::size_t width;
  std::uint64_t value;
};

void PrintTo(const HeaderLie& lie, std::ostream* out) {
  *out << lie.name;
}

class LyingHeader : public CornerCase, public testing::WithParamInterface<HeaderLie> {};

TEST_P(LyingHeader, Case26_IsRefusedAtOnce) {
  const HeaderLie& lie = GetParam();
  raw("base.raw", MiB);
  const std::string image = overlay("top.qcow2", "base.raw", "raw");
  if (lie.width == 4) {
    poke_be(image, lie.offset, static_cast<std::uint32_t>(lie.value));
  }
  if (lie.width == 8) {
    poke_be(image, lie.offset, lie.value);
  }
  EXPECT_FALSE(try_qemu_bytes(image)) << "QEMU takes it";
  const Result<ByteVector> got = read_image(image);
  ASSERT_FALSE(got);
  EXPECT_EQ(got.error().path, image);
  const ErrorKind kind = got.error().kind;
  EXPECT_TRUE(kind == ErrorKind::corrupt || kind == ErrorKind::limit || kind == ErrorKind::unsupported)
      << describe(got.error());
}

constexpr std::uint64_t top_bit = std::uint64_t{1} << 63;
INSTANTIATE_TEST_SUITE_P(Pokes, LyingHeader,
                         testing::Values(HeaderLie{"version_1", field::version, 4, 1},
                                         HeaderLie{"version_4", field::version, 4, 4},
                                         HeaderLie{"cluster_bits_8", field::cluster_bits, 4, 8},
                                         HeaderLie{"cluster_bits_22", field::cluster_bits, 4, 22},
                                         HeaderLie{"cluster_bits_63", field::cluster_bits, 4, 63},
                                         HeaderLie{"cluster_bits_64", field::cluster_bits, 4, 64},
                                         HeaderLie{"refcount_order_7", field::refcount_order, 4, 7},
                                         HeaderLie{"refcount_order_max", field::refcount_order, 4, UINT32_MAX},
                                         HeaderLie{"header_length_0", field::header_length, 4, 0},
                                         HeaderLie{"header_length_103", field::header_length, 4, 103},
                                         HeaderLie{"header_length_huge", field::header_length, 4, 0x7fffffff},
                                         HeaderLie{"header_length_max", field::header_length, 4, UINT32_MAX},
                                         HeaderLie{"backing_offset_huge", field::backing_offset, 8, top_bit - 1},
                                         HeaderLie{"backing_offset_max", field::backing_offset, 8, UINT64_MAX},
                                         HeaderLie{"backing_offset_past_cluster", field::backing_offset, 8, 65537},
                                         HeaderLie{"backing_size_1024", field::backing_size, 4, 1024},
                                         HeaderLie{"backing_size_max", field::backing_size, 4, UINT32_MAX},
                                         HeaderLie{"refcount_offset_odd", field::refcount_offset, 8, 65537},
                                         HeaderLie{"refcount_offset_huge", field::refcount_offset, 8, top_bit - 65536},
                                         HeaderLie{"refcount_clusters_0", field::refcount_clusters, 4, 0},
                                         HeaderLie{"refcount_clusters_huge", field::refcount_clusters, 4, 0x00100000},
                                         HeaderLie{"refcount_clusters_max", field::refcount_clusters, 4, UINT32_MAX},
                                         HeaderLie{"l1_size_max", field::l1_size, 4, UINT32_MAX},
                                         HeaderLie{"l1_size_past_32_MiB", field::l1_size, 4, 4194305},
                                         HeaderLie{"l1_size_0", field::l1_size, 4, 0},
                                         HeaderLie{"l1_offset_odd", field::l1_offset, 8, 512},
                                         HeaderLie{"l1_offset_huge", field::l1_offset, 8, top_bit - 65536},
                                         HeaderLie{"l1_offset_negative", field::l1_offset, 8, top_bit},
                                         HeaderLie{"snapshots_past_limit", field::snapshot_count, 4, 65537},
                                         HeaderLie{"snapshots_max", field::snapshot_count, 4, UINT32_MAX},
                                         HeaderLie{"size_past_l1", field::size, 8, std::uint64_t{1} << 60}),
                         [](const auto& instance) { return std::string(instance.param.name); });

TEST_F(DamageCase, Case26_SnapshotTableOffBorderIsRefused) {
  poke_be<std::uint32_t>(image_, field::snapshot_count, 1);
  poke_be<std::uint64_t>(image_, field::snapshots_offset, 0x1234);
  EXPECT_FALSE(try_qemu_bytes(image_));
  EXPECT_TRUE(is_refused(image_, ErrorKind::corrupt, "snapshot table"));
}

TEST_F(DamageCase, Case26_FileThatEndsInItsHeader) {
  for (const std::uint64_t length : {0U, 3U, 4U, 7U, 20U, 71U, 72U, 103U, 111U}) {
    resize_file(image_, length);
    const Result<ByteVector> got = read_image(image_, {.format = ImageFormat::qcow2});
    ASSERT_FALSE(got) << length;
    EXPECT_EQ(got.error().path, image_);
  }
}

}  // namespace
}  // namespace qchain::test
