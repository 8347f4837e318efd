#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>

namespace qchain::fusefs {

/// What was seen not long ago, in 256 KiB (it belongs on the heap): newer places drive out older ones, and two are now
/// and then taken for one. Thread-safe.
class SeenBefore {
 public:
  /// Notes a place of a file; whether it was noted before.
  [[nodiscard]] bool note(int descriptor, std::uint64_t offset) noexcept {
    const std::uint64_t mixed = (offset ^ (static_cast<std::uint64_t>(descriptor) << 48U)) * 0x9E3779B97F4A7C15U;
    const auto mark = static_cast<std::uint32_t>(mixed) | 1U;  // never 0, which is what nobody noted
    return marks_.at(mixed >> 48U).exchange(mark, std::memory_order_relaxed) == mark;
  }

 private:
  std::array<std::atomic<std::uint32_t>, std::size_t{1} << 16U> marks_{};
};

}  // namespace qchain::fusefs
