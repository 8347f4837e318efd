#include "tests/live/support/live_chain.h"

#include "tests/support/files.h"
#include "tests/support/qemu.h"

namespace qchain::test {
namespace {

using nlohmann::json;

json options(const std::string& driver, const std::string& node) {
  return {{"driver", driver},
          {"node-name", node},
          {"discard", "unmap"},
          {"cache", {{"direct", true}, {"no-flush", false}}}};
}

}  // namespace

json file_node(const std::string& node, const std::string& file) {
  json made = options("file", node + "-f");
  made["filename"] = file;
  made["auto-read-only"] = true;
  return made;
}

json format_node(const std::string& node, const std::string& format, const std::string& backing) {
  json made = options(format, node);
  made["file"] = node + "-f";
  if (format != "raw") {
    made["backing"] = backing.empty() ? json() : json(backing);
  }
  return made;
}

LiveChain::LiveChain(std::string folder, std::uint64_t size, const std::string& base_folder)
    : folder_(std::move(folder)), base_((base_folder.empty() ? folder_ : base_folder) + "/base.raw") {
  make_hole_file(file("base"), size);
}

std::string LiveChain::add_overlay(const std::string& name) {
  create_overlay(file(name), active(), layers_.size() == 1 ? "raw" : "qcow2");
  layers_.push_back(name);
  return file(name);
}

Arguments LiveChain::block_arguments() const {
  Arguments arguments;
  std::string below;
  for (const std::string& name : layers_) {
    json format = format_node(name, name == "base" ? "raw" : "qcow2", below);
    format["read-only"] = name != active_node();
    arguments.insert(arguments.end(), {"-blockdev", file_node(name, file(name)).dump(), "-blockdev", format.dump()});
    below = name;
  }
  return arguments;
}

}  // namespace qchain::test
