#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>

namespace qchain {

using Bytes = std::span<const std::byte>;
using MutableBytes = std::span<std::byte>;

/// Big-endian number at `offset`; the caller has checked that it lies inside `bytes`.
template <typename T>
[[nodiscard]] inline T load_be(Bytes bytes, std::size_t offset) noexcept {
  T value;
  std::memcpy(&value, bytes.data() + offset, sizeof value);
  if constexpr (std::endian::native == std::endian::little && sizeof(T) > 1) {
    value = std::byteswap(value);
  }
  return value;
}

template <typename T>
inline void store_be(MutableBytes bytes, std::size_t offset, T value) noexcept {
  if constexpr (std::endian::native == std::endian::little && sizeof(T) > 1) {
    value = std::byteswap(value);
  }
  std::memcpy(bytes.data() + offset, &value, sizeof value);
}

/// Copies `from` to `offset`; the caller has checked that there is room.
inline void store_bytes(MutableBytes bytes, std::size_t offset, Bytes from) noexcept {
  if (!from.empty()) {
    std::memcpy(bytes.data() + offset, from.data(), from.size());
  }
}

/// True when every byte is zero (an empty span is). Leaves at the first other byte.
[[nodiscard]] inline bool is_zero(Bytes bytes) noexcept {
  return bytes.empty() ||
         (bytes[0] == std::byte{0} && std::memcmp(bytes.data(), bytes.data() + 1, bytes.size() - 1) == 0);
}

}  // namespace qchain
