#include <algorithm>
#include <optional>
#include <utility>

#include "qcow/commit/copier.h"
#include "qcow/commit/prefetch.h"
#include "qcow/verify/ordered_reader.h"

namespace qchain {

namespace {

constexpr std::uint64_t chunk_size = std::uint64_t{1} << 20;
constexpr std::size_t chunks_ahead = 8;
constexpr unsigned most_readers = 4;

class GuestOrderCopier final : public Copier {
 public:
  explicit GuestOrderCopier(CopierSetup setup)
      : setup_(std::move(setup)), reader_(setup_.above, std::min(setup_.threads, most_readers), chunks_ahead) {}

  Result<void> copy(const Extent& extent) override {
    if (!prefetch_ && !expects_little_) {
      prefetch_.emplace(setup_.above, extent.start);
    }
    for (Range range = extent.range(); !range.empty();) {
      const std::uint64_t next = std::min(range.end(), align_down(range.start, chunk_size) + chunk_size);
      if (!reader_.has_room()) {
        QC_TRY(write_oldest());
      }
      reader_.ask(range_between(range.start, next));
      first_ = first_.value_or(range.start);
      range = range_between(next, range.end());
    }
    return {};
  }

  Result<void> settle() override { return finish(); }

  void expect_little() override {
    expects_little_ = true;
    prefetch_.reset();
  }

  Result<void> finish() override {
    while (!reader_.empty()) {
      QC_TRY(write_oldest());
    }
    first_.reset();
    return {};
  }

  [[nodiscard]] std::optional<std::uint64_t> first_pending() const override { return first_; }

 private:
  Result<void> write_oldest() {
    const auto taken = QC_TRY(reader_.take());
    if (setup_.stop.stop_requested()) {
      return fail(ErrorKind::interrupted, "interrupted");
    }
    setup_.throttle.spend(taken.range.length, setup_.stop);
    if (is_zero(taken.bytes)) {
      QC_TRY(setup_.base.zero(taken.range));  // sparse stays sparse
    } else {
      QC_TRY(setup_.base.write(taken.range.start, taken.bytes));
    }
    setup_.digest.add(taken.range.start, taken.bytes);
    first_ = taken.range.end();
    if (prefetch_) {
      prefetch_->reached(taken.range.end());
    }
    return setup_.copied(taken.range.length);
  }

  CopierSetup setup_;
  std::optional<Prefetch> prefetch_;  ///< once something has to be copied
  bool expects_little_ = false;
  OrderedReader reader_;
  std::optional<std::uint64_t> first_;  ///< all copies before it are made
};

}  // namespace

std::unique_ptr<Copier> copier_in_guest_order(CopierSetup setup) {
  return std::make_unique<GuestOrderCopier>(std::move(setup));
}

}  // namespace qchain
