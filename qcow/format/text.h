#pragma once

#include <algorithm>
#include <string>
#include <string_view>
#include <vector>

#include "qcow/core/bytes.h"

/// Inside of the format room: bytes of an image taken the way QEMU takes them.
namespace qchain::format {

/// The first `size` bytes, with zeros where the file ends early. `storage` holds them if they had to be copied.
[[nodiscard]] inline Bytes zero_extended(Bytes bytes, std::size_t size, std::vector<std::byte>& storage) {
  if (bytes.size() >= size) {
    return bytes.first(size);
  }
  storage.assign(size, std::byte{0});
  std::ranges::copy(bytes, storage.begin());
  return storage;
}

/// Text of a header or table: it ends at the first NUL, if there is one.
[[nodiscard]] inline std::string text_up_to_nul(Bytes bytes) {
  const std::string_view text(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  return std::string(text.substr(0, text.find('\0')));
}

}  // namespace qchain::format
