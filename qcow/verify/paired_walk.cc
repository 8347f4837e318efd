#include "qcow/verify/paired_walk.h"

#include <algorithm>

namespace qchain {

namespace {

bool is_zero_extent(const std::optional<Extent>& extent) {
  return !extent || extent->reads_zero();
}

/// Both sides take the same bytes of the same file: layers that the two views have in common.
bool is_same_storage(const View& left, const Extent& a, const View& right, const Extent& b, std::uint64_t position) {
  if (a.kind != ExtentKind::data || b.kind != ExtentKind::data) {
    return false;
  }
  const Storage& of_a = left.slice().chain.layer(a.layer).image->data_storage();
  const Storage& of_b = right.slice().chain.layer(b.layer).image->data_storage();
  return of_a.identity() == of_b.identity() && a.offset + (position - a.start) == b.offset + (position - b.start);
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
  } else if (is_same_storage(left_.view, *left, right_.view, *right, position_)) {
    paired.pairing = Pairing::same;
  }
  position_ = end;
  return paired;
}

}  // namespace qchain
