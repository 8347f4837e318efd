#include "fusefs/cold_reads.h"

#include <fcntl.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <future>
#include <thread>
#include <vector>

#include "qcow/storage/unique_fd.h"
#include "tests/support/bytes_of.h"
#include "tests/support/files.h"
#include "tests/support/temp_dir.h"

namespace qchain::test {
namespace {

using namespace fusefs;

constexpr std::size_t block = 4096;

/// A file of blocks that tell their place, open past the page cache.
class ColdReadsTest : public testing::Test {
 protected:
  void SetUp() override {
    write_file(path_, content_);
    fd_ = UniqueFd(::open(path_.c_str(), O_RDONLY | O_DIRECT | O_CLOEXEC));
    if (!fd_.valid() || !reads_) {
      GTEST_SKIP() << "no reading past the page cache in " << dir_.path() << ", or no asynchronous reads";
    }
  }

  [[nodiscard]] FilePiece piece(std::uint64_t offset, std::size_t length) const { return {fd_.get(), offset, length}; }

  TempDir dir_;
  std::string path_ = dir_ / "file";
  ByteVector content_ = telling_bytes(std::size_t{4} << 20, 1);
  UniqueFd fd_;
  std::unique_ptr<ColdReads> reads_ = ColdReads::make();
};

TEST_F(ColdReadsTest, GiveTheBytesOfEachPlace) {
  std::atomic<int> right = 0;
  for (std::size_t i = 0; i < 50; ++i) {
    const std::uint64_t offset = (i * 37 % 1000) * block;
    const std::size_t length = block * (1 + i % 4);
    reads_->read(piece(offset, length), [this, &right, offset, length](std::optional<Bytes> bytes) {
      right += bytes && std::ranges::equal(*bytes, Bytes(content_).subspan(offset, length)) ? 1 : 0;
    });
  }
  reads_.reset();
  EXPECT_EQ(right, 50);
}

TEST_F(ColdReadsTest, AnswerEachOnceHoweverManyThereAre) {
  constexpr int readers = 8;
  constexpr int each = 500;
  std::vector<std::atomic<int>> answers(std::size_t{readers} * each);
  {
    std::vector<std::jthread> threads;
    for (int reader = 0; reader < readers; ++reader) {
      threads.emplace_back([&, reader] {
        for (int i = 0; i < each; ++i) {
          auto& count = answers[static_cast<std::size_t>(reader * each + i)];
          reads_->read(piece(static_cast<std::uint64_t>(i) * block, block),
                       [&count](std::optional<Bytes> /*bytes*/) { ++count; });
        }
      });
    }
  }
  reads_.reset();
  EXPECT_TRUE(std::ranges::all_of(answers, [](int count) { return count == 1; }));
}

TEST_F(ColdReadsTest, GiveNothingOfWhatIsNotThere) {
  std::atomic<int> nothing = 0;
  const auto done = [&nothing](std::optional<Bytes> bytes) { nothing += bytes ? 0 : 1; };
  reads_->read(piece(content_.size() - block, 2 * block), done);  // the file ends within it
  reads_->read({-1, 0, block}, done);
  reads_->read(piece(0, ColdReads::largest + block), done);
  reads_.reset();
  EXPECT_EQ(nothing, 3);
}

TEST_F(ColdReadsTest, LeaveItToOthersOnceAReadHasFailed) {
  std::promise<bool> failed;
  reads_->read(piece(content_.size(), block), [&failed](std::optional<Bytes> bytes) { failed.set_value(!bytes); });
  EXPECT_TRUE(failed.get_future().get());
  EXPECT_FALSE(reads_->is_usable());
  std::optional<bool> had_bytes;
  reads_->read(piece(0, block), [&had_bytes](std::optional<Bytes> bytes) { had_bytes = bytes.has_value(); });
  EXPECT_EQ(had_bytes, false) << "at once, in this thread";
}

TEST_F(ColdReadsTest, AnswerWhatFailedWhenAllOthersAreAnswered) {
  constexpr int count = 20;
  constexpr int failing = 7;
  std::promise<void> begun;
  std::promise<void> all_asked;
  std::vector<int> order;  // of answers, all by the same thread: it waits in the first until all are asked
  reads_->read(piece(0, block),
               [&order, &begun, asked = all_asked.get_future()](std::optional<Bytes> /*bytes*/) mutable {
                 begun.set_value();
                 asked.wait_for(std::chrono::seconds(20));
                 order.push_back(0);
               });
  begun.get_future().wait();
  for (int i = 1; i < count; ++i) {
    const std::uint64_t offset = i == failing ? content_.size() : static_cast<std::uint64_t>(i) * block;
    reads_->read(piece(offset, block), [&order, i](std::optional<Bytes> /*bytes*/) { order.push_back(i); });
  }
  all_asked.set_value();
  reads_.reset();
  ASSERT_EQ(order.size(), count);
  EXPECT_EQ(order.back(), failing);
}

TEST_F(ColdReadsTest, EndAtOnceWhereNothingWasAsked) {
  reads_.reset();
}

}  // namespace
}  // namespace qchain::test
