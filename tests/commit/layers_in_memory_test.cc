#include <gtest/gtest.h>
#include <sys/resource.h>

#include <filesystem>
#include <optional>

#include "qcow/commit/verify_commit.h"
#include "tests/commit/run_commit.h"
#include "tests/support/files.h"
#include "tests/support/page_cache.h"
#include "tests/support/qemu.h"
#include "tests/support/temp_dir.h"

namespace qchain::test {
namespace {

constexpr std::uint64_t mib = 1 << 20;
constexpr std::uint64_t written = 16 * mib;

std::uint64_t bytes_from_the_disk() {
  struct rusage usage{};
  ::getrusage(RUSAGE_SELF, &usage);
  return static_cast<std::uint64_t>(usage.ru_inblock) * 512;
}

/// base.raw, 32 MiB <- top.qcow2 with 16 MiB of data.
class LayersInMemory : public testing::Test {
 protected:
  void SetUp() override {
    if (!shows_its_cache(dir_.path())) {
      GTEST_SKIP() << dir_.path() << " is on a tmpfs or an overlayfs";
    }
    write_file(base_, telling_bytes(32 * mib, 1));
    create_overlay(top_, "base.raw", "raw");
    qemu_io(top_, {"write -P 7 8M 16M"});
    drop_from_cache(base_);
    drop_from_cache(top_);
  }

  /// Bytes that a commit takes from the disk; nothing where blocks were shared, and none had to be read.
  std::optional<std::uint64_t> commit_all() const {
    const std::uint64_t before = bytes_from_the_disk();
    const auto report = run_commit(request_for(top_));
    EXPECT_TRUE(report) << describe(report.error());
    return report && report->record.outcome.cloned == 0 ? std::optional(bytes_from_the_disk() - before) : std::nullopt;
  }

  void expect_that_little_is_read() const {
    const auto count = commit_all();
    if (!count) {
      GTEST_SKIP() << "blocks can be shared here";
    }
    EXPECT_LT(*count, written / 4);
    EXPECT_TRUE(run({"qemu-img", "compare", "-q", "-f", "raw", "-F", "qcow2", base_, top_}).ok());
  }

  TempDir dir_;
  std::string base_ = dir_ / "base.raw";
  std::string top_ = dir_ / "top.qcow2";
};

TEST_F(LayersInMemory, AreNotReadFromTheDisk) {
  EXPECT_GT(read_file(top_).size(), written);
  expect_that_little_is_read();
}

TEST_F(LayersInMemory, AreWhatTheyAreWhenNotWrittenBackYet) {
  EXPECT_GT(read_file(top_).size(), written);
  qemu_io(top_, {"write -P 9 8M 16M"});  // through the cache
  expect_that_little_is_read();
}

TEST_F(LayersInMemory, WhenTheyAreNotThereThePageCacheStaysAsItIs) {
  const auto count = commit_all();
  if (!count) {
    GTEST_SKIP() << "blocks can be shared here";
  }
  EXPECT_GE(*count, written);
  EXPECT_LT(cached_share(top_, file_size(top_)), 0.25);
}

TEST_F(LayersInMemory, ABaseInMemoryIsReadFromTheDiskForItsDigest) {
  if (!commit_all()) {
    GTEST_SKIP() << "blocks can be shared here";
  }
  std::filesystem::remove(top_);  // only the digest is left
  EXPECT_GT(read_file(base_).size(), written);
  FileRecordStore records(base_);
  FileGate gate(Locking::shared_read);
  const std::uint64_t before = bytes_from_the_disk();
  const auto check = verify_commit(records, gate, {});
  ASSERT_TRUE(check) << describe(check.error());
  EXPECT_EQ(check->by, CheckedBy::digest);
  EXPECT_GE(bytes_from_the_disk() - before, written);
}

}  // namespace
}  // namespace qchain::test
