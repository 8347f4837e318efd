#pragma once

#include <cstdint>
#include <initializer_list>
#include <optional>
#include <string_view>
#include <vector>

#include "qcow/core/bytes.h"

namespace qchain::test {

using ByteVector = std::vector<std::byte>;

[[nodiscard]] ByteVector bytes_of(std::string_view text);
[[nodiscard]] ByteVector bytes_of(std::initializer_list<unsigned> values);
/// `count` bytes that tell their place: no shift of a run by less than 251 x 256 bytes looks like itself.
[[nodiscard]] ByteVector telling_bytes(std::size_t count, unsigned salt);

/// Offset of the first byte that differs, or of the end of the shorter one when only the lengths do.
[[nodiscard]] std::optional<std::size_t> first_difference(Bytes a, Bytes b);

/// `value` as a big-endian number of its own width.
template <typename T>
[[nodiscard]] ByteVector big_endian(T value) {
  ByteVector bytes(sizeof value);
  store_be(bytes, 0, value);
  return bytes;
}

}  // namespace qchain::test
