// Cases 22 and 23: internal snapshots and persistent bitmaps.
#include <algorithm>

#include "tests/oracle/corner_case.h"

namespace qchain::test {
namespace {

class MetadataCase : public CornerCase {
 protected:
  MetadataCase() : image_(qcow2("disk.qcow2", 4 * MiB)) { qemu_io(image_, {"write -P 1 100k 600k"}); }

  [[nodiscard]] Result<std::vector<format::Snapshot>> snapshots() const {
    const Chain chain = QC_TRY(open_chain(image_));
    return chain.active().image->snapshots();
  }
  [[nodiscard]] Result<std::vector<format::Bitmap>> bitmaps() const {
    const Chain chain = QC_TRY(open_chain(image_));
    return chain.active().image->bitmaps();
  }
  std::string image_;
};

TEST_F(MetadataCase, Case22_SnapshotsAreListedAndDoNotChangeTheDisk) {
  qemu_img({"snapshot", "-c", "one", image_});
  qemu_io(image_, {"write -P 2 200k 64k", "discard 400k 64k"});
  qemu_img({"snapshot", "-c", "a rather longer name", image_});
  qemu_io(image_, {"write -P 3 200k 1k"});
  EXPECT_TRUE(reads_like_qemu(image_));
  const auto listed = snapshots();
  ASSERT_TRUE(listed) << describe(listed.error());
  ASSERT_EQ(listed->size(), 2U);
  EXPECT_EQ(listed->at(0).name, "one");
  EXPECT_EQ(listed->at(0).id, "1");
  EXPECT_EQ(listed->at(1).name, "a rather longer name");
  EXPECT_EQ(listed->at(1).vm_state_size, 0U);
}

TEST_F(MetadataCase, Case22_SnapshotOfAnotherDiskSize) {
  qemu_img({"snapshot", "-c", "small", image_});
  qemu_img({"resize", "-q", image_, "6M"});
  qemu_io(image_, {"write -P 2 5M 64k"});
  EXPECT_TRUE(reads_like_qemu(image_));
  const auto listed = snapshots();
  ASSERT_TRUE(listed) << describe(listed.error());
  EXPECT_EQ(listed->at(0).virtual_size, 4 * MiB);
}

/// Writes a table with one entry of `extra` bytes of extra data at a free cluster, in place of QEMU's.
void rewrite_snapshot(const std::string& image, std::uint32_t extra) {
  const ByteVector old = read_file(image, peek_be<std::uint64_t>(image, field::snapshots_offset), 40);
  const std::uint64_t place = align_up(file_size(image), 64 * KiB);
  ByteVector entry = old;
  store_be<std::uint32_t>(entry, 36, extra);
  entry.resize(40 + extra);
  if (extra >= 8) {
    store_be<std::uint64_t>(entry, 40, 12345);
  }
  if (extra >= 16) {
    store_be<std::uint64_t>(entry, 48, 2 * MiB);
  }
  const ByteVector text = bytes_of("1name");
  entry.insert(entry.end(), text.begin(), text.end());
  store_be<std::uint16_t>(entry, 12, 1);
  store_be<std::uint16_t>(entry, 14, 4);
  entry.resize(align_up(entry.size(), 8));
  poke(image, place, entry);
  poke_be(image, field::snapshots_offset, place);
}

TEST_F(MetadataCase, Case22_ExtraDataOfEveryAge) {
  qemu_img({"snapshot", "-c", "name", image_});
  for (const std::uint32_t extra : {16U, 24U, 32U}) {
    rewrite_snapshot(image_, extra);
    EXPECT_TRUE(reads_like_qemu(image_)) << extra;
    const auto listed = snapshots();
    ASSERT_TRUE(listed) << extra << ": " << describe(listed.error());
    EXPECT_EQ(listed->at(0).name, "name") << extra;
    EXPECT_EQ(listed->at(0).vm_state_size, 12345U) << extra;
    EXPECT_EQ(listed->at(0).virtual_size, 2 * MiB) << extra;
  }
}

TEST_F(MetadataCase, Case22_Version2SnapshotWithoutExtraData) {
  qemu_img({"amend", "-o", "compat=0.10", image_});
  qemu_img({"snapshot", "-c", "name", image_});
  rewrite_snapshot(image_, 0);
  EXPECT_TRUE(reads_like_qemu(image_));
  const auto listed = snapshots();
  ASSERT_TRUE(listed) << describe(listed.error());
  EXPECT_EQ(listed->at(0).name, "name");
  EXPECT_EQ(listed->at(0).virtual_size, 4 * MiB);
}

TEST_F(MetadataCase, Case22_TooMuchExtraDataFailsTheListAndNotTheDisk) {
  qemu_img({"snapshot", "-c", "name", image_});
  const ByteVector disk = qemu_bytes(image_);
  rewrite_snapshot(image_, 1025);
  const auto listed = snapshots();
  ASSERT_FALSE(listed);
  EXPECT_EQ(listed.error().kind, ErrorKind::limit);
  const Result<ByteVector> got = read_image(image_);
  ASSERT_TRUE(got) << describe(got.error());
  EXPECT_TRUE(same_bytes(disk, *got));
}

TEST_F(MetadataCase, Case22_VmStatePastTheVirtualEndIsNotDisk) {
  // A disk shrunk below the clusters that its L1 table still knows: the same picture as a saved VM state.
  qemu_io(image_, {"write -P 5 3M 1M"});
  poke_be<std::uint64_t>(image_, field::size, 3 * MiB + 512);
  EXPECT_TRUE(reads_like_qemu(image_));
  EXPECT_EQ(read_image(image_).value().size(), 3 * MiB + 512);
}

TEST_F(MetadataCase, Case23_BitmapsAreListed) {
  qemu_img({"bitmap", "--add", "-g", "128k", image_, "changes"});
  qemu_img({"bitmap", "--add", "--disable", image_, "old changes"});
  qemu_io(image_, {"write -P 2 200k 64k"});
  EXPECT_TRUE(reads_like_qemu(image_));
  const auto listed = bitmaps();
  ASSERT_TRUE(listed) << describe(listed.error());
  ASSERT_EQ(listed->size(), 2U);
  const auto changes = std::ranges::find(*listed, "changes", &format::Bitmap::name);
  ASSERT_NE(changes, listed->end());
  EXPECT_EQ(changes->granularity, 128 * KiB);
  EXPECT_TRUE(changes->enabled);
  EXPECT_FALSE(changes->inconsistent);
  const auto old = std::ranges::find(*listed, "old changes", &format::Bitmap::name);
  ASSERT_NE(old, listed->end());
  EXPECT_FALSE(old->enabled);
}

TEST_F(MetadataCase, Case23_BitmapsWithoutTheAutoclearBitAreStale) {
  qemu_img({"bitmap", "--add", image_, "changes"});
  poke_be<std::uint64_t>(image_, field::autoclear, 0);
  EXPECT_TRUE(reads_like_qemu(image_));
  const auto listed = bitmaps();
  ASSERT_TRUE(listed) << describe(listed.error());
  EXPECT_TRUE(listed->empty());
}

TEST_F(MetadataCase, Case23_AutoclearBitWithoutExtensionMeansNoBitmaps) {
  poke_be<std::uint64_t>(image_, field::autoclear, 1);
  EXPECT_TRUE(reads_like_qemu(image_));
  const auto listed = bitmaps();
  ASSERT_TRUE(listed) << describe(listed.error());
  EXPECT_TRUE(listed->empty());
}

TEST_F(MetadataCase, Case23_BitmapInUseIsInconsistent) {
  qemu_img({"bitmap", "--add", image_, "changes"});
  const std::uint64_t directory = peek_be<std::uint64_t>(image_, extension_place(image_, bitmaps_extension).place + 16);
  poke_be<std::uint32_t>(image_, directory + 12, peek_be<std::uint32_t>(image_, directory + 12) | 1);
  EXPECT_TRUE(reads_like_qemu(image_));
  const auto listed = bitmaps();
  ASSERT_TRUE(listed) << describe(listed.error());
  EXPECT_TRUE(listed->at(0).inconsistent);
}

}  // namespace
}  // namespace qchain::test
