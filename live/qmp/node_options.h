#pragma once

#include <optional>
#include <set>
#include <string>
#include <vector>

#include "live/qmp/client.h"

/// Inside of the QMP rooms: with which options QEMU has its block nodes open. It tells only a few of them, and
/// blockdev-reopen resets all that it is not told. So they are known of nodes that its command line names (-blockdev,
/// as JSON), and of those that were made from these by this program, whose names say from which.
namespace qchain::live::qmp {

/// How a node was made from the one that its name begins with.
enum class Origin : std::uint8_t {
  command_line,
  snapshot,  ///< an overlay: its format takes over cache, discard and detect-zeroes; its file all options
  new_base,  ///< all options taken over, but for the file
};

struct NodeName {
  std::string root;  ///< the node of the command line
  Origin origin = Origin::command_line;
};
[[nodiscard]] NodeName parse_node_name(const std::string& name);

/// The name for another node made of the node `root`: the first that is not in `taken`; nothing where it would be
/// longer than QEMU takes (31 characters), or where `root` has no name of its own. That of its file still fits.
[[nodiscard]] std::optional<std::string> derived_name(const std::string& root, Origin origin,
                                                      const std::set<std::string>& taken);

/// Of the node for the file below a node that has a derived name.
[[nodiscard]] std::string name_of_file(const std::string& node);

class NodeOptions {
 public:
  /// `words`: QEMU's command line.
  explicit NodeOptions(const std::vector<std::string>& words);
  /// Of a running process; knows nothing where its command line can't be read.
  [[nodiscard]] static NodeOptions of_process(pid_t pid);

  /// parse_node_name(), but for a name that the command line has.
  [[nodiscard]] NodeName parse(const std::string& node) const;
  /// All options of a format node but `node-name`, `file` and `backing`, as blockdev-add takes them.
  [[nodiscard]] std::optional<Json> of_format(const NodeName& name) const;
  [[nodiscard]] std::optional<Json> of_format(const std::string& node) const { return of_format(parse(node)); }
  /// All options of the file's node below that format node, but `node-name` and `filename`.
  [[nodiscard]] std::optional<Json> of_file_below(const std::string& node) const;
  /// Name of that node; empty where it has none of its own.
  [[nodiscard]] std::string file_below(const std::string& node) const;

 private:
  [[nodiscard]] const Json* find(const std::string& node) const;

  std::vector<Json> nodes_;  ///< top level of each -blockdev
};

}  // namespace qchain::live::qmp
