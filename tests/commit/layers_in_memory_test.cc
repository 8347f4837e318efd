#include <gtest/gtest.h>
#include <sys/resource.h>

#include <filesystem>
#include <functional>
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

/// base.raw, 32 MiB <- top.qcow2 with 16 MiB of data, and nothing of either in memory.
struct Images {
  Images() {
    write_file(base, telling_bytes(32 * mib, 1));
    create_overlay(top, "base.raw", "raw");
    qemu_io(top, {"write -P 7 8M 16M"});
    drop_from_cache(base);
    drop_from_cache(top);
  }

  /// Bytes that a commit takes from the disk; nothing where blocks were shared, and none had to be read.
  [[nodiscard]] std::optional<std::uint64_t> commit_all() const {
    const std::uint64_t before = bytes_from_the_disk();
    const auto report = run_commit(request_for(top));
    EXPECT_TRUE(report) << describe(report.error());
    return report && report->record.outcome.cloned == 0 ? std::optional(bytes_from_the_disk() - before) : std::nullopt;
  }

  TempDir dir;
  std::string base = dir / "base.raw";
  std::string top = dir / "top.qcow2";
};

class LayersInMemory : public testing::Test {
 protected:
  void SetUp() override {
    if (const TempDir dir; !shows_its_cache(dir.path())) {
      GTEST_SKIP() << dir.path() << " is on a tmpfs or an overlayfs";
    }
  }
};

/// Pages stay in memory only as long as the kernel, and a host that wants memory back, leave them there: where the
/// layer is not all there any more when the commit ends, nothing was shown, and other images are taken.
void expect_that_little_is_read(const std::function<void(const std::string& top)>& bring_into_memory) {
  for (int attempt = 0; attempt < 5; ++attempt) {
    const Images images;
    bring_into_memory(images.top);
    const auto count = images.commit_all();
    if (!count) {
      GTEST_SKIP() << "blocks can be shared here";
    }
    if (*count < written / 4 || cached_share(images.top, file_size(images.top)) == 1) {
      EXPECT_LT(*count, written / 4);
      EXPECT_TRUE(run({"qemu-img", "compare", "-q", "-f", "raw", "-F", "qcow2", images.base, images.top}).ok());
      return;
    }
  }
  FAIL() << "the page cache lost the layer each time";
}

TEST_F(LayersInMemory, AreNotReadFromTheDisk) {
  expect_that_little_is_read([](const std::string& top) { EXPECT_GT(read_file(top).size(), written); });
}

TEST_F(LayersInMemory, AreWhatTheyAreWhenNotWrittenBackYet) {
  expect_that_little_is_read([](const std::string& top) {
    EXPECT_GT(read_file(top).size(), written);
    qemu_io(top, {"write -P 9 8M 16M"});  // through the cache
  });
}

TEST_F(LayersInMemory, WhenTheyAreNotThereThePageCacheStaysAsItIs) {
  const Images images;
  const auto count = images.commit_all();
  if (!count) {
    GTEST_SKIP() << "blocks can be shared here";
  }
  EXPECT_GE(*count, written);
  EXPECT_LT(cached_share(images.top, file_size(images.top)), 0.25);
}

TEST_F(LayersInMemory, ABaseInMemoryIsReadFromTheDiskForItsDigest) {
  const Images images;
  if (!images.commit_all()) {
    GTEST_SKIP() << "blocks can be shared here";
  }
  std::filesystem::remove(images.top);  // only the digest is left
  EXPECT_GT(read_file(images.base).size(), written);
  FileRecordStore records(images.base);
  FileGate gate(Locking::shared_read);
  const std::uint64_t before = bytes_from_the_disk();
  const auto check = verify_commit(records, gate, {});
  ASSERT_TRUE(check) << describe(check.error());
  EXPECT_EQ(check->by, CheckedBy::digest);
  EXPECT_GE(bytes_from_the_disk() - before, written);
}

}  // namespace
}  // namespace qchain::test
