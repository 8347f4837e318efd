#include "qcow/verify/paired_walk.h"

#include <algorithm>

namespace qchain {

namespace {

bool is_zero_extent(const std::optional<Extent>& extent) {
  return !extent || extent->reads_zero();
}

const Storage& file_of(const View& view, const Extent& extent) {
  return view.slice().chain.layer(extent.layer).image->data_storage();
}

}  // namespace

PairedWalk::PairedWalk(const View& left, const View& right, std::uint64_t length)
    : left_(left), right_(right), end_(std::min(length, std::max(left.size(), right.size()))) {}

const std::optional<Extent>& PairedWalk::Side::at(std::uint64_t position) {
  if (position < view.size() && (!extent || extent->end() <= position)) {
    extent = walk.next();
  } else if (position >= view.size()) {
    extent.reset();
  }
  return extent;
}

std::optional<PairedRange> PairedWalk::next() {
  if (position_ >= end_) {
    return std::nullopt;
  }
  const auto& left = left_.at(position_);
  const auto& right = right_.at(position_);
  const std::uint64_t end = std::min({end_, left ? left->end() : end_, right ? right->end() : end_});
  PairedRange paired{.range = range_between(position_, end), .pairing = Pairing::both_stored};
  if (is_zero_extent(left)) {
    paired.pairing = is_zero_extent(right) ? Pairing::same : Pairing::left_zero;
  } else if (is_zero_extent(right)) {
    paired.pairing = Pairing::right_zero;
  } else if (left->kind == ExtentKind::data && right->kind == ExtentKind::data) {
    paired = pair_stored(paired.range, *left, *right);
  }
  position_ = paired.range.end();
  return paired;
}

/// The same if both sides take the same bytes of one file (a layer that the two views have in common), or the same
/// blocks of two files.
PairedRange PairedWalk::pair_stored(Range range, const Extent& left, const Extent& right) {
  const Storage& of_left = file_of(left_.view, left);
  const Storage& of_right = file_of(right_.view, right);
  const std::uint64_t left_offset = left.offset + (range.start - left.start);
  const std::uint64_t right_offset = right.offset + (range.start - right.start);
  if (of_left.identity() == of_right.identity()) {
    return {.range = range, .pairing = left_offset == right_offset ? Pairing::same : Pairing::both_stored};
  }
  const auto shared = shared_.compare(of_left, left_offset, of_right, right_offset, range.length);
  return {.range = {range.start, shared.length}, .pairing = shared.same ? Pairing::same : Pairing::both_stored};
}

}  // namespace qchain
