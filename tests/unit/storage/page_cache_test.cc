#include "qcow/storage/page_cache.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>

#include "qcow/storage/file_storage.h"
#include "tests/support/files.h"
#include "tests/support/page_cache.h"
#include "tests/support/temp_dir.h"

namespace qchain::test {
namespace {

constexpr std::uint64_t kib = 1024;
constexpr std::uint64_t mib = 1024 * kib;

/// A file of 1 MiB, of which 64 KiB from 256 KiB on are in the page cache.
class PageCacheTest : public testing::Test {
 protected:
  void SetUp() override {
    if (!shows_its_cache(dir_.path())) {
      GTEST_SKIP() << dir_.path() << " is on a tmpfs or an overlayfs";
    }
    write_file(path_, telling_bytes(mib, 1));
    drop_from_cache(path_);
    fd_ = UniqueFd(::open(path_.c_str(), O_RDONLY | O_CLOEXEC));
    ::posix_fadvise(fd_.get(), 0, 0, POSIX_FADV_RANDOM);  // nothing is read ahead
    ByteVector bytes(64 * kib);
    ASSERT_EQ(::pread(fd_.get(), bytes.data(), bytes.size(), 256 * kib), static_cast<ssize_t>(bytes.size()));
  }

  TempDir dir_;
  std::string path_ = dir_ / "file";
  UniqueFd fd_;
};

TEST_F(PageCacheTest, IsToldTheSameByBothWays) {
  for (const Range& range : {Range{0, mib}, Range{0, 256 * kib}, Range{256 * kib, 64 * kib}, Range{300 * kib, mib},
                             Range{257 * kib, 1}, Range{255 * kib, 2 * kib}}) {
    const auto told = cached_bytes_by_mincore(fd_.get(), range);
    ASSERT_TRUE(told);
    EXPECT_EQ(cached_bytes(fd_.get(), range), told) << range.start << ", " << range.length;
    if (const auto newer = cached_bytes_by_cachestat(fd_.get(), range)) {
      EXPECT_EQ(newer, told) << range.start << ", " << range.length;
    }
  }
  EXPECT_EQ(cached_bytes(fd_.get(), {0, mib}), 64 * kib);
  EXPECT_EQ(cached_bytes(fd_.get(), {256 * kib + 1, 1}), 4 * kib) << "the page that holds it";
  EXPECT_EQ(cached_bytes(fd_.get(), {}), std::nullopt);
}

TEST_F(PageCacheTest, IsNotToldOfOthersFilesWhereThatWouldBeALie) {
  if (::geteuid() != 0) {
    GTEST_SKIP() << "takes root, to be somebody else for a moment";
  }
  ASSERT_EQ(::seteuid(65534), 0);
  const auto told = cached_bytes_by_mincore(fd_.get(), {0, mib});
  ASSERT_EQ(::seteuid(0), 0);
  EXPECT_EQ(told, std::nullopt);
}

TEST_F(PageCacheTest, GivesWithoutWaitingWhatItHas) {
  const auto file = FileStorage::adopt(std::move(fd_), path_);
  ASSERT_TRUE(file);
  ByteVector bytes(64 * kib);
  ASSERT_TRUE((*file)->read_without_waiting(256 * kib, bytes));
  const ByteVector all = read_file(path_);
  EXPECT_TRUE(std::ranges::equal(bytes, Bytes(all).subspan(256 * kib, bytes.size())));
  EXPECT_FALSE((*file)->read_without_waiting((*file)->size() - kib, bytes)) << "past the end";
}

TEST_F(PageCacheTest, DoesNotWaitForWhatItHasNot) {
  const auto file = FileStorage::adopt(std::move(fd_), path_);
  ASSERT_TRUE(file);
  ByteVector bytes(64 * kib);
  EXPECT_FALSE((*file)->read_without_waiting(512 * kib, bytes));
}

TEST_F(PageCacheTest, HasARangeIfItHasAllOfIt) {
  const auto file = FileStorage::adopt(std::move(fd_), path_);
  ASSERT_TRUE(file);
  EXPECT_TRUE((*file)->is_in_memory({256 * kib, 64 * kib}));
  EXPECT_TRUE((*file)->is_in_memory({256 * kib, 4 * kib}));
  EXPECT_FALSE((*file)->is_in_memory({256 * kib, 64 * kib + 1}));
  EXPECT_FALSE((*file)->is_in_memory({252 * kib, 64 * kib}));
  EXPECT_FALSE((*file)->is_in_memory({0, mib}));
}

}  // namespace
}  // namespace qchain::test
