#pragma once

#include <cstdint>

#include "qcow/core/bytes.h"

namespace qchain::qcow2_base {

/// Refcount `index` of a refcount block whose refcounts are 2^order bits wide (order 0..6); narrower than a byte they
/// fill it from its low bits up. Source: qcow2 specification, "Refcount blocks".
[[nodiscard]] std::uint64_t load_refcount(Bytes block, std::uint32_t order, std::uint64_t index) noexcept;

/// Where in the block it lies: the bytes to change with store_refcount().
struct RefcountPlace {
  std::uint64_t offset = 0;
  std::uint64_t length = 0;
};
[[nodiscard]] constexpr RefcountPlace place_of_refcount(std::uint32_t order, std::uint64_t index) noexcept {
  return order < 3 ? RefcountPlace{index >> (3 - order), 1}
                   : RefcountPlace{index << (order - 3), std::uint64_t{1} << (order - 3)};
}
/// `place`: the bytes of place_of_refcount(); `value` fits the width.
void store_refcount(MutableBytes place, std::uint32_t order, std::uint64_t index, std::uint64_t value) noexcept;

}  // namespace qchain::qcow2_base
