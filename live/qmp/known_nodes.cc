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
  return text_of(options, "driver") == text_of(told, "drv") && truth_of(cache, "direct") == truth_of(now, "direct") &&
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
  const Json* told = node_in(told_, layer.file_node);
  if (!options || told == nullptr || layer.file_node != options_.file_below(layer.node)) {
    return unknown(layer.file, "QEMU's options for its file are not known: it is no -blockdev of its own");
  }
  if (!agree(*options, *told)) {
    return unknown(layer.file, "QEMU has its file open with other options than it was started with");
  }
  return *std::move(options);
}

Result<Json> KnownNodes::to_reopen(const DiskLayer& layer) const {
  Json options = QC_TRY(format_of(layer));
  static_cast<void>(QC_TRY(file_of(layer)));
  return options;
}

Result<NodePair> KnownNodes::pair(const DiskLayer& like, Json format, Origin origin, const std::string& file) const {
  NodePair made{.file = QC_TRY(file_of(like)), .format = std::move(format)};
  const auto name = name_for(like.node, origin);
  if (!name) {
    return unknown(like.file, "its node '" + like.node + "' has too long a name to make another one of it");
  }
  if (truth_of(made.file, "force-share") || truth_of(made.format, "force-share")) {
    return unknown(like.file, "QEMU has it open with force-share, so it can't be written to");
  }
  made.file.erase("read-only");
  made.file.update({{"node-name", name_of_file(*name)}, {"filename", file}, {"auto-read-only", true}});
  made.format.update({{"node-name", *name}, {"file", name_of_file(*name)}});
  return made;
}

Result<NodePair> KnownNodes::new_base(const DiskLayer& base) const {
  Json format = QC_TRY(format_of(base));
  NodePair made = QC_TRY(pair(base, std::move(format), Origin::new_base, base.file));
  made.format["read-only"] = true;
  return made;
}

Result<NodePair> KnownNodes::overlay(const DiskLayer& active, const std::string& file) const {
  static_cast<void>(QC_TRY(format_of(active)));
  auto format = options_.of_format(NodeName{.root = options_.parse(active.node).root, .origin = Origin::snapshot});
  NodePair made = QC_TRY(pair(active, *std::move(format), Origin::snapshot, file));
  made.file["driver"] = "file";  // the image below it may be a device
  made.format["backing"] = nullptr;
  return made;
}

std::optional<std::string> KnownNodes::name_for(const std::string& from, Origin origin) const {
  std::set<std::string> taken;
  for (const Json& node : told_) {
    taken.insert(text_of(node, "node-name"));
  }
  return derived_name(options_.parse(from).root, origin, taken);
}

}  // namespace qchain::live::qmp
