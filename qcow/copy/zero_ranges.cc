#include "qcow/copy/zero_ranges.h"

#include <algorithm>

namespace qchain {

namespace {

constexpr std::uint64_t zero_block = 65536;

}  // namespace

std::vector<Range> nonzero_ranges(Range range, Bytes bytes) {
  std::vector<Range> ranges;
  for (std::uint64_t start = range.start; start < range.end();) {
    const std::uint64_t end = std::min(align_down(start, zero_block) + zero_block, range.end());
    if (!is_zero(bytes.subspan(start - range.start, end - start))) {
      if (!ranges.empty() && ranges.back().end() == start) {
        ranges.back().length += end - start;
      } else {
        ranges.push_back(range_between(start, end));
      }
    }
    start = end;
  }
  return ranges;
}

std::vector<Range> gaps(Range range, const std::vector<Range>& taken) {
  std::vector<Range> left;
  std::uint64_t start = range.start;
  for (const Range& one : taken) {
    if (start < one.start) {
      left.push_back(range_between(start, one.start));
    }
    start = one.end();
  }
  if (start < range.end()) {
    left.push_back(range_between(start, range.end()));
  }
  return left;
}

}  // namespace qchain
