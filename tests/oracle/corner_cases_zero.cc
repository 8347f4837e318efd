// Cases 4 to 6: zero clusters, discards, and what no table knows.
#include "tests/oracle/corner_case.h"

namespace qchain::test {
namespace {

class ZeroCase : public CornerCase {
 protected:
  ZeroCase() { raw("base.raw", MiB); }
};

TEST_F(ZeroCase, Case04_ZeroFlagWithoutHostClusterBeatsBacking) {
  const std::string image = overlay("top.qcow2", "base.raw", "raw");
  qemu_io(image, {"write -z -u 128k 128k"});
  ASSERT_EQ(l2_entry(image, 128 * KiB), 1U);
  EXPECT_TRUE(reads_like_qemu(image));
  EXPECT_EQ(kind_at(image, 128 * KiB), ExtentKind::zero);
}

TEST_F(ZeroCase, Case04_ZeroFlagWithHostClusterBeatsItsBytes) {
  const std::string image = overlay("top.qcow2", "base.raw", "raw");
  qemu_io(image, {"write -P 9 128k 128k", "write -z 128k 128k"});
  const std::uint64_t entry = l2_entry(image, 128 * KiB);
  ASSERT_TRUE((entry & 1) != 0 && entry >> 9 != 0) << "QEMU keeps the host cluster of a plain write -z";
  EXPECT_TRUE(reads_like_qemu(image));
  EXPECT_EQ(kind_at(image, 128 * KiB), ExtentKind::zero);
}

TEST_F(ZeroCase, Case04_ZeroFlagInVersion2IsAnErrorThereAlone) {
  const std::string image = overlay("v2.qcow2", "base.raw", "raw", "compat=0.10");
  qemu_io(image, {"write -P 9 128k 256k"});
  poke_l2_entry(image, 192 * KiB, l2_entry(image, 192 * KiB) | 1);
  EXPECT_TRUE(fails_where_qemu_fails(image, MiB, 64 * KiB));
  EXPECT_TRUE(is_refused(image, ErrorKind::corrupt, "zero flag in a version 2 image"));
}

TEST_F(ZeroCase, Case05_DiscardOverBackingReadsZeroInVersion3) {
  const std::string image = overlay("v3.qcow2", "base.raw", "raw");
  qemu_io(image, {"write -P 9 64k 256k", "discard 128k 64k", "discard 512k 128k"});
  EXPECT_TRUE(reads_like_qemu(image));
  EXPECT_EQ(kind_at(image, 128 * KiB), ExtentKind::zero);
}

TEST_F(ZeroCase, Case05_DiscardOverBackingKeepsTheDataInVersion2) {
  const std::string image = overlay("v2.qcow2", "base.raw", "raw", "compat=0.10");
  qemu_io(image, {"write -P 9 64k 256k", "discard 128k 64k", "discard 512k 128k"});
  EXPECT_TRUE(reads_like_qemu(image));
}

TEST_F(ZeroCase, Case05_DiscardWithoutBackingFreesTheCluster) {
  for (const char* compat : {"compat=0.10", "compat=1.1"}) {
    const std::string image = qcow2("alone.qcow2", MiB, compat);
    qemu_io(image, {"write -P 9 64k 256k", "discard 128k 64k"});
    EXPECT_TRUE(reads_like_qemu(image)) << compat;
  }
}

TEST_F(ZeroCase, Case06_L1EntryZeroReadsBacking) {
  const std::string image = overlay("top.qcow2", "base.raw", "raw", "cluster_size=512");  // 32 KiB an L2 table
  qemu_io(image, {"write -P 9 100k 1k", "write -P 8 1000k 3k"});
  ASSERT_EQ(peek_be<std::uint64_t>(image, l1_entry_place(image, 0)), 0U);
  EXPECT_TRUE(reads_like_qemu(image));
}

TEST_F(ZeroCase, Case06_RunAcrossTheBordersOfL2Tables) {
  const std::string image = overlay("top.qcow2", "base.raw", "raw", "cluster_size=512");
  qemu_io(image, {"write -P 9 31k 66k", "write -P 8 127k 512", "write -P 7 128k 512"});
  EXPECT_TRUE(reads_like_qemu(image));
}

TEST_F(ZeroCase, Case06_VirtualSizeThatL1DoesNotCoverIsRefused) {
  const std::string image = overlay("top.qcow2", "base.raw", "raw", "cluster_size=512");
  poke_be<std::uint32_t>(image, field::l1_size, 31);
  EXPECT_FALSE(try_qemu_bytes(image));
  EXPECT_TRUE(is_refused(image, ErrorKind::corrupt, "L1 table is too small"));
}

TEST_F(ZeroCase, Case06_L1LongerThanTheVirtualSizeIsFine) {
  const std::string image = overlay("top.qcow2", "base.raw", "raw", "cluster_size=512");
  qemu_io(image, {"write -P 9 0 1M"});
  qemu_img({"resize", "-q", "--shrink", image, "100k"});
  poke_be<std::uint32_t>(image, field::l1_size, 32);
  EXPECT_TRUE(reads_like_qemu(image));
}

}  // namespace
}  // namespace qchain::test
