#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "qcow/chain/view.h"

namespace qchain::cli {

/// A run of the view in the words of `qemu-img map`. Numbers in bytes.
struct MapEntry {
  std::uint64_t start = 0;
  std::uint64_t length = 0;
  std::uint64_t offset = no_offset;  ///< of plain data and reserved space in the layer's storage
  std::size_t layer = 0;             ///< position in the chain of the layer that decides, 0 = bottom
  bool present = false;              ///< some layer has it
  bool zero = false;                 ///< reads as zeros
  ExtentKind kind = ExtentKind::hole;
  format::Fault fault = format::Fault::none;

  [[nodiscard]] bool data() const noexcept { return !zero; }
  [[nodiscard]] bool has_offset() const noexcept { return offset != no_offset; }
};

[[nodiscard]] MapEntry entry_of(const Extent& extent) noexcept;

/// Layers between the top of the slice and the one that decides; the top is 0.
[[nodiscard]] inline std::size_t depth_of(const MapEntry& entry, const Slice& slice) noexcept {
  return slice.top - entry.layer;
}

/// File that an entry's offset counts in: the image, or its external data file.
[[nodiscard]] const std::string& file_of(const MapEntry& entry, const Slice& slice);

using Continues = std::function<bool(const MapEntry& last, const MapEntry& next)>;

/// `qemu-img map` would print the two as one.
[[nodiscard]] bool continues_as_in_qemu(const MapEntry& last, const MapEntry& next) noexcept;
/// The same, but what is past a layer's end stays apart from a hole.
[[nodiscard]] bool continues_in_kind(const MapEntry& last, const MapEntry& next) noexcept;

/// Calls `print` for the entries of the whole view, joined by `continues`, as long as it returns true. Memory does not
/// depend on how many there are.
void walk_entries(const View& view, const Continues& continues, const std::function<bool(const MapEntry&)>& print);

}  // namespace qchain::cli
