#include "fusefs/layer_name.h"

#include <algorithm>

namespace qchain::fusefs {
namespace {

constexpr std::size_t longest_name = 255;  // NAME_MAX
constexpr std::string_view suffix = ".raw";

std::string_view last_component(std::string_view file) {
  const auto end = file.find_last_not_of('/');
  if (end == std::string_view::npos) {
    return "layer";
  }
  file = file.substr(0, end + 1);
  const auto slash = file.rfind('/');
  return slash == std::string_view::npos ? file : file.substr(slash + 1);
}

bool is_continuation(char c) {
  return (static_cast<unsigned char>(c) & 0xc0U) == 0x80U;
}

bool is_unsafe(char c) {
  return static_cast<unsigned char>(c) < 0x20 || c == 0x7f || c == '/';
}

std::string_view cut(std::string_view name, std::size_t limit) {
  if (name.size() <= limit) {
    return name;
  }
  while (limit > 0 && is_continuation(name[limit])) {
    --limit;
  }
  return name.substr(0, limit);
}

}  // namespace

std::string layer_name(std::size_t index, std::string_view file) {
  std::string name = std::to_string(index) + "-";
  name += cut(last_component(file), longest_name - suffix.size() - name.size());
  std::ranges::replace_if(name, is_unsafe, '_');
  return name += suffix;
}

}  // namespace qchain::fusefs
