#include "qcow/verify/compare.h"

#include <gtest/gtest.h>

#include <condition_variable>
#include <mutex>

#include "qcow/chain/raw_image.h"
#include "tests/support/memory_file.h"
#include "tests/support/views.h"

namespace qchain::test {
namespace {

constexpr std::uint64_t mebibyte = std::uint64_t{1} << 20;

/// A file whose first reader waits until a second one reads at the same time.
class MeetingPlace final : public Storage {
 public:
  explicit MeetingPlace(ByteVector bytes) : file_(std::move(bytes)) {}
  [[nodiscard]] const std::string& name() const noexcept override { return file_.name(); }
  [[nodiscard]] std::uint64_t size() const noexcept override { return file_.size(); }
  [[nodiscard]] FileIdentity identity() const noexcept override { return file_.identity(); }
  [[nodiscard]] StorageFacts facts() const noexcept override { return file_.facts(); }
  [[nodiscard]] Result<StoredRun> run_at(std::uint64_t offset, std::uint64_t end) const override {
    return file_.run_at(offset, end);
  }
  void will_need(Range range) const noexcept override { file_.will_need(range); }
  [[nodiscard]] int descriptor() const noexcept override { return -1; }

  [[nodiscard]] Result<std::size_t> read(std::uint64_t offset, MutableBytes into) const override {
    {
      std::unique_lock lock(mutex_);
      ++inside_;
      met_ = met_ || inside_ > 1;
      changed_.notify_all();
      alone_ = alone_ || !changed_.wait_for(lock, std::chrono::seconds(20), [&] { return met_ || alone_; });
      --inside_;
    }
    return file_.read(offset, into);
  }
  [[nodiscard]] bool met() const {
    const std::scoped_lock lock(mutex_);
    return met_ && !alone_;
  }

 private:
  MemoryFile file_;
  mutable std::mutex mutex_;
  mutable std::condition_variable changed_;
  mutable int inside_ = 0;
  mutable bool met_ = false;
  mutable bool alone_ = false;  ///< nobody came: the others need not wait
};

std::shared_ptr<View> raw_view(SharedStorage storage) {
  std::vector<Layer> layers;
  layers.push_back({.file = "disk", .backing_reference = {}, .image = std::make_shared<RawImage>(std::move(storage))});
  return make_view({.chain = Chain(std::move(layers)), .base = 0, .top = 0});
}

ByteVector pattern(std::uint64_t size) {
  return {size, std::byte{0x5a}};
}

TEST(Compare, reads_with_more_than_one_thread) {
  const auto left = std::make_shared<MeetingPlace>(pattern(8 * mebibyte));
  const auto view = raw_view(left);
  const auto other = raw_view(std::make_shared<MemoryFile>(pattern(8 * mebibyte)));
  const auto comparison = compare(*view, *other);
  ASSERT_TRUE(comparison);
  EXPECT_TRUE(comparison->same());
  EXPECT_TRUE(left->met());
}

TEST(Compare, reports_the_first_difference_and_the_total_however_the_threads_run) {
  ByteVector changed = pattern(8 * mebibyte);
  for (const std::uint64_t place : {7 * mebibyte + 5, 3 * mebibyte - 1, 3 * mebibyte - 2, 2 * mebibyte + 9}) {
    changed[place] = std::byte{1};
  }
  const auto view = raw_view(std::make_shared<MemoryFile>(pattern(8 * mebibyte)));
  const auto other = raw_view(std::make_shared<MemoryFile>(std::move(changed)));
  for (const unsigned threads : {1U, 2U, 4U, 8U}) {
    CompareOptions options;
    options.threads = threads;
    const auto comparison = compare(*view, *other, options);
    ASSERT_TRUE(comparison);
    EXPECT_EQ(comparison->first_difference, (Range{2 * mebibyte + 9, 1})) << threads << " threads";
    EXPECT_EQ(comparison->different, 4U) << threads << " threads";
  }
}

}  // namespace
}  // namespace qchain::test
