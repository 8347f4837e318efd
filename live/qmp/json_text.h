#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>

/// Members of what QEMU sends, which may be anything: without them, or with another type, empty or 0.
namespace qchain::live::qmp {

[[nodiscard]] inline std::string text_of(const nlohmann::json& object, const char* key) {
  const auto found = object.is_object() ? object.find(key) : object.end();
  return found != object.end() && found->is_string() ? found->get<std::string>() : std::string();
}

[[nodiscard]] inline std::uint64_t number_of(const nlohmann::json& object, const char* key) {
  const auto found = object.is_object() ? object.find(key) : object.end();
  return found != object.end() && found->is_number_unsigned() ? found->get<std::uint64_t>() : 0;
}

}  // namespace qchain::live::qmp
