#include "fusefs/reply_pipe.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include "fusefs/thread_buffer.h"
#include "tests/support/files.h"
#include "tests/support/temp_dir.h"

namespace qchain::test {
namespace {

using fusefs::FilePiece;
using fusefs::ReplyPipe;

constexpr std::uint64_t kib = 1024;

class ReplyPipeTest : public testing::Test {
 protected:
  int open_with(const std::string& name, Bytes bytes) {
    write_file(dir_ / name, bytes);
    files_.emplace_back(::open((dir_ / name).c_str(), O_RDONLY | O_CLOEXEC));
    return files_.back().get();
  }
  ByteVector drain(std::size_t length) {
    ByteVector bytes(length);
    std::size_t done = 0;
    while (done < length) {
      const ssize_t count = ::read(pipe_.read_end(), bytes.data() + done, length - done);
      if (count <= 0) throw std::runtime_error("the pipe has ended");
      done += static_cast<std::size_t>(count);
    }
    return bytes;
  }
  static ByteVector part(const ByteVector& of, std::uint64_t start, std::uint64_t length) {
    const auto begin = of.begin() + static_cast<std::ptrdiff_t>(start);
    return {begin, begin + static_cast<std::ptrdiff_t>(length)};
  }

  TempDir dir_;
  std::vector<UniqueFd> files_;
  ReplyPipe pipe_{fusefs::max_reply};
};

TEST_F(ReplyPipeTest, HoldsThePiecesInTheirOrder) {
  const ByteVector one = telling_bytes(300 * kib, 1);
  const ByteVector other = telling_bytes(300 * kib, 2);
  const int a = open_with("a", one);
  const int b = open_with("b", other);
  const std::vector<FilePiece> pieces{{b, 64 * kib, 128 * kib}, {a, 512, 1536}, {b, 0, 4 * kib}};
  ASSERT_TRUE(pipe_.fill(pieces));
  EXPECT_EQ(drain(128 * kib), part(other, 64 * kib, 128 * kib));
  EXPECT_EQ(drain(1536), part(one, 512, 1536));
  EXPECT_EQ(drain(4 * kib), part(other, 0, 4 * kib));
}

TEST_F(ReplyPipeTest, DropsWhatNobodyTook) {
  const ByteVector bytes = telling_bytes(128 * kib, 3);
  const int file = open_with("a", bytes);
  ASSERT_TRUE(pipe_.fill(std::vector<FilePiece>{{file, 0, 64 * kib}}));
  static_cast<void>(drain(100));
  ASSERT_TRUE(pipe_.fill(std::vector<FilePiece>{{file, 64 * kib, 8 * kib}}));
  EXPECT_EQ(drain(8 * kib), part(bytes, 64 * kib, 8 * kib));
}

TEST_F(ReplyPipeTest, TakesNothingWhereAFileEndsEarly) {
  const ByteVector bytes = telling_bytes(64 * kib, 4);
  const int file = open_with("a", bytes);
  EXPECT_FALSE(pipe_.fill(std::vector<FilePiece>{{file, 0, 64 * kib}, {file, 32 * kib, 64 * kib}}));
  ASSERT_TRUE(pipe_.fill(std::vector<FilePiece>{{file, 4 * kib, 4 * kib}}));
  EXPECT_EQ(drain(4 * kib), part(bytes, 4 * kib, 4 * kib));
}

TEST_F(ReplyPipeTest, TakesNothingWhereAFileCantBeRead) {
  const UniqueFd folder(::open(std::string(dir_.path()).c_str(), O_RDONLY | O_CLOEXEC));
  EXPECT_FALSE(pipe_.fill(std::vector<FilePiece>{{folder.get(), 0, 64 * kib}}));
}

TEST_F(ReplyPipeTest, TakesNothingThatDoesNotFit) {
  const int file = open_with("a", telling_bytes(2048 * kib, 5));
  EXPECT_FALSE(pipe_.fill(std::vector<FilePiece>{{file, 0, fusefs::max_reply}}));  // no room for the header
  const std::vector<FilePiece> splinters(255, FilePiece{file, 4 * kib - 1, 2});    // each touches two pages
  EXPECT_FALSE(pipe_.fill(splinters));
  EXPECT_TRUE(pipe_.fill(std::vector<FilePiece>{{file, 0, fusefs::max_reply - 16 * kib}}));
}

TEST(NoReplyPipe, TakesNothing) {
  ReplyPipe none;
  EXPECT_FALSE(none.fill(std::vector<FilePiece>{{0, 0, 1}}));
}

}  // namespace
}  // namespace qchain::test
