#include "live/qmp/node_options.h"

#include <algorithm>
#include <charconv>
#include <fstream>
#include <iterator>

#include "live/qmp/json_text.h"

namespace qchain::live::qmp {
namespace {

constexpr std::size_t longest_name = 31;
constexpr std::string_view snapshot_mark = ".qchain-s";
constexpr std::string_view base_mark = ".qchain-b";
constexpr std::string_view file_mark = "-f";
constexpr unsigned most_derived = 1000;

bool is_number(std::string_view text) {
  return !text.empty() && std::ranges::all_of(text, [](char c) { return c >= '0' && c <= '9'; });
}

Json without(Json options, std::initializer_list<const char*> keys) {
  for (const char* key : keys) {
    options.erase(key);
  }
  return options;
}

/// The name of the node below; an object there takes over options of the node above it, which of them is QEMU's to
/// know.
std::string file_of(const Json* node) {
  return node == nullptr ? std::string() : text_of(*node, "file");
}

}  // namespace

NodeName parse_node_name(const std::string& name) {
  for (const auto& [mark, origin] :
       {std::pair(snapshot_mark, Origin::snapshot), std::pair(base_mark, Origin::new_base)}) {
    const auto at = name.rfind(mark);
    if (at != std::string::npos && is_number(std::string_view(name).substr(at + mark.size()))) {
      return {.root = name.substr(0, at), .origin = origin};
    }
  }
  return {.root = name, .origin = Origin::command_line};
}

std::string name_of_file(const std::string& node) {
  return node + std::string(file_mark);
}

std::optional<std::string> derived_name(const std::string& root, Origin origin, const std::set<std::string>& taken) {
  if (root.empty() || root.front() == '#') {
    return std::nullopt;
  }
  for (unsigned number = 1; number < most_derived; ++number) {
    const std::string_view mark = origin == Origin::snapshot ? snapshot_mark : base_mark;
    std::string name = root + std::string(mark) + std::to_string(number);
    if (name.size() + file_mark.size() > longest_name) {
      return std::nullopt;
    }
    if (!taken.contains(name) && !taken.contains(name_of_file(name))) {
      return name;
    }
  }
  return std::nullopt;
}

NodeOptions::NodeOptions(const std::vector<std::string>& words) {
  for (std::size_t i = 0; i + 1 < words.size(); ++i) {
    if (words[i] != "-blockdev" && words[i] != "--blockdev") {
      continue;
    }
    Json node = Json::parse(words[i + 1], nullptr, /*allow_exceptions=*/false);
    if (node.is_object()) {
      nodes_.push_back(std::move(node));
    }
  }
}

NodeOptions NodeOptions::of_process(pid_t pid) {
  std::ifstream file("/proc/" + std::to_string(pid) + "/cmdline", std::ios::binary);
  std::vector<std::string> words;
  for (std::string word; pid > 0 && std::getline(file, word, '\0');) {
    words.push_back(word);
  }
  return NodeOptions(words);
}

const Json* NodeOptions::find(const std::string& node) const {
  const auto found = std::ranges::find_if(nodes_, [&](const Json& each) { return text_of(each, "node-name") == node; });
  return found == nodes_.end() || node.empty() ? nullptr : &*found;
}

NodeName NodeOptions::parse(const std::string& node) const {
  return find(node) != nullptr ? NodeName{.root = node} : parse_node_name(node);
}

std::optional<Json> NodeOptions::of_format(const NodeName& name) const {
  const Json* root = find(name.root);
  if (root == nullptr) {
    return std::nullopt;
  }
  if (name.origin != Origin::snapshot) {
    return without(*root, {"node-name", "file", "backing"});
  }
  Json taken_over{{"driver", "qcow2"}};
  for (const char* key : {"cache", "discard", "detect-zeroes"}) {
    if (const auto option = root->find(key); option != root->end()) {
      taken_over[key] = *option;
    }
  }
  return taken_over;
}

std::optional<Json> NodeOptions::of_file_below(const std::string& node) const {
  const NodeName name = parse(node);
  const Json* below = find(file_of(find(name.root)));
  if (below == nullptr) {
    return std::nullopt;
  }
  Json options = without(*below, {"node-name", "filename"});
  if (name.origin == Origin::snapshot) {
    options["driver"] = "file";  // the root may be on a device
  }
  return options;
}

std::string NodeOptions::file_below(const std::string& node) const {
  const NodeName name = parse(node);
  return name.origin == Origin::command_line ? file_of(find(name.root)) : name_of_file(node);
}

}  // namespace qchain::live::qmp
