#include "qcow/commit/qcow2/refcount_width.h"

namespace qchain::qcow2_base {
namespace {

struct BitField {
  unsigned shift;
  unsigned mask;  ///< before the shift
};

/// Place of a refcount narrower than a byte.
constexpr BitField bit_field(std::uint32_t order, std::uint64_t index) noexcept {
  const unsigned width = 1U << order;
  const auto in_byte = static_cast<unsigned>(index & ((8U >> order) - 1));
  return {in_byte * width, (1U << width) - 1};
}

}  // namespace

std::uint64_t load_refcount(Bytes block, std::uint32_t order, std::uint64_t index) noexcept {
  const std::uint64_t offset = place_of_refcount(order, index).offset;
  switch (order) {
    case 3:
      return load_be<std::uint8_t>(block, offset);
    case 4:
      return load_be<std::uint16_t>(block, offset);
    case 5:
      return load_be<std::uint32_t>(block, offset);
    case 6:
      return load_be<std::uint64_t>(block, offset);
    default: {
      const BitField field = bit_field(order, index);
      return (std::to_integer<unsigned>(block[offset]) >> field.shift) & field.mask;
    }
  }
}

void store_refcount(MutableBytes place, std::uint32_t order, std::uint64_t index, std::uint64_t value) noexcept {
  switch (order) {
    case 3:
      store_be(place, 0, static_cast<std::uint8_t>(value));
      break;
    case 4:
      store_be(place, 0, static_cast<std::uint16_t>(value));
      break;
    case 5:
      store_be(place, 0, static_cast<std::uint32_t>(value));
      break;
    case 6:
      store_be(place, 0, value);
      break;
    default: {
      const BitField field = bit_field(order, index);
      const unsigned others = std::to_integer<unsigned>(place[0]) & ~(field.mask << field.shift);
      place[0] = static_cast<std::byte>(others | (static_cast<unsigned>(value) << field.shift));
    }
  }
}

}  // namespace qchain::qcow2_base
