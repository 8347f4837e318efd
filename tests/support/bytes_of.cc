#include "tests/support/bytes_of.h"

#include <algorithm>
#include <cstring>

namespace qchain::test {

ByteVector bytes_of(std::string_view text) {
  const auto bytes = std::as_bytes(std::span(text));
  return {bytes.begin(), bytes.end()};
}

ByteVector bytes_of(std::initializer_list<unsigned> values) {
  ByteVector bytes;
  for (const unsigned value : values) {
    bytes.push_back(static_cast<std::byte>(value));
  }
  return bytes;
}

std::optional<std::size_t> first_difference(Bytes a, Bytes b) {
  constexpr std::size_t block = 4096;  // compared at once: byte by byte takes long without optimisation
  const std::size_t common = std::min(a.size(), b.size());
  std::size_t start = 0;
  while (start < common && std::memcmp(a.data() + start, b.data() + start, std::min(block, common - start)) == 0) {
    start = std::min(start + block, common);
  }
  while (start < common && a[start] == b[start]) {
    ++start;
  }
  return start == common && a.size() == b.size() ? std::nullopt : std::optional(start);
}

ByteVector telling_bytes(std::size_t count, unsigned salt) {
  ByteVector bytes(count);
  for (std::size_t i = 0; i < count; ++i) {
    bytes[i] = static_cast<std::byte>((i % 251) ^ (i / 251) ^ salt);
  }
  return bytes;
}

}  // namespace qchain::test
