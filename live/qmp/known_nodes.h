#pragma once

#include <optional>
#include <string>

#include "live/machine.h"
#include "live/qmp/client.h"
#include "live/qmp/node_options.h"

namespace qchain::live::qmp {

/// Both nodes of an image, as blockdev-add takes them; the file's first.
struct NodePair {
  Json file;
  Json format;
};

/// What is known of the nodes of a running QEMU: by its command line, and by what it tells, which must agree. An error
/// is unsupported, and says of the layer what is not known.
class KnownNodes {
 public:
  /// `told`: query-named-block-nodes, flat.
  KnownNodes(NodeOptions options, Json told) : options_(std::move(options)), told_(std::move(told)) {}

  /// All that blockdev-reopen has to be told of the layer, but `node-name`, `file` and `backing`. Its file is a node of
  /// its own: QEMU 7.2 opens one that it made by itself anew some time after a reopen, and closes the old descriptor;
  /// a write that a thread has not begun would fail then (EBADF, seen in three of a hundred runs).
  [[nodiscard]] Result<Json> to_reopen(const DiskLayer& layer) const;

  /// Another pair of nodes for the file of the base's name, read-only, with all options that the base's have.
  [[nodiscard]] Result<NodePair> new_base(const DiskLayer& base) const;

  /// Nodes for the overlay `file` (qcow2), that is to be put on the active image: cache, discard, detect-zeroes and AIO
  /// as they are there. It has no backing node yet.
  [[nodiscard]] Result<NodePair> overlay(const DiskLayer& active, const std::string& file) const;

  /// derived_name(), of no node that there is.
  [[nodiscard]] std::optional<std::string> name_for(const std::string& from, Origin origin) const;

 private:
  [[nodiscard]] Result<Json> format_of(const DiskLayer& layer) const;
  [[nodiscard]] Result<Json> file_of(const DiskLayer& layer) const;
  [[nodiscard]] Result<NodePair> pair(const DiskLayer& like, Json format, Origin origin, const std::string& file) const;

  NodeOptions options_;
  Json told_;
};

[[nodiscard]] inline std::string name_in(const Json& node) {
  return node.at("node-name").get<std::string>();
}

}  // namespace qchain::live::qmp
