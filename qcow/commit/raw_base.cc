#include "qcow/commit/raw_base.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "qcow/format/limits.h"

namespace qchain {

namespace {

/// So many, all over the disk, show what the base is like.
constexpr std::size_t looked_at_first = 64;

/// Runs that lie beside each other in the guest's disk; those that lie alone are left out.
using Neighbours = std::span<const SharedRun>;

std::vector<Neighbours> neighbours_among(std::span<const SharedRun> runs) {
  std::vector<Neighbours> found;
  for (std::size_t first = 0; first < runs.size();) {
    std::size_t end = first + 1;
    while (end < runs.size() && runs[end].guest.start == runs[end - 1].guest.end()) {
      ++end;
    }
    if (end - first > 1) {
      found.push_back(runs.subspan(first, end - first));
    }
    first = end;
  }
  return found;
}

Range range_of(Neighbours runs) {
  return range_between(runs.front().guest.start, runs.back().guest.end());
}

}  // namespace

std::uint64_t RawBase::size() const noexcept {
  return align_up(storage_->size(), format::sector);
}

Result<void> RawBase::grow(std::uint64_t size) {
  if (storage_->size() >= size) {
    return {};
  }
  return storage_->resize(size);
}

Result<void> RawBase::write(std::uint64_t guest_offset, Bytes bytes) {
  return storage_->write(guest_offset, bytes);
}

std::uint64_t RawBase::sharing_unit(const Storage& source) const noexcept {
  const bool is_beside = source.descriptor() >= 0 && source.identity().device == storage_->identity().device;
  return is_beside ? block_ : 0;
}

Result<CloneAnswer> RawBase::clone(const Storage& source, std::uint64_t source_offset, Range guest) {
  const std::uint64_t unit = sharing_unit(source);
  if (unit == 0 || !is_aligned(source_offset | guest.start | guest.length, unit) ||
      !fits(source_offset, guest.length, source.size())) {
    return CloneAnswer::impossible;
  }
  return storage_->clone(source, source_offset, guest);
}

bool RawBase::is_in_fewer_pieces_than(Neighbours runs) const {
  return storage_->pieces_in(range_of(runs)).value_or(1) < runs.size();
}

/// One hole for neighbours together: to put blocks in the place of others costs the file system two to three times as
/// much as to put them in a hole. That gains nothing for a run alone, nor where the base is in as many pieces as the
/// runs: these may even be the very blocks, shared by a run that was cut off. To share those again costs no more than
/// to count the pieces, so some are looked at first.
Result<void> RawBase::make_room(std::span<const SharedRun> runs) {
  const std::vector<Neighbours> all = neighbours_among(runs);
  const std::size_t step = std::max<std::size_t>(all.size() / looked_at_first, 1);
  bool gains = false;
  for (std::size_t i = 0; i < all.size() && !gains; i += step) {
    gains = is_in_fewer_pieces_than(all[i]);
  }
  for (std::size_t i = 0; i < all.size() && gains; ++i) {
    if (is_in_fewer_pieces_than(all[i])) {
      QC_TRY(zero(range_of(all[i])));
    }
  }
  return {};
}

/// Cached pages of what is replaced go, run by run, and where a page is large it is split each time: that takes longer
/// than the sharing itself. Taken away in one go they cost nearly nothing.
void RawBase::forget_cached(std::span<const SharedRun> runs) {
  std::uint64_t replaced = 0;
  for (const SharedRun& run : runs) {
    replaced += run.guest.length;
  }
  const Range all = runs.empty() ? Range{} : range_between(runs.front().guest.start, runs.back().guest.end());
  if (replaced >= all.length / 2) {  // else more would go that is still right
    storage_->forget_cached(all);
  }
}

Result<CloneAnswer> RawBase::clone_all(std::span<const SharedRun> runs) {
  forget_cached(runs);
  QC_TRY(make_room(runs));
  std::vector<SharedRun> in_source_order(runs.begin(), runs.end());
  // The file system keeps count of shared blocks by their place on the disk: in that order, each count is where the one
  // before was, and neighbours become one.
  std::ranges::sort(in_source_order, {}, [](const SharedRun& run) { return std::pair(run.source, run.source_offset); });
  return BaseWriter::clone_all(in_source_order);
}

Result<void> RawBase::zero(Range guest) {
  // Past its end the file reads as zeros already.
  const Range stored = intersect(guest, {0, storage_->size()});
  return stored.empty() ? Result<void>{} : storage_->zero(stored);
}

}  // namespace qchain
