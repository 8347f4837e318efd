// Another backing file below a running image, by blockdev-reopen.
#include <set>

#include "live/qmp/graph.h"
#include "live/qmp/json_text.h"
#include "live/qmp/node_options.h"
#include "live/qmp/qmp_machine.h"

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

/// Of the node that QEMU has, all that blockdev-reopen or blockdev-add have to be told.
Result<Json> format_options(const NodeOptions& known, const Json& nodes, const DiskLayer& layer) {
  const auto options = known.of_format(layer.node);
  const Json* told = node_in(nodes, layer.node);
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

std::set<std::string> names_in(const Json& nodes) {
  std::set<std::string> names;
  for (const Json& node : nodes) {
    names.insert(text_of(node, "node-name"));
  }
  return names;
}

/// All that blockdev-reopen and blockdev-add will be told.
struct SwitchPlan {
  Json above;                   ///< options of the layer that gets another backing file
  Json base;                    ///< of the base's format node
  Json file;                    ///< of the base's file node
  std::string base_name;        ///< of the new base's node
  std::set<std::string> taken;  ///< names of nodes
};

Result<SwitchPlan> plan_switch(const NodeOptions& known, const Json& nodes, const DiskLayer& base,
                               const DiskLayer& above) {
  SwitchPlan plan{.above = QC_TRY(format_options(known, nodes, above)),
                  .base = QC_TRY(format_options(known, nodes, base)),
                  .file = {},
                  .base_name = {},
                  .taken = names_in(nodes)};
  auto file = known.of_file_below(base.node);
  if (!file) {
    return unknown(base.file, "QEMU's options for its file are not known: it is no -blockdev of its own");
  }
  plan.file = *std::move(file);
  const auto name = derived_name(base.node, Origin::new_base, plan.taken);
  if (!name) {
    return unknown(base.file, "its node '" + base.node + "' has too long a name to make another one of it");
  }
  plan.base_name = *name;
  return plan;
}

}  // namespace

Result<void> QmpMachine::can_switch_backing(const Disk& disk, std::size_t base, std::size_t above) {
  const DiskLayer& layer = disk.layers[above];
  if (layer.node.starts_with('#') || disk.layers[base].node.starts_with('#')) {
    return unknown(layer.file, "QEMU's node has no name of its own (-drive), so its backing file can't be switched");
  }
  if (!QC_TRY(ask("query-block-jobs")).empty()) {
    return std::unexpected(make_error(ErrorKind::locked, "a block job runs").in(name()));
  }
  const Json nodes = QC_TRY(ask("query-named-block-nodes", {{"flat", true}}));
  static_cast<void>(QC_TRY(plan_switch(NodeOptions::of_process(pid()), nodes, disk.layers[base], layer)));
  return {};
}

Result<void> QmpMachine::switch_backing(const Disk& disk, const BackingSwitch& how) {
  const DiskLayer& base = disk.layers[how.base];
  const DiskLayer& above = disk.layers[how.above];
  QC_TRY(close({how.empty, base.file}));  // what a run that was cut off has opened; it would hold QEMU's locks
  const Json nodes = QC_TRY(ask("query-named-block-nodes", {{"flat", true}}));
  SwitchPlan plan = QC_TRY(plan_switch(NodeOptions::of_process(pid()), nodes, base, above));

  const std::string base_file = plan.base_name + "-f";
  plan.file.erase("read-only");
  plan.file.update({{"node-name", base_file}, {"filename", base.file}, {"auto-read-only", true}});
  QC_TRY(order("blockdev-add", plan.file));
  plan.base.update({{"node-name", plan.base_name}, {"file", base_file}, {"read-only", true}});
  QC_TRY(order("blockdev-add", plan.base));

  const std::string empty = unused_node_name();
  QC_TRY(order("blockdev-add",
               {{"driver", "file"}, {"node-name", empty + "-f"}, {"filename", how.empty}, {"auto-read-only", true}}));
  QC_TRY(order("blockdev-add", {{"driver", "qcow2"},
                                {"node-name", empty},
                                {"file", empty + "-f"},
                                {"backing", plan.base_name},
                                {"read-only", true}}));

  plan.above.update({{"node-name", above.node},
                     {"file", above.file_node},
                     {"backing", empty},
                     {"read-only", how.above + 1 < disk.layers.size()}});
  return order("blockdev-reopen", {{"options", Json::array({plan.above})}});
}

}  // namespace qchain::live::qmp
