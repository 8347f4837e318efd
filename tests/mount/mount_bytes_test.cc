#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/mman.h>

#include <filesystem>
#include <memory>
#include <thread>

#include "tests/mount/chains.h"
#include "tests/mount/file_reader.h"
#include "tests/mount/mounted_chain.h"
#include "tests/support/files.h"
#include "tests/support/page_cache.h"
#include "tests/support/qemu.h"

namespace qchain::test {
namespace {

/// The mixed chain, mounted at mnt.
class MountedBytes : public MountTest {
 protected:
  void SetUp() override {
    MountTest::SetUp();
    if (IsSkipped() || HasFatalFailure()) return;
    files_ = make_mixed_chain(dir_, random_);
    std::filesystem::create_directory(dir_ / "mnt");
    expected_ = qemu_bytes(files_.top());
  }

  testing::AssertionResult is_expected(const FileReader& file, std::uint64_t offset, std::size_t length) const {
    const std::size_t inside = std::min<std::size_t>(length, expected_.size() - offset);
    return equal_bytes(Bytes(expected_).subspan(offset, inside), file.read(offset, length));
  }

  /// Somewhere around a border of the map, or anywhere.
  std::uint64_t place(Random& random, const std::vector<MapEntry>& map) const {
    const std::uint64_t around = random.pick(map).start + random.below(8192);
    return std::min<std::uint64_t>(around > 4096 ? around - 4096 : around, expected_.size() - 1);
  }

  Random random_{announced_seed()};
  ChainFiles files_;
  ByteVector expected_;
};

TEST_F(MountedBytes, OfTheDiskAreWhatQemuReads) {
  const MountedChain mounted(files_.top(), dir_ / "mnt");
  EXPECT_TRUE(equal_bytes(expected_, read_file(mounted / "disk.raw")));
}

TEST_F(MountedBytes, OfEachLayerAreWhatQemuReads) {
  const MountedChain mounted(files_.top(), dir_ / "mnt");
  for (std::size_t i = 0; i < files_.layers.size(); ++i) {
    const std::string name = std::filesystem::path(files_.layers[i]).filename();
    const std::string format = i == 0 ? "raw" : "qcow2";
    EXPECT_TRUE(equal_bytes(qemu_bytes(files_.layers[i], format),
                            read_file(mounted / ("layers/" + std::to_string(i + 1) + "-" + name + ".raw"))))
        << name;
  }
}

TEST_F(MountedBytes, OfASliceAreWhatQemuReadsOfTheCutChain) {
  std::filesystem::copy(files_.layers[2], dir_ / "cut.qcow2");
  std::filesystem::copy(files_.layers[1], dir_ / "bottom.qcow2");
  qemu_img({"rebase", "-u", "-b", "", dir_ / "bottom.qcow2"});
  qemu_img({"rebase", "-u", "-b", "bottom.qcow2", "-F", "qcow2", dir_ / "cut.qcow2"});
  const MountedChain mounted(files_.top(), dir_ / "mnt", {"--base", "2", "--top", "3"});
  EXPECT_TRUE(equal_bytes(qemu_bytes(dir_ / "cut.qcow2"), read_file(mounted / "disk.raw")));
}

TEST_F(MountedBytes, AreRightAcrossEveryKindOfBorder) {
  const MountedChain mounted(files_.top(), dir_ / "mnt");
  const FileReader file(mounted / "disk.raw");
  const auto map = qemu_map(files_.top());
  for (int i = 0; i < 2000; ++i) {
    ASSERT_TRUE(is_expected(file, place(random_, map), 1 + random_.below(100000)));
  }
}

TEST_F(MountedBytes, AreRightForManyReadersAtOnce) {
  const MountedChain mounted(files_.top(), dir_ / "mnt", {"-o", "direct_io"});
  const auto map = qemu_map(files_.top());
  std::vector<std::jthread> readers;
  for (int reader = 0; reader < 8; ++reader) {
    readers.emplace_back([&, random = Random(random_.below(UINT32_MAX))]() mutable {
      const FileReader file(mounted / "disk.raw");
      for (int i = 0; i < 200; ++i) {
        EXPECT_TRUE(is_expected(file, place(random, map), 1 + random.below(300000)));
      }
    });
  }
}

TEST_F(MountedBytes, CanBeMapped) {
  const MountedChain mounted(files_.top(), dir_ / "mnt");
  const FileReader file(mounted / "disk.raw");
  void* memory = mmap(nullptr, expected_.size(), PROT_READ, MAP_SHARED, file.descriptor(), 0);
  ASSERT_NE(memory, MAP_FAILED);
  EXPECT_TRUE(equal_bytes(expected_, {static_cast<const std::byte*>(memory), expected_.size()}));
  munmap(memory, expected_.size());
}

TEST_F(MountedBytes, CanBeReadDirectly) {
  const MountedChain mounted(files_.top(), dir_ / "mnt");
  const FileReader file(mounted / "disk.raw", O_DIRECT);
  constexpr std::size_t length = 1 << 20;
  const std::unique_ptr<void, decltype(&std::free)> buffer(std::aligned_alloc(4096, length), &std::free);
  for (std::uint64_t offset = 0; offset < expected_.size(); offset += length) {
    const ssize_t count = pread(file.descriptor(), buffer.get(), length, static_cast<off_t>(offset));
    ASSERT_GT(count, 0);
    const std::size_t inside = std::min<std::size_t>(length, expected_.size() - offset);
    EXPECT_TRUE(equal_bytes(Bytes(expected_).subspan(offset, inside),
                            {static_cast<const std::byte*>(buffer.get()), static_cast<std::size_t>(count)}));
  }
}

TEST_F(MountedBytes, AreRightWithSmallRequests) {
  const MountedChain mounted(files_.top(), dir_ / "mnt", {"-o", "max_read=4096"});
  EXPECT_TRUE(equal_bytes(expected_, read_file(mounted / "disk.raw")));
}

TEST_F(MountedBytes, AreReadAheadOnlyAsFarAsAllowed) {
  constexpr std::uint64_t page = 4096;
  const auto pages_after_reading_one = [this](const Arguments& options) {
    const MountedChain mounted(files_.top(), dir_ / "mnt", options);
    const FileReader file(mounted / "disk.raw");
    EXPECT_TRUE(is_expected(file, 0, page));  // what is read ahead of it comes with it, in one request
    return cached_share(mounted / "disk.raw", expected_.size()) * static_cast<double>(expected_.size() / page);
  };
  EXPECT_GT(pages_after_reading_one({}), 1) << "else the test shows nothing";
  EXPECT_EQ(pages_after_reading_one({"-o", "max_readahead=0"}), 1);
}

TEST_F(MountedBytes, HaveTheHolesThatQemuMaps) {
  const MountedChain mounted(files_.top(), dir_ / "mnt");
  EXPECT_EQ(FileReader(mounted / "disk.raw").data_runs(), qemu_data_runs(files_.top()));
}

}  // namespace
}  // namespace qchain::test
