#include <fcntl.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <thread>

#include "fusefs/mount.h"
#include "tests/mount/chains.h"
#include "tests/mount/file_reader.h"
#include "tests/mount/mounted_chain.h"
#include "tests/support/files.h"
#include "tests/support/peak_memory.h"
#include "tests/support/qemu.h"

namespace qchain::test {
namespace {

namespace fs = std::filesystem;

constexpr std::uint64_t mib = 1 << 20;
constexpr std::uint64_t table_size = 65536;  ///< of an L2 table, and of a cluster
constexpr std::uint64_t disk_size = 96 * 1024 * mib;

/// An image of 96 GiB in which every second cluster is a zero cluster: 1.5 million extents, and almost no file. All L1
/// entries share one L2 table, which reading does not mind.
void make_striped_image(const std::string& image) {
  qemu_img({"create", "-q", "-f", "qcow2", image, std::to_string(disk_size)});
  qemu_io(image, {"write -z 0 64k"});
  const auto l1 = peek_be<std::uint64_t>(image, 40);
  const auto entry = peek_be<std::uint64_t>(image, l1);
  ByteVector table(table_size);
  for (std::size_t i = 0; i < table.size(); i += 16) table[i + 7] = std::byte{1};
  poke(image, entry & 0x00fffffffffffe00, table);
  for (std::uint64_t i = 0; i < disk_size / (table_size / 8 * table_size); ++i) poke_be(image, l1 + 8 * i, entry);
}

class MountMemory : public MountTest {
 protected:
  void SetUp() override {
    MountTest::SetUp();
    if (IsSkipped() || HasFatalFailure()) return;
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
    GTEST_SKIP() << "a sanitizer's own memory can't be told from ours";
#endif
    fs::create_directory(mnt_);
  }

  /// Four readers share the file's pages of `step` bytes, one byte read in each.
  static void touch_all(const std::string& path, std::uint64_t size, std::uint64_t step, std::size_t length) {
    std::vector<std::jthread> readers;
    for (std::uint64_t reader = 0; reader < 4; ++reader) {
      readers.emplace_back([=] {
        const FileReader file(path);
        for (std::uint64_t at = reader * step; at < size; at += 4 * step) static_cast<void>(file.read(at, length));
      });
    }
  }

  void expect_within_budget(const MountedChain& mounted) {
    const std::size_t peak = peak_memory(mounted.server().id());
    RecordProperty("peak_kib", std::to_string(peak / 1024));
    EXPECT_LE(peak, fusefs::resident_budget);
  }

  std::string mnt_ = dir_ / "mnt";
};

TEST_F(MountMemory, StaysWithinTheBudgetWithMoreExtentsThanItHolds) {
  make_striped_image(dir_ / "striped.qcow2");
  const MountedChain mounted(dir_ / "striped.qcow2", mnt_, {"-o", "direct_io"});
  touch_all(mounted / "disk.raw", disk_size, 32 * mib, 1);
  struct stat stat{};
  ASSERT_EQ(::stat((mounted / "disk.raw").c_str(), &stat), 0);
  expect_within_budget(mounted);
}

TEST_F(MountMemory, StaysWithinTheBudgetWithMorePackedDataThanItHolds) {
  write_file(dir_ / "plain.raw", telling_bytes(48 * mib, 5));
  qemu_img({"convert", "-c", "-O", "qcow2", dir_ / "plain.raw", dir_ / "packed.qcow2"});
  const MountedChain mounted(dir_ / "packed.qcow2", mnt_);
  touch_all(mounted / "disk.raw", 48 * mib, mib, mib);
  expect_within_budget(mounted);
}

}  // namespace
}  // namespace qchain::test
