#include <fcntl.h>
#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <iostream>
#include <thread>

#include "tests/mount/chains.h"
#include "tests/mount/file_reader.h"
#include "tests/mount/mounted_chain.h"
#include "tests/support/files.h"
#include "tests/support/qemu.h"

namespace qchain::test {
namespace {

constexpr int readers = 64;

/// $QCHAIN_READERS_SECONDS; a campaign takes 600.
std::chrono::seconds reading_time() {
  const char* const text = std::getenv("QCHAIN_READERS_SECONDS");  // NOLINT(concurrency-mt-unsafe): no other thread yet
  return std::chrono::seconds(text == nullptr ? 3 : std::atoi(text));
}

/// The mixed chain, and two places to mount it at.
class WideMount : public MountTest {
 protected:
  void SetUp() override {
    MountTest::SetUp();
    if (IsSkipped() || HasFatalFailure()) return;
    files_ = make_mixed_chain(dir_, random_);
    for (std::size_t layer = 0; layer < files_.layers.size(); ++layer) {
      expected_.push_back(qemu_bytes(files_.layers[layer], layer == 0 ? "raw" : "qcow2"));
    }
    std::filesystem::create_directory(dir_ / "mnt");
    std::filesystem::create_directory(dir_ / "other");
  }
  [[nodiscard]] std::string name_of_layer(std::size_t layer) const {
    return "layers/" + std::to_string(layer + 1) + "-" +
           std::filesystem::path(files_.layers[layer]).filename().string() + ".raw";
  }
  /// Reads anywhere in any layer until `end`; how many reads.
  std::uint64_t read_until(std::chrono::steady_clock::time_point end, const std::string& mountpoint, Random random) {
    std::uint64_t count = 0;
    while (std::chrono::steady_clock::now() < end && !HasFailure()) {
      const std::size_t layer = random.below(expected_.size());
      const ByteVector& expected = expected_[layer];
      const FileReader file(mountpoint + "/" + name_of_layer(layer), random.chance(50) ? O_DIRECT : 0);
      const std::uint64_t offset = random.below(expected.size() / 4096) * 4096;
      const std::size_t length = (1 + random.below(64)) * 4096;
      // Whole blocks into memory that lies as it likes: a direct read may refuse that, the kernel's FUSE does not.
      EXPECT_TRUE(equal_bytes(Bytes(expected).subspan(offset, std::min<std::size_t>(length, expected.size() - offset)),
                              file.read(offset, length)));
      ++count;
    }
    return count;
  }

  Random random_{announced_seed()};
  ChainFiles files_;
  std::vector<ByteVector> expected_;  ///< by layer
};

TEST_F(WideMount, IsRightForSixtyFourReadersForAsLongAsTheyLike) {
  const MountedChain mounted(files_.top(), dir_ / "mnt");
  const auto end = std::chrono::steady_clock::now() + reading_time();
  std::atomic<std::uint64_t> reads = 0;
  {
    std::vector<std::jthread> threads;
    for (int reader = 0; reader < readers; ++reader) {
      threads.emplace_back(
          [&, random = Random(random_.below(UINT32_MAX))] { reads += read_until(end, mounted.path(), random); });
    }
  }
  std::cout << reads << " reads by " << readers << " readers\n";
  EXPECT_GE(reads, static_cast<std::uint64_t>(readers));
}

TEST_F(WideMount, OfAThousandLayersTakesNoMoreThan1024OpenFiles) {
  const TempDir deep;
  const ChainFiles files = make_deep_chain(deep, 1000);
  std::filesystem::create_directory(deep / "mnt");
  Arguments limited{"prlimit", "--nofile=1024:1024"};
  const Arguments mount = mount_command({files.top(), deep / "mnt"});
  limited.insert(limited.end(), mount.begin(), mount.end());
  const ProcessResult mounted = run(limited);
  ASSERT_EQ(mounted.status, 0) << mounted.err;
  EXPECT_EQ(read_file(deep / "mnt/disk.raw", 0, 65536), ByteVector(65536, std::byte{42}));
  must_run({"fusermount3", "-u", deep / "mnt"});
}

TEST_F(WideMount, OfMoreLayersThanFilesAreAllowedIsRefusedWithTheNumberNeeded) {
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
  GTEST_SKIP() << "a sanitizer looks at memory through a pipe, and takes it for bad where no file can be opened";
#endif
  const TempDir deep;
  const ChainFiles files = make_deep_chain(deep, 100);
  std::filesystem::create_directory(deep / "mnt");
  Arguments limited{"prlimit", "--nofile=64:64"};
  const Arguments mount = mount_command({files.top(), deep / "mnt"});
  limited.insert(limited.end(), mount.begin(), mount.end());
  const ProcessResult refused = run(limited);
  EXPECT_EQ(refused.status, 2);
  EXPECT_NE(refused.err.find("its chain has 100 layers"), std::string::npos) << refused.err;
  EXPECT_NE(refused.err.find("allow 228 open files"), std::string::npos) << refused.err;
}

TEST_F(WideMount, MayBeMountedTwice) {
  const MountedChain one(files_.top(), dir_ / "mnt");
  {
    const MountedChain other(files_.top(), dir_ / "other");
    EXPECT_TRUE(equal_bytes(expected_.back(), read_file(one / "disk.raw")));
    EXPECT_TRUE(equal_bytes(expected_.back(), read_file(other / "disk.raw")));
    other.unmount();
  }
  EXPECT_TRUE(equal_bytes(expected_.front(), read_file(one / name_of_layer(0)))) << "the first goes on";
}

TEST_F(WideMount, LetsOthersReadTheImagesButNotWrite) {
  const MountedChain mounted(files_.top(), dir_ / "mnt");
  EXPECT_EQ(qemu_bytes(files_.top()), expected_.back());
  EXPECT_NE(run(qemu_io_command(files_.top(), "qcow2", {"write 0 512"})).status, 0);
  EXPECT_TRUE(equal_bytes(expected_.back(), read_file(mounted / "disk.raw")));
}

}  // namespace
}  // namespace qchain::test
