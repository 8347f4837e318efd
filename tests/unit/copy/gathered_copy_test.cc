#include "qcow/copy/gathered_copy.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <thread>

#include "tests/support/files.h"
#include "tests/support/temp_dir.h"
#include "tests/support/views.h"

namespace qchain {
namespace {

constexpr std::uint64_t mebibyte = std::uint64_t{1} << 20;

/// Guest bytes at their own offsets. Takes its time, and knows whether two threads were in it at once.
class SlowWriter final : public ImageWriter {
 public:
  explicit SlowWriter(WritableFile& file) : file_(file) {}

  [[nodiscard]] const WritableFile& file() const noexcept override { return file_; }
  [[nodiscard]] bool takes_any_order() const noexcept override { return true; }
  [[nodiscard]] Result<Placement> place(Range guest) override {
    crowded_ = crowded_ || inside_.fetch_add(1) > 0;
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
    inside_.fetch_sub(1);
    ++placed_;
    return Placement{guest.start, guest.length};
  }
  [[nodiscard]] Result<void> zero(Range) override { return {}; }
  [[nodiscard]] bool takes_clones() const noexcept override { return false; }
  [[nodiscard]] Result<void> finish() override { return {}; }

  [[nodiscard]] bool crowded() const { return crowded_; }
  [[nodiscard]] int placed() const { return placed_; }

 private:
  WritableFile& file_;
  std::atomic<int> inside_ = 0;
  std::atomic<int> placed_ = 0;
  std::atomic<bool> crowded_ = false;
};

TEST(GatheredCopyTest, ItsThreadsWriteOneAfterTheOther) {
  const test::TempDir folder;
  const test::ByteVector content(16 * mebibyte, std::byte{'q'});
  test::write_file(folder / "in.raw", content);
  const auto view = test::open_view(folder / "in.raw");
  ASSERT_TRUE(view.has_value());
  WritableFile out(UniqueFd(::open((folder / "out.raw").c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600)), "out.raw");
  SlowWriter writer(out);
  std::uint64_t told = 0;

  GatheredCopy copy(**view, writer, [&told](std::uint64_t bytes) { told += bytes; }, {.threads = 8});
  for (const Extent& extent : test::extents_of(**view)) {
    const Range range{extent.start, extent.length};
    ASSERT_TRUE(copy.add({.action = ChunkAction::copy, .range = range, .pieces = {extent}}).has_value());
  }
  const auto totals = copy.finish();

  ASSERT_TRUE(totals.has_value());
  EXPECT_EQ(totals->copied, content.size());
  EXPECT_EQ(told, content.size());
  EXPECT_EQ(test::read_file(folder / "out.raw"), content);
  EXPECT_GE(writer.placed(), 8) << "there was work for all threads";
  EXPECT_FALSE(writer.crowded());
}

}  // namespace
}  // namespace qchain
