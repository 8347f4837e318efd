#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace qchain::fusefs {

/// Name under layers/ of the layer with this 1-based index: "N-NAME.raw", at most 255 bytes. NAME is the last component
/// of `file`; bytes that can't be in a file name or drive a terminal (below 0x20, 0x7f, '/') become '_'. A name that is
/// too long is cut between UTF-8 characters. Unique, as the index is.
[[nodiscard]] std::string layer_name(std::size_t index, std::string_view file);

}  // namespace qchain::fusefs
