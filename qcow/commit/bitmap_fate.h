#pragma once

#include <array>
#include <cstdint>
#include <string>

namespace qchain {

/// What a commit makes of a persistent bitmap.
enum class BitmapFate : std::uint8_t {
  updated,       ///< the base's: records what is committed, or a merged layer's goes into it
  kept,          ///< the base's: disabled, stays as it is
  inconsistent,  ///< the base's: was left in use before, stays so
  merged,        ///< a merged layer's: goes into the base
  dropped,       ///< a merged layer's: goes with its layer
};
[[nodiscard]] constexpr const char* name_of(BitmapFate fate) noexcept {
  constexpr std::array names{"updated", "kept", "inconsistent", "merged", "dropped"};
  return names.at(static_cast<std::size_t>(fate));
}

/// A bitmap as a commit record names it.
struct RecordedBitmap {
  std::string file;  ///< of its layer, as the record names that
  std::string name;  ///< any bytes
  BitmapFate fate = BitmapFate::kept;
  friend bool operator==(const RecordedBitmap&, const RecordedBitmap&) = default;
};

}  // namespace qchain
