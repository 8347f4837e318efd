#include "live/qmp/graph.h"

#include <algorithm>
#include <array>
#include <filesystem>
#include <map>
#include <set>

#include "live/qmp/json_text.h"

namespace qchain::live::qmp {
namespace {

namespace fs = std::filesystem;

/// Deeper than any chain; an end to an answer that nests without one.
constexpr std::size_t max_depth = 8192;

struct Node {
  std::string driver;
  std::string file;
};
using Nodes = std::map<std::string, Node>;

Nodes nodes_in(const Json& answer) {
  Nodes nodes;
  for (const Json& node : answer) {
    nodes[text_of(node, "node-name")] = {.driver = text_of(node, "drv"), .file = text_of(node, "file")};
  }
  return nodes;
}

bool is_protocol(const std::string& driver) {
  return driver == "file" || driver == "host_device";
}

bool is_filter(const std::string& driver) {
  constexpr std::array filters{"throttle",   "copy-on-read",      "commit_top", "mirror_top",
                               "backup-top", "copy-before-write", "blkdebug"};
  return std::ranges::find(filters, driver) != filters.end();
}

const Json* child(const Json& node, const char* key) {
  const auto found = node.find(key);
  return found != node.end() && found->is_object() ? &*found : nullptr;
}

/// A daemon's folder is not the one it was started in: the names of its open files tell what a relative name means.
std::string absolute_name(const std::string& file, pid_t pid) {
  if (file.empty() || file.front() == '/' || pid == 0) {
    return file;
  }
  const std::string process = "/proc/" + std::to_string(pid);
  const std::string end = "/" + fs::path(file).lexically_normal().string();
  std::string answer = file;
  std::error_code error;
  for (fs::directory_iterator entry(process + "/fd", error), last; !error && entry != last; entry.increment(error)) {
    std::error_code ignored;
    std::string open = fs::read_symlink(entry->path(), ignored).string();
    constexpr std::string_view replaced = " (deleted)";  // another file has its name by now
    if (open.ends_with(replaced)) {
      open.resize(open.size() - replaced.size());
    }
    if (!open.ends_with(end) || open == answer) {
      continue;
    }
    if (answer != file) {
      return file;  // two that may be meant
    }
    answer = open;
  }
  return answer;
}

std::optional<DiskLayer> layer_of(const Json& stat, const Nodes& nodes, pid_t pid) {
  DiskLayer layer;
  layer.node = text_of(stat, "node-name");
  const auto node = nodes.find(layer.node);
  if (node == nodes.end()) {
    return std::nullopt;
  }
  if (is_protocol(node->second.driver)) {  // since QEMU 9 a raw image may have no node of its own
    layer.file_node = layer.node;
    layer.file = absolute_name(node->second.file, pid);
    return layer;
  }
  const Json* below = child(stat, "parent");
  const auto storage = below == nullptr ? nodes.end() : nodes.find(text_of(*below, "node-name"));
  if ((node->second.driver != "raw" && node->second.driver != "qcow2") || storage == nodes.end() ||
      !is_protocol(storage->second.driver)) {
    return std::nullopt;
  }
  layer.format = node->second.driver == "raw" ? ImageFormat::raw : ImageFormat::qcow2;
  layer.file_node = storage->first;
  layer.file = absolute_name(storage->second.file, pid);
  return layer;
}

/// Bottom first; empty where there is a layer of another kind.
std::vector<DiskLayer> layers_under(const Json& active, const Nodes& nodes, pid_t pid) {
  std::vector<DiskLayer> layers;
  const Json* stat = &active;
  for (std::size_t depth = 0; stat != nullptr && depth < max_depth; ++depth) {
    const auto node = nodes.find(text_of(*stat, "node-name"));
    if (node != nodes.end() && is_filter(node->second.driver)) {
      stat = child(*stat, "backing") != nullptr ? child(*stat, "backing") : child(*stat, "parent");
      continue;
    }
    auto layer = layer_of(*stat, nodes, pid);
    if (!layer) {
      return {};
    }
    layers.push_back(*std::move(layer));
    stat = child(*stat, "backing");
  }
  std::ranges::reverse(layers);
  for (std::size_t i = 0; i < layers.size(); ++i) {
    layers[i].index = i + 1;
  }
  return layers;
}

/// "vda" of "/machine/peripheral/vda/virtio-backend"; nothing where the user gave the device no id.
std::string id_in(const std::string& qdev) {
  constexpr std::string_view named = "/machine/peripheral/";
  if (!qdev.starts_with(named)) {
    return qdev.starts_with('/') ? std::string() : qdev;
  }
  const std::string id = qdev.substr(named.size());
  return id.substr(0, id.find('/'));
}

/// Its own, the drive's, or the device's place. The active image's node would be another one after a snapshot: only a
/// disk without a device is called by it.
std::string name_of(const Json& stat) {
  const std::string place = text_of(stat, "qdev");
  for (const std::string& name : {id_in(place), text_of(stat, "device"), place}) {
    if (!name.empty()) {
      return name;
    }
  }
  return text_of(stat, "node-name");
}

std::optional<std::string> job_on(const Disk& disk, const Json& jobs) {
  for (const Json& job : jobs) {
    std::string id = text_of(job, "device");
    if (id == job_handle(disk.name) || (!id.empty() && id == disk.device)) {
      return id;
    }
  }
  return std::nullopt;
}

/// QEMU has a name as it was given, a record as it really is. Of a file that is gone the folder's is.
std::string without_links(const std::string& file) {
  std::error_code error;
  if (const fs::path whole = fs::canonical(file, error); !error) {
    return whole.string();
  }
  const fs::path folder = fs::canonical(fs::path(file).parent_path(), error);
  return error ? file : (folder / fs::path(file).filename()).string();
}

}  // namespace

std::string job_handle(const std::string& disk_name) {
  std::string handle = "qchain-";
  for (const char c : disk_name) {
    const bool may_be = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '.';
    handle += may_be ? c : '_';
  }
  return handle;
}

std::vector<std::string> nodes_of(const std::string& file, const GraphAnswers& answers, pid_t pid) {
  std::set<std::string> storages;
  for (const auto& [name, node] : nodes_in(answers.nodes)) {
    if (is_protocol(node.driver) && without_links(absolute_name(node.file, pid)) == without_links(file)) {
      storages.insert(name);
    }
  }
  std::vector<std::string> nodes;
  for (const Json& stat : answers.stats) {
    const Json* below = child(stat, "parent");
    if (below != nullptr && storages.contains(text_of(*below, "node-name"))) {
      nodes.push_back(text_of(stat, "node-name"));
    }
  }
  nodes.insert(nodes.end(), storages.begin(), storages.end());
  std::erase_if(nodes, [](const std::string& name) { return name.empty() || name.front() == '#'; });
  return nodes;
}

std::vector<Disk> disks_in(const GraphAnswers& answers, pid_t pid) {
  const Nodes nodes = nodes_in(answers.nodes);
  std::vector<Disk> disks;
  for (const Json& stat : answers.stats) {
    Disk disk{.name = name_of(stat),
              .device = text_of(stat, "device"),
              .root = text_of(stat, "node-name"),
              .layers = layers_under(stat, nodes, pid),
              .job = std::nullopt};
    if (disk.layers.empty()) {
      continue;
    }
    if (disk.device.empty()) {
      disk.device = text_of(stat, "qdev");
    }
    disk.job = job_on(disk, answers.jobs);
    disks.push_back(std::move(disk));
  }
  return disks;
}

}  // namespace qchain::live::qmp
