#include <fcntl.h>
#include <gtest/gtest.h>

#include <atomic>
#include <filesystem>
#include <fstream>
#include <thread>
#include <vector>

#include "qcow/storage/page_cache.h"
#include "tests/mount/chains.h"
#include "tests/mount/file_reader.h"
#include "tests/mount/mounted_chain.h"
#include "tests/support/aligned_memory.h"
#include "tests/support/files.h"
#include "tests/support/page_cache.h"
#include "tests/support/qemu.h"

namespace qchain::test {
namespace {

constexpr std::size_t block = 4096;
constexpr std::uint64_t mib = 1 << 20;

/// Bytes that a process got by reading in a thread, from files and the kernel's queue of requests.
std::uint64_t bytes_read_waiting(pid_t process) {
  std::ifstream facts("/proc/" + std::to_string(process) + "/io");
  std::string name;
  std::uint64_t bytes = 0;
  facts >> name >> bytes;
  EXPECT_EQ(name, "rchar:");
  return bytes;
}

/// 64 MiB in a raw base, under an overlay with every second MiB of its own; nothing is in memory.
class MountedDepth : public MountTest {
 protected:
  void SetUp() override {
    MountTest::SetUp();
    if (IsSkipped() || HasFatalFailure()) return;
    files_ = make_plain_chain(dir_, 64 * mib);
    for (int at = 1; at < 64; at += 2) {
      qemu_io(files_.top(), {"write -P " + std::to_string(at) + " " + std::to_string(at) + "M 1M"});
    }
    std::filesystem::create_directory(dir_ / "mnt");
    expected_ = qemu_bytes(files_.top());
    for (const std::string& layer : files_.layers) {
      drop_from_cache(layer);
    }
  }

  [[nodiscard]] bool tells_what_is_on_disk_only() const {
    const UniqueFd base(::open(files_.layers[0].c_str(), O_RDONLY | O_CLOEXEC));
    return shows_its_cache(dir_.path()) && cached_bytes_by_cachestat(base.get(), {0, 1}).has_value();
  }

  /// One of several readers: blocks here and there, past the reader's own page cache. Those that are not as expected.
  [[nodiscard]] int read_blocks(const std::string& disk, Random random, int count) {
    const UniqueFd file(::open(disk.c_str(), O_RDONLY | O_DIRECT | O_CLOEXEC));
    const AlignedMemory memory(4 * block);
    int wrong = 0;
    for (int i = 0; i < count; ++i) {
      const std::size_t length = block * (1 + random.below(4));
      const std::uint64_t offset = random.below((expected_.size() - length) / block) * block;
      const MutableBytes into = memory.bytes().first(length);
      const bool is_read =
          ::pread(file.get(), into.data(), length, static_cast<off_t>(offset)) == static_cast<ssize_t>(length);
      asked_for_ += length;
      wrong += is_read && std::ranges::equal(into, Bytes(expected_).subspan(offset, length)) ? 0 : 1;
    }
    return wrong;
  }

  [[nodiscard]] int read_by_many(const std::string& disk, int count) {
    std::atomic<int> wrong = 0;
    std::vector<std::jthread> readers;
    for (int i = 0; i < 24; ++i) {
      readers.emplace_back([this, &wrong, &disk, count, random = Random(random_.below(UINT32_MAX))] {
        wrong += read_blocks(disk, random, count);
      });
    }
    readers.clear();
    return wrong;
  }

  Random random_{announced_seed()};
  ChainFiles files_;
  ByteVector expected_;
  std::atomic<std::uint64_t> asked_for_ = 0;  ///< bytes
};

TEST_F(MountedDepth, GivesManySmallReadersWhatQemuReads) {
  const MountedChain mounted(files_.top(), dir_ / "mnt");
  EXPECT_EQ(read_by_many(mounted / "disk.raw", 400), 0);
}

TEST_F(MountedDepth, WaitsForSomeOfThemWithoutAThread) {
  if (!tells_what_is_on_disk_only()) {
    GTEST_SKIP() << "not told what is in memory: an old kernel, a tmpfs or an overlayfs";
  }
  bool was_put_off = false;  // where the machine is slow and its disk is not, it may be that few wait at once
  for (int attempt = 0; attempt < 5 && !was_put_off; ++attempt) {
    drop_from_cache(files_.layers[0]);
    drop_from_cache(files_.top());
    const MountedChain mounted(files_.top(), dir_ / "mnt");
    const std::uint64_t before = bytes_read_waiting(mounted.server().id());
    const std::uint64_t asked_before = asked_for_;
    EXPECT_EQ(read_by_many(mounted / "disk.raw", 100), 0);
    was_put_off = bytes_read_waiting(mounted.server().id()) - before < asked_for_ - asked_before;
  }
  EXPECT_TRUE(was_put_off);
}

TEST_F(MountedDepth, EndsWhileManyReadersWait) {
  MountedChain mounted(files_.top(), dir_ / "mnt");
  std::jthread readers([this, disk = mounted / "disk.raw"] { static_cast<void>(read_by_many(disk, 2000)); });
  std::this_thread::sleep_for(std::chrono::milliseconds(30));
  mounted.server().send(SIGTERM);
  EXPECT_TRUE(mounted.server().ended());
  EXPECT_TRUE(mounted.is_gone());
}

}  // namespace
}  // namespace qchain::test
