#include "cli/json.h"

#include <nlohmann/json.hpp>
#include <ostream>

namespace qchain::cli {

using nlohmann::ordered_json;

std::string json_string(std::string_view text) {
  return ordered_json(text).dump(-1, ' ', false, ordered_json::error_handler_t::replace);
}

void print_json(std::ostream& out, const ordered_json& value) {
  out << value.dump(4, ' ', false, ordered_json::error_handler_t::replace) << '\n';
}

}  // namespace qchain::cli
