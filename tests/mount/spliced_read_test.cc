#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>

#include "fusefs/filesystem.h"
#include "fusefs/thread_buffer.h"
#include "qcow/chain/raw_image.h"
#include "qcow/storage/file_storage.h"
#include "tests/support/files.h"
#include "tests/support/temp_dir.h"
#include "tests/unit/chain/fake_image.h"

namespace qchain::test {
namespace {

using namespace fusefs;

constexpr std::uint64_t kib = 1024;
constexpr std::uint64_t size = 512 * kib;

/// A raw image on disk: data, but for a hole from 256 to 320 KiB.
class SplicedReadTest : public testing::Test {
 protected:
  SplicedReadTest() {
    write_file(dir_ / "disk", stored_);
    const UniqueFd writer(::open((dir_ / "disk").c_str(), O_RDWR | O_CLOEXEC));
    punched_ = ::fallocate(writer.get(), FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 256 * kib, 64 * kib) == 0;
    auto storage = FileStorage::adopt(UniqueFd(::open((dir_ / "disk").c_str(), O_RDONLY | O_CLOEXEC)), dir_ / "disk");
    views_.emplace(slice_of({std::make_shared<RawImage>(*std::move(storage))}), ViewCaches());
    files_.emplace(Tree::single_file(views_->slice()), *views_, Owner{}, crew_, reporter_,
                   Zeros::of_size(max_reply).value());
    file_ = files_->open(root_inode, O_RDONLY).value();
  }

  Content read(std::uint64_t offset, std::uint64_t length) {
    return files_->read(*file_, {offset, length}, {thread_buffer(), thread_pipe()}).value();
  }

  TempDir dir_;
  ByteVector stored_ = telling_bytes(size, 9);
  bool punched_ = false;
  std::vector<std::string> lines_;
  Reporter reporter_{[this](const std::string& line) { lines_.push_back(line); }};
  Crew crew_;
  std::optional<Views> views_;
  std::optional<FileSystem> files_;
  OpenFile* file_ = nullptr;
};

TEST_F(SplicedReadTest, TakesLargeStoredRunsThroughThePipe) {
  const Content content = read(4 * kib, 128 * kib);
  ASSERT_EQ(content.in_pipe, 128 * kib);
  ByteVector bytes(content.in_pipe);
  for (std::size_t done = 0; done < bytes.size();) {
    const ssize_t count = ::read(thread_pipe().read_end(), bytes.data() + done, bytes.size() - done);
    ASSERT_GT(count, 0);
    done += static_cast<std::size_t>(count);
  }
  EXPECT_TRUE(std::ranges::equal(bytes, Bytes(stored_).subspan(4 * kib, 128 * kib)));
}

TEST_F(SplicedReadTest, ReadsSmallOnesIntoMemory) {
  const Content content = read(8 * kib, 32 * kib);
  EXPECT_EQ(content.in_pipe, 0U);
  EXPECT_TRUE(std::ranges::equal(content.bytes, Bytes(stored_).subspan(8 * kib, 32 * kib)));
}

TEST_F(SplicedReadTest, ReadsWithZerosInThemIntoMemory) {
  ASSERT_TRUE(punched_);
  const Content content = read(128 * kib, 256 * kib);
  EXPECT_EQ(content.in_pipe, 0U);
  const ByteVector expected = read_file(dir_ / "disk");
  EXPECT_TRUE(std::ranges::equal(content.bytes, Bytes(expected).subspan(128 * kib, 256 * kib)));
}

TEST_F(SplicedReadTest, LeavesItToReadingToSayWhatIsWrong) {
  resize_file(dir_ / "disk", 384 * kib);
  EXPECT_FALSE(files_->read(*file_, {320 * kib, 128 * kib}, {thread_buffer(), thread_pipe()}));
  EXPECT_FALSE(lines_.empty());
}

}  // namespace
}  // namespace qchain::test
