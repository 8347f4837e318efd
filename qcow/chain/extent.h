#pragma once

#include <cstdint>
#include <vector>

#include "qcow/core/range.h"
#include "qcow/format/l2.h"

namespace qchain {

/// What gives the bytes of an extent.
enum class ExtentKind : std::uint8_t {
  data,        ///< stored as they are
  compressed,  ///< a (piece of a) compressed cluster
  zero,        ///< a layer says: zeros
  hole,        ///< no layer has it (a hole of a raw file too): zeros
  past_end,    ///< a layer shorter than those above it ends here, and hides what lies deeper: zeros
  broken,      ///< a layer's metadata contradicts the format: reading is an error
};
/// For people: "past end".
[[nodiscard]] const char* name_of(ExtentKind kind) noexcept;

inline constexpr std::uint64_t no_offset = UINT64_MAX;

/// The unit of everything qchain does: a run of guest bytes and where they come from. All numbers in bytes.
/// `offset`: data: place of the first byte in the layer's data storage. compressed: place of the whole cluster's packed
/// bytes. zero and hole: place of the space kept for it, or no_offset. Else no_offset.
struct Extent {
  std::uint64_t start = 0;
  std::uint64_t length = 0;
  std::uint64_t offset = no_offset;
  std::uint32_t packed_size = 0;  ///< compressed: bytes of packed data at `offset`
  std::uint32_t layer = 0;        ///< position in the slice's chain, 0 = bottom of the chain
  ExtentKind kind = ExtentKind::hole;
  format::Fault fault = format::Fault::none;  ///< broken: why

  [[nodiscard]] std::uint64_t end() const noexcept { return start + length; }
  [[nodiscard]] Range range() const noexcept { return {start, length}; }
  [[nodiscard]] bool has_offset() const noexcept { return offset != no_offset; }
  /// Reads as zeros without asking any storage.
  [[nodiscard]] bool reads_zero() const noexcept {
    return kind == ExtentKind::zero || kind == ExtentKind::hole || kind == ExtentKind::past_end;
  }
  friend bool operator==(const Extent&, const Extent&) = default;
};

using Extents = std::vector<Extent>;

/// The part of `extent` inside `range` (they overlap); offsets of data move along.
[[nodiscard]] Extent clip(const Extent& extent, Range range) noexcept;

/// Appends, or lengthens the last extent where `next` continues it in guest and in storage. Compressed clusters stay
/// apart: each is inflated alone.
void append(Extents& extents, const Extent& next);

}  // namespace qchain
