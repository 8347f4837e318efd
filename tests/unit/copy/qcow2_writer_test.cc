#include "qcow/copy/qcow2_writer.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include "tests/support/files.h"
#include "tests/support/process.h"
#include "tests/support/temp_dir.h"

namespace qchain {
namespace {

constexpr std::uint32_t cluster_bits = 16;
constexpr std::uint64_t per_block = 32768;   ///< 16-bit refcounts in a cluster
constexpr std::uint64_t per_cluster = 8192;  ///< entries of the refcount table in a cluster

bool is_enough(std::uint64_t used, const RefcountSpace& space) {
  return space.blocks * per_block >= used + space.blocks + space.table_clusters &&
         space.table_clusters * per_cluster >= space.blocks;
}

TEST(RefcountSpaceTest, CoversItselfToo) {
  for (const std::uint64_t border : {per_block, 2 * per_block, per_block * per_cluster}) {
    for (std::uint64_t used = border - 10; used < border + 10; ++used) {
      EXPECT_TRUE(is_enough(used, refcount_space(used, cluster_bits))) << used;
    }
  }
}

/// An image without any data, of some shape.
class EmptyImageTest : public ::testing::Test {
 protected:
  Result<void> write(std::uint64_t guest_size, const Qcow2Shape& shape) {
    const WritableFile file(UniqueFd(::open(path_.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600)), path_);
    const auto writer = QC_TRY(Qcow2Writer::create(file, guest_size, shape));
    return writer->finish();
  }

  void expect_sound() const {
    const auto check = test::run({"qemu-img", "check", "-q", "-f", "qcow2", path_});
    EXPECT_EQ(check.status, 0) << check.out << check.err;
  }

  test::TempDir folder_;
  std::string path_ = folder_ / "empty.qcow2";
};

TEST_F(EmptyImageTest, IsSoundWithClustersOfAnySize) {
  for (std::uint32_t bits = 9; bits <= 21; ++bits) {
    path_ = folder_ / std::to_string(bits);
    const auto written = write(1000 * 512, {.cluster_bits = bits, .backing = {}});
    ASSERT_TRUE(written) << describe(written.error());
    expect_sound();
    EXPECT_EQ(test::file_size(path_) % (1U << bits), 0U);
  }
}

TEST_F(EmptyImageTest, TakesNoSpaceForZeros) {
  ASSERT_TRUE(write(std::uint64_t{1} << 50, {.cluster_bits = 21, .backing = {}}));
  struct stat status{};
  ASSERT_EQ(::stat(path_.c_str(), &status), 0);
  EXPECT_GE(status.st_size, 4 << 21);
  EXPECT_LE(status.st_blocks * 512, 64 << 10);
}

TEST_F(EmptyImageTest, HoldsTheLargestDiskOfItsClusters) {
  const std::uint64_t largest = std::uint64_t{128} << 30;  // with clusters of 512: an L1 table of 32 MiB
  ASSERT_TRUE(write(largest, {.cluster_bits = 9, .backing = {}}));
  expect_sound();
}

TEST_F(EmptyImageTest, RefusesADiskThatIsTooLargeForItsClusters) {
  const auto written = write((std::uint64_t{128} << 30) + 512, {.cluster_bits = 9, .backing = {}});
  ASSERT_FALSE(written);
  EXPECT_EQ(written.error().kind, ErrorKind::limit);
  EXPECT_EQ(describe(written.error()),
            path_ + ": the disk is too large for clusters of 512 bytes; use larger clusters");
}

TEST_F(EmptyImageTest, RefusesANameWithoutRoomBeforeItWrites) {
  const auto written = write(512, {.cluster_bits = 9, .backing = {{.name = std::string(377, 'n'), .format = "raw"}}});
  ASSERT_FALSE(written);
  EXPECT_EQ(written.error().kind, ErrorKind::limit);
  EXPECT_EQ(written.error().path, path_);
  EXPECT_EQ(test::file_size(path_), 0U);
}

TEST(RefcountSpaceTest, OneBlockAsLongAsAllFits) {
  EXPECT_EQ(refcount_space(1, cluster_bits).blocks, 1U);
  EXPECT_EQ(refcount_space(per_block - 2, cluster_bits).blocks, 1U);
  EXPECT_EQ(refcount_space(per_block - 1, cluster_bits).blocks, 2U);
}

}  // namespace
}  // namespace qchain
