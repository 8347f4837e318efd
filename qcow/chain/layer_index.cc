#include "qcow/chain/layer_index.h"

#include <charconv>
#include <system_error>

namespace qchain {

std::optional<std::size_t> layer_index(std::string_view name) noexcept {
  if (name.ends_with(']')) {
    const auto open = name.rfind('[');
    if (open == std::string_view::npos) {
      return std::nullopt;
    }
    name.remove_suffix(1);
    name.remove_prefix(open + 1);
  }
  std::size_t index = 0;
  const auto [end, error] = std::from_chars(name.data(), name.data() + name.size(), index);
  return error == std::errc{} && end == name.data() + name.size() ? std::optional(index) : std::nullopt;
}

}  // namespace qchain
