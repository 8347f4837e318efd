#include "fusefs/cold_files.h"

#include <gtest/gtest.h>
#include <sys/resource.h>

#include "qcow/storage/page_cache.h"
#include "tests/mount/chains.h"
#include "tests/support/files.h"
#include "tests/support/page_cache.h"
#include "tests/support/views.h"

namespace qchain::test {
namespace {

using namespace fusefs;

constexpr std::uint64_t kib = 1024;
constexpr std::uint64_t mib = 1024 * kib;

/// A raw base of 4 MiB under an empty overlay; nothing of the base is in memory from 1 MiB on.
class ColdFilesTest : public testing::Test {
 protected:
  void SetUp() override {
    if (!shows_its_cache(dir_.path()) || !view_->slice().chain.layer(0).image->data_storage().past_cache()) {
      GTEST_SKIP() << dir_.path() << " shows nothing of its page cache, or has no reading past it";
    }
    if (!cached_bytes_by_cachestat(base().descriptor(), {0, 1})) {
      GTEST_SKIP() << "this kernel has no cachestat";
    }
    drop_from_cache(files_.layers[0]);
  }

  [[nodiscard]] const Storage& base() const { return view_->slice().chain.layer(0).image->data_storage(); }

  TempDir dir_;
  ChainFiles files_ = make_plain_chain(dir_, 4 * mib);
  std::shared_ptr<View> view_ = open_view(files_.top()).value();
};

TEST_F(ColdFilesTest, AreFoundWhereNothingIsInMemory) {
  ColdFiles cold(*view_);
  EXPECT_TRUE(cold.is_cold(base(), {2 * mib, 8 * kib}));
  const auto piece = cold.find(base(), {2 * mib, 8 * kib});
  ASSERT_TRUE(piece);
  EXPECT_EQ(piece->offset, 2 * mib);
  EXPECT_EQ(piece->length, 8 * kib);
  EXPECT_NE(piece->descriptor, base().descriptor());
}

TEST_F(ColdFilesTest, KnowWhatIsInMemory) {
  const ColdFiles cold(*view_);
  ByteVector bytes(8 * kib);
  ASSERT_TRUE(base().read(2 * mib, bytes));
  EXPECT_FALSE(cold.is_cold(base(), {2 * mib, 8 * kib}));
  EXPECT_TRUE(cold.is_cold(base(), {3 * mib, 8 * kib}));
}

TEST_F(ColdFilesTest, DoNotKnowOfPartsOfBlocks) {
  const ColdFiles cold(*view_);
  EXPECT_FALSE(cold.is_cold(base(), {2 * mib + 512, 4 * kib}));
  EXPECT_FALSE(cold.is_cold(base(), {2 * mib, 512}));
  EXPECT_FALSE(cold.is_cold(base(), {4 * mib, 4 * kib})) << "past the end";
}

TEST_F(ColdFilesTest, AreFoundOnceForAPlace) {
  ColdFiles cold(*view_);
  EXPECT_TRUE(cold.find(base(), {2 * mib, 4 * kib}));
  EXPECT_TRUE(cold.find(base(), {2 * mib + 4 * kib, 4 * kib}));
  EXPECT_FALSE(cold.find(base(), {2 * mib, 4 * kib})) << "whoever comes again wants it from the page cache";
}

TEST_F(ColdFilesTest, AreNoneWhereDescriptorsAreShort) {
  struct rlimit limit{};
  ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &limit), 0);
  const struct rlimit tight{.rlim_cur = 128, .rlim_max = limit.rlim_max};
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &tight), 0);
  ColdFiles cold(*view_);
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &limit), 0);
  EXPECT_FALSE(cold.is_cold(base(), {2 * mib, 8 * kib}));
  EXPECT_FALSE(cold.find(base(), {2 * mib, 8 * kib}));
}

TEST_F(ColdFilesTest, AreNoneUnlessOpened) {
  ColdFiles none;
  EXPECT_FALSE(none.is_cold(base(), {2 * mib, 8 * kib}));
  EXPECT_FALSE(none.find(base(), {2 * mib, 8 * kib}));
}

}  // namespace
}  // namespace qchain::test
