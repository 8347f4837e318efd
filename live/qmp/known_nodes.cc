#include "live/qmp/known_nodes.h"

#include <set>

#include "live/qmp/json_text.h"

namespace qchain::live::qmp {
namespace {

std::unexpected<Error> unknown(const std::string& file, std::string_view why) {
  return std::unexpected(make_error(ErrorKind::unsupported, why).in(file));
}

bool truth_of(const Json& object, const char* key) {
  const auto found = object.is_object() ? object.find(key) : object.end();
  return found != object.end() && found->is_boolean() && found->get<bool>();
}

/// What QEMU tells of a node must be what its options say: somebody may have reopened it since.
bool agree(const Json& options, const Json& told) {
  const Json cache = options.value("cache", Json::object());
  const Json now = told.value("cache", Json::object());
  const std::string zeroes = text_of(options, "detect-zeroes");
  return truth_of(cache, "direct") == truth_of(now, "direct") &&
         truth_of(cache, "no-flush") == truth_of(now, "no-flush") &&
         (zeroes.empty() ? "off" : zeroes) == text_of(told, "detect_zeroes");
}

const Json* node_in(const Json& nodes, const std::string& name) {
  for (const Json& node : nodes) {
    if (text_of(node, "node-name") == name) {
      return &node;
    }
  }
  return nullptr;
}

}  // namespace

Result<Json> KnownNodes::format_of(const DiskLayer& layer) const {
  const auto options = options_.of_format(layer.node);
  const Json* told = node_in(told_, layer.node);
  if (!options || told == nullptr) {
    return unknown(layer.file, "QEMU's options for it are not known: its node '" + layer.node +
                                   "' is not on QEMU's command line as -blockdev with JSON");
  }
  if (!agree(*options, *told)) {
    return unknown(layer.file, "QEMU has it open with other options than it was started with");
  }
  if (options->contains("offset") || options->contains("size")) {
    return unknown(layer.file, "QEMU shows a part of it only");
  }
  return *options;
}

Result<Json> KnownNodes::file_of(const DiskLayer& layer) const {
  auto options = options_.of_file_below(layer.node);
  if (!options || layer.file_node.starts_with('#')) {
    return unknown(layer.file, "QEMU's options for its file are not known: it is no -blockdev of its own");
  }
  return *std::move(options);
}

Result<Json> KnownNodes::to_reopen(const DiskLayer& layer) const {
  Json options = QC_TRY(format_of(layer));
  static_cast<void>(QC_TRY(file_of(layer)));
  return options;
}

Result<NodePair> KnownNodes::pair(const DiskLayer& like, Origin origin, const std::string& file) const {
  NodePair made;
  made.format = QC_TRY(format_of(like));
  made.file = QC_TRY(file_of(like));
  const auto name = name_for(like.node, origin);
  if (!name) {
    return unknown(like.file, "its node '" + like.node + "' has too long a name to make another one of it");
  }
  if (origin == Origin::snapshot) {
    made.format = *options_.of_format(*name);
    made.file["driver"] = "file";  // the image below it may be a device
  }
  made.file.erase("read-only");
  made.file.update({{"node-name", *name + "-f"}, {"filename", file}, {"auto-read-only", true}});
  made.format.update({{"node-name", *name}, {"file", *name + "-f"}});
  return made;
}

Result<NodePair> KnownNodes::new_base(const DiskLayer& base) const {
  NodePair made = QC_TRY(pair(base, Origin::new_base, base.file));
  made.format["read-only"] = true;
  return made;
}

Result<NodePair> KnownNodes::overlay(const DiskLayer& active, const std::string& file) const {
  NodePair made = QC_TRY(pair(active, Origin::snapshot, file));
  made.format["backing"] = nullptr;
  return made;
}

std::optional<std::string> KnownNodes::name_for(const std::string& from, Origin origin) const {
  std::set<std::string> taken;
  for (const Json& node : told_) {
    taken.insert(text_of(node, "node-name"));
  }
  return derived_name(from, origin, taken);
}

}  // namespace qchain::live::qmp
