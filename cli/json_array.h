#pragma once

#include <nlohmann/json.hpp>
#include <vector>

namespace qchain::cli {

/// An array with what `convert` makes of each item.
template <typename T>
[[nodiscard]] nlohmann::ordered_json array_of(const std::vector<T>& items,
                                              nlohmann::ordered_json (*convert)(const T&)) {
  nlohmann::ordered_json array = nlohmann::ordered_json::array();
  for (const T& item : items) {
    array.push_back(convert(item));
  }
  return array;
}

}  // namespace qchain::cli
