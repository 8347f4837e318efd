#include "qcow/commit/qcow2/changed_ranges.h"

#include <algorithm>

namespace qchain::qcow2_base {
namespace {

constexpr std::uint64_t page_bytes = 4096;
constexpr std::uint64_t page_bits = page_bytes * 8;

}  // namespace

void ChangedRanges::add(Range guest) {
  if (guest.empty()) {
    return;
  }
  const std::uint64_t end = (guest.end() - 1) / granularity_ + 1;
  for (std::uint64_t bit = guest.start / granularity_; bit < end;) {
    const std::uint64_t page = bit / page_bits;
    const std::uint64_t next = std::min(end, (page + 1) * page_bits);
    std::vector<std::byte>& bits = pages_[page];
    bits.resize(page_bytes);
    format::set_bits(bits, {bit % page_bits, next - bit});
    bit = next;
  }
}

Result<std::optional<Range>> ChangedRanges::next_dirty(Range guest) {
  const std::uint64_t unit = granularity_;
  const std::uint64_t first = guest.start / unit;
  const std::uint64_t end = guest.end() / unit + (guest.end() % unit != 0 ? 1 : 0);
  for (auto page = pages_.lower_bound(first / page_bits); page != pages_.end(); ++page) {
    const std::uint64_t start = page->first * page_bits;
    if (start >= end) {
      break;
    }
    const auto run =
        format::next_set_run(page->second, std::max(first, start) - start, std::min(end - start, page_bits));
    if (run) {
      return intersect(guest, {(start + run->first) * unit, run->count * unit});
    }
  }
  return std::nullopt;
}

}  // namespace qchain::qcow2_base
