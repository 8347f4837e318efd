#include <algorithm>
#include <mutex>
#include <utility>
#include <vector>

#include "qcow/bulk/file_order.h"
#include "qcow/commit/copier.h"

namespace qchain {

namespace {

/// Extents gathered before they are sorted and read: 10 MiB of them. At 64 KiB each, 16 GiB of scattered clusters.
constexpr std::size_t extents_at_once = std::size_t{1} << 18;

class FileOrderCopier final : public Copier {
 public:
  explicit FileOrderCopier(CopierSetup setup) : setup_(std::move(setup)) {}

  Result<void> copy(const Extent& extent) override {
    for (Extent rest = extent; rest.length > 0;) {
      const Extent piece = clip(rest, {rest.start, setup_.gathered - bytes_});
      rest = clip_behind(rest, piece.end());
      extents_.push_back(piece);
      first_ = std::min(first_.value_or(piece.start), piece.start);
      bytes_ += piece.length;
      if (extents_.size() == extents_at_once || bytes_ == setup_.gathered) {
        QC_TRY(finish());
      }
    }
    return {};
  }

  Result<void> settle() override { return {}; }  // other guest ranges are other bytes

  Result<void> finish() override {
    const FileOrderSink sink{.take = [this](std::span<const GuestPiece> pieces) { return take(pieces); },
                             .taken = setup_.copied};
    bytes_ = 0;
    first_.reset();
    return read_in_file_order(setup_.above, std::exchange(extents_, {}), sink,
                              {.threads = setup_.threads, .cache = setup_.cache, .stop = setup_.stop});
  }

  [[nodiscard]] std::optional<std::uint64_t> first_pending() const override { return first_; }

 private:
  static Extent clip_behind(const Extent& extent, std::uint64_t offset) {
    return offset < extent.end() ? clip(extent, range_between(offset, extent.end())) : Extent{};
  }

  /// By several threads at once.
  Result<void> take(std::span<const GuestPiece> pieces) {
    SectorSum sum;
    std::vector<WritePiece> stored;
    stored.reserve(pieces.size());
    for (const auto& [guest, bytes] : pieces) {
      setup_.throttle.spend(guest.length, setup_.stop);
      if (is_zero(bytes)) {
        QC_TRY(setup_.base.zero(guest));  // sparse stays sparse
      } else {
        stored.push_back({.offset = guest.start, .bytes = bytes});
      }
      sum.add(guest.start, bytes);
    }
    QC_TRY(setup_.base.write_all(stored));
    const std::scoped_lock lock(mutex_);
    setup_.digest.add(sum);
    return {};
  }

  CopierSetup setup_;
  Extents extents_;          ///< put off, mostly in guest order: not where blocks could not be shared after all
  std::uint64_t bytes_ = 0;  ///< of them
  std::optional<std::uint64_t> first_;
  std::mutex mutex_;  ///< guards the digest
};

}  // namespace

std::unique_ptr<Copier> copier_in_file_order(CopierSetup setup) {
  return std::make_unique<FileOrderCopier>(std::move(setup));
}

}  // namespace qchain
