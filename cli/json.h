#pragma once

#include <iosfwd>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>

namespace qchain::cli {

/// `text` as a JSON string with its quotes. Any bytes: what is not UTF-8 becomes U+FFFD.
[[nodiscard]] std::string json_string(std::string_view text);

/// The value, indented, and a newline.
void print_json(std::ostream& out, const nlohmann::ordered_json& value);

}  // namespace qchain::cli
