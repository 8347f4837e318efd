#pragma once

#include <algorithm>
#include <cstdint>

namespace qchain {

/// A run of bytes. `start + length` never overflows: everything that makes a Range from untrusted numbers checks first.
struct Range {
  std::uint64_t start = 0;   ///< bytes
  std::uint64_t length = 0;  ///< bytes

  [[nodiscard]] constexpr std::uint64_t end() const noexcept { return start + length; }
  [[nodiscard]] constexpr bool empty() const noexcept { return length == 0; }
  [[nodiscard]] constexpr bool contains(std::uint64_t offset) const noexcept {
    return offset >= start && offset < end();
  }
  friend constexpr bool operator==(const Range&, const Range&) = default;
};

[[nodiscard]] constexpr Range range_between(std::uint64_t start, std::uint64_t end) noexcept {
  return {start, end > start ? end - start : 0};
}

[[nodiscard]] constexpr Range intersect(Range a, Range b) noexcept {
  return range_between(std::max(a.start, b.start), std::min(a.end(), b.end()));
}

/// `unit` is a power of two.
[[nodiscard]] constexpr std::uint64_t align_down(std::uint64_t value, std::uint64_t unit) noexcept {
  return value & ~(unit - 1);
}
/// The caller knows that the result fits (value <= 2^64 - unit).
[[nodiscard]] constexpr std::uint64_t align_up(std::uint64_t value, std::uint64_t unit) noexcept {
  return align_down(value + unit - 1, unit);
}
[[nodiscard]] constexpr bool is_aligned(std::uint64_t value, std::uint64_t unit) noexcept {
  return (value & (unit - 1)) == 0;
}

/// True when [start, start + length) ends at or below `limit`, without overflow on any input.
[[nodiscard]] constexpr bool fits(std::uint64_t start, std::uint64_t length, std::uint64_t limit) noexcept {
  return start <= limit && length <= limit - start;
}

}  // namespace qchain
