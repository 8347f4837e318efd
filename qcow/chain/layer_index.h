#pragma once

#include <cstddef>
#include <optional>
#include <string_view>

namespace qchain {

/// The index by which a user names a layer: 3 of "3", "[3]" and "vda[3]". Nothing where it is no such word.
[[nodiscard]] std::optional<std::size_t> layer_index(std::string_view name) noexcept;

}  // namespace qchain
