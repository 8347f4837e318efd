// Case 12: extended L2 entries.
#include "tests/oracle/corner_case.h"

namespace qchain::test {
namespace {

class SubclusterCase : public CornerCase {
 protected:
  SubclusterCase() { raw("base.raw", MiB); }
  /// 16 KiB clusters: the smallest, with subclusters of one sector.
  std::string small() const { return overlay("top.qcow2", "base.raw", "raw", "extended_l2=on,cluster_size=16k"); }
};

TEST_F(SubclusterCase, Case12_SubclustersOfOneSector) {
  const std::string image = small();
  qemu_io(image, {"write -P 1 512 512", "write -P 2 1536 1", "write -z 4k 512", "write -P 3 15872 512"});
  EXPECT_TRUE(reads_like_qemu(image));
  EXPECT_EQ(kind_at(image, 4 * KiB), ExtentKind::zero);
}

TEST_F(SubclusterCase, Case12_UnallocatedSubclusterOfAnAllocatedClusterReadsBacking) {
  const std::string image = small();
  qemu_io(image, {"write -P 1 32k 512"});
  const auto view = open_view(image);
  ASSERT_TRUE(view) << describe(view.error());
  EXPECT_EQ((*view)->extent_at(32 * KiB).layer, 1U);
  EXPECT_EQ((*view)->extent_at(32 * KiB + 512).layer, 0U);
  EXPECT_TRUE(reads_like_qemu(image));
}

TEST_F(SubclusterCase, Case12_ZeroSubclusterWinsOverItsHostCluster) {
  const std::string image = small();
  qemu_io(image, {"write -P 1 0 16k", "write -z 2k 3k", "write -z -u 9k 1k", "discard 12k 1k"});
  EXPECT_TRUE(reads_like_qemu(image));
}

TEST_F(SubclusterCase, Case12_RunsAcrossClusters) {
  const std::string image = small();
  qemu_io(image, {"write -P 1 15k 20k", "write -z 60k 40k", "write -P 2 127k 130k", "write -z 200k 1k"});
  EXPECT_TRUE(reads_like_qemu(image));
}

TEST_F(SubclusterCase, Case12_UsualClusterSizeHasSubclustersOf2KiB) {
  const std::string image = overlay("top.qcow2", "base.raw", "raw", "extended_l2=on");
  qemu_io(image, {"write -P 1 2k 2k", "write -P 2 7k 100", "write -z 62k 4k", "write -P 3 1022k 2k"});
  EXPECT_TRUE(reads_like_qemu(image));
}

TEST_F(SubclusterCase, Case12_ZeroFlagOfPlainEntriesMeansNothing) {
  const std::string image = small();
  qemu_io(image, {"write -P 1 0 16k"});
  poke_l2_entry(image, 0, l2_entry(image, 0) | 1);
  EXPECT_TRUE(reads_like_qemu(image));
  EXPECT_EQ(kind_at(image, 0), ExtentKind::data);
}

TEST_F(SubclusterCase, Case12_EveryPatternOfBits) {
  const std::string image = small();
  qemu_io(image, {"write -P 1 0 64k"});
  poke_subclusters(image, 0, 0xaaaaaaaa55555555);
  poke_subclusters(image, 16 * KiB, 0x0000000180000000);
  poke_subclusters(image, 32 * KiB, 0x8000000000000001);
  poke_subclusters(image, 48 * KiB, 0);
  EXPECT_TRUE(reads_like_qemu(image));
}

TEST_F(SubclusterCase, Case12_AllocatedAndZeroIsAnErrorInThatClusterAlone) {
  const std::string image = small();
  qemu_io(image, {"write -P 1 0 64k"});
  poke_subclusters(image, 16 * KiB, 0x0000001000000010);
  EXPECT_TRUE(fails_where_qemu_fails(image, 64 * KiB, 512));
  EXPECT_TRUE(is_refused(image, ErrorKind::corrupt, "both allocated and zero"));
}

TEST_F(SubclusterCase, Case12_AllocatedWithoutHostOffsetIsAnErrorInThatClusterAlone) {
  const std::string image = small();
  qemu_io(image, {"write -P 1 0 64k"});
  poke_l2_entry(image, 16 * KiB, 0);
  poke_subclusters(image, 16 * KiB, 0x0000000000000010);
  const auto view = open_view(image);
  ASSERT_TRUE(view) << describe(view.error());
  EXPECT_EQ((*view)->extent_at(16 * KiB + 2048).kind, ExtentKind::broken);
  EXPECT_TRUE(fails_where_qemu_fails(image, 64 * KiB, 512));
}

TEST_F(SubclusterCase, Case12_ZeroBitsWithoutHostOffsetAreZero) {
  const std::string image = small();
  qemu_io(image, {"write -P 1 0 64k"});
  poke_l2_entry(image, 16 * KiB, 0);
  poke_subclusters(image, 16 * KiB, 0x00ff00ff00000000);
  EXPECT_TRUE(reads_like_qemu(image));
}

TEST_F(SubclusterCase, Case12_SubclustersBelowASectorAreRefused) {
  const std::string image = qcow2("tiny.qcow2", MiB, "cluster_size=4k");
  poke_be<std::uint8_t>(image, 79, 0x10);
  EXPECT_FALSE(try_qemu_bytes(image));
  EXPECT_TRUE(is_refused(image, ErrorKind::limit, "subcluster"));
}

}  // namespace
}  // namespace qchain::test
