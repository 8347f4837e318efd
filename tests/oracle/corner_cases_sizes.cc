// Cases 7, 8 and 25: layers of different sizes, raw files of odd lengths, very large and empty disks.
#include <algorithm>

#include "tests/oracle/corner_case.h"
#include "tests/support/model_disk.h"

namespace qchain::test {
namespace {

constexpr std::uint64_t PiB = std::uint64_t{1} << 50;

TEST_F(CornerCase, Case07_ShortBackingFileReadsZeroPastItsEnd) {
  raw("base.raw", 300 * KiB + 512);
  const std::string image = overlay("top.qcow2", "base.raw", "raw", {}, MiB);
  qemu_io(image, {"write -P 9 299k 700", "write -P 8 600k 1k"});
  EXPECT_TRUE(reads_like_qemu(image));
  EXPECT_EQ(kind_at(image, 500 * KiB), ExtentKind::past_end);
}

TEST_F(CornerCase, Case07_ShortMiddleLayerHidesDeeperData) {
  raw("base.raw", MiB);
  overlay("middle.qcow2", "base.raw", "raw", {}, 500 * KiB);
  const std::string image = overlay("top.qcow2", "middle.qcow2", "qcow2", {}, MiB);
  ModelDisk model(MiB);
  model.write(0, telling_bytes(500 * KiB, 0));
  const Result<ByteVector> got = read_image(image);
  ASSERT_TRUE(got) << describe(got.error());
  EXPECT_TRUE(same_bytes(model.bytes(), *got));
  EXPECT_TRUE(reads_like_qemu(image));
  EXPECT_EQ(kind_at(image, 500 * KiB), ExtentKind::past_end);
}

TEST_F(CornerCase, Case07_BackingFileLongerThanTheOverlay) {
  raw("base.raw", MiB);
  const std::string image = overlay("top.qcow2", "base.raw", "raw", {}, 77 * KiB + 512);
  qemu_io(image, {"write -P 9 77k 512"});
  EXPECT_TRUE(reads_like_qemu(image));
}

TEST_F(CornerCase, Case07_PatternsAtEveryEdgeOfFiveSizes) {
  const std::vector<std::uint64_t> sizes{400 * KiB, 250 * KiB + 512, 700 * KiB, 130 * KiB, 900 * KiB + 1024};
  const std::vector<std::string> clusters{"", "4k", "64k", "2M", "512"};
  raw("0.raw", sizes[0]);
  ModelDisk model(sizes[0]);
  model.write(0, telling_bytes(sizes[0], 0));
  for (std::size_t i = 1; i < sizes.size(); ++i) {
    const std::string below = std::to_string(i - 1) + (i == 1 ? ".raw" : ".qcow2");
    const std::string image =
        overlay(std::to_string(i) + ".qcow2", below, i == 1 ? "raw" : "qcow2", "cluster_size=" + clusters[i], sizes[i]);
    model.resize(sizes[i]);
    for (const std::uint64_t edge : sizes) {
      const Range near_edge = intersect({edge - 600, 1300}, {0, sizes[i]});
      if (near_edge.empty()) {
        continue;
      }
      qemu_io(image, {"write -P " + std::to_string(i) + " " + std::to_string(near_edge.start) + " " +
                      std::to_string(near_edge.length)});
      model.fill(near_edge, static_cast<unsigned>(i));
    }
    const Result<ByteVector> got = read_image(image);
    ASSERT_TRUE(got) << describe(got.error());
    EXPECT_TRUE(same_bytes(model.bytes(), *got)) << "layer " << i;
    EXPECT_TRUE(reads_like_qemu(image)) << "layer " << i;
  }
}

TEST_F(CornerCase, Case07_VirtualSizeThatIsNoMultipleOfASectorIsCut) {
  const std::string image = qcow2("odd.qcow2", MiB);
  qemu_io(image, {"write -P 9 0 1M"});
  poke_be<std::uint64_t>(image, field::size, MiB - 100);
  EXPECT_TRUE(reads_like_qemu(image));
}

class RawLength : public CornerCase, public testing::WithParamInterface<int> {};

TEST_P(RawLength, Case08_TailIsPaddedToTheSector) {
  const std::string base = raw("base.raw", static_cast<std::uint64_t>(GetParam()));
  const Result<ByteVector> got = read_image(base, {.format = ImageFormat::raw});
  ASSERT_TRUE(got) << describe(got.error());
  EXPECT_EQ(got->size() % 512, 0U);
  EXPECT_TRUE(same_bytes(qemu_bytes(base, "raw"), *got));
}

TEST_P(RawLength, Case08_UnderAnOverlay) {
  raw("base.raw", static_cast<std::uint64_t>(GetParam()));
  EXPECT_TRUE(reads_like_qemu(overlay("top.qcow2", "base.raw", "raw", {}, 128 * KiB)));
}

INSTANTIATE_TEST_SUITE_P(OddLengths, RawLength, testing::Values(0, 1, 511, 512, 513, 1000, 4097, 65535, 65537));

TEST_F(CornerCase, Case08_HolesOfARawFileAreHoles) {
  make_hole_file(path("base.raw"), MiB + 77);
  poke(path("base.raw"), 256 * KiB, telling_bytes(64 * KiB, 1));
  const std::string image = overlay("top.qcow2", "base.raw", "raw");
  EXPECT_TRUE(reads_like_qemu(image));
  EXPECT_EQ(kind_at(image, 0), ExtentKind::hole);
  EXPECT_EQ(kind_at(image, 256 * KiB), ExtentKind::data);
  EXPECT_EQ(kind_at(image, MiB), ExtentKind::hole);
}

TEST_F(CornerCase, Case25_TwoPebibytesAreWalkedAtOnce) {
  const std::string image = qcow2("huge.qcow2", 2 * PiB);  // the L1 table has its full 32 MiB
  qemu_io(image, {"write -P 9 2251799813619712 65536", "write -P 8 1125899906842624 1k"});
  const auto view = open_view(image);
  ASSERT_TRUE(view) << describe(view.error());
  EXPECT_EQ((*view)->size(), 2 * PiB);
  const Extents extents = extents_of(**view);  // a step for every cluster would never end
  EXPECT_EQ(std::ranges::count(extents, ExtentKind::data, &Extent::kind), 2);
  ByteVector bytes(65536);
  ASSERT_TRUE((*view)->read(2251799813619712, bytes));
  EXPECT_EQ(bytes, ByteVector(65536, std::byte{9}));
}

TEST_F(CornerCase, Case25_LargeClustersOfASparseDisk) {
  const std::string image = qcow2("large.qcow2", PiB, "cluster_size=2M");
  qemu_io(image, {"write -P 9 1125899906841600 1k"});
  const auto view = open_view(image);
  ASSERT_TRUE(view) << describe(view.error());
  ByteVector bytes(KiB);
  ASSERT_TRUE((*view)->read(PiB - KiB, bytes));
  EXPECT_EQ(bytes, ByteVector(KiB, std::byte{9}));
}

TEST_F(CornerCase, Case25_EmptyDisk) {
  const std::string image = qcow2("empty.qcow2", 0);
  EXPECT_TRUE(reads_like_qemu(image));
  const auto view = open_view(image);
  ASSERT_TRUE(view) << describe(view.error());
  EXPECT_TRUE(extents_of(**view).empty());
}

TEST_F(CornerCase, Case25_EmptyDiskWithoutL1Table) {
  const std::string image = qcow2("empty.qcow2", 0);
  poke_be<std::uint32_t>(image, field::l1_size, 0);
  EXPECT_TRUE(reads_like_qemu(image));
}

TEST_F(CornerCase, Case25_EmptyLayerHidesAllBelowIt) {
  raw("base.raw", MiB);
  overlay("empty.qcow2", "base.raw", "raw", {}, 0);
  EXPECT_TRUE(reads_like_qemu(overlay("top.qcow2", "empty.qcow2", "qcow2", {}, MiB)));
}

TEST_F(CornerCase, Case25_SizeNearTheLargestNumberIsRefused) {
  const std::string image = qcow2("disk.qcow2", MiB);
  for (const std::uint64_t size : {std::uint64_t{INT64_MAX}, UINT64_MAX, UINT64_MAX - 511, std::uint64_t{1} << 63}) {
    poke_be(image, field::size, size);
    EXPECT_FALSE(try_qemu_bytes(image));
    EXPECT_TRUE(is_refused(image, ErrorKind::limit, "virtual size")) << size;
  }
}

}  // namespace
}  // namespace qchain::test
