// Another backing file below a running image, by blockdev-reopen.
#include "live/qmp/known_nodes.h"
#include "live/qmp/qmp_machine.h"

namespace qchain::live::qmp {

Result<void> QmpMachine::can_switch_backing(const Disk& disk, std::size_t base, std::optional<std::size_t> above) {
  const DiskLayer& below = disk.layers[base];
  const DiskLayer& layer = above ? disk.layers[*above] : disk.active();
  if (layer.node.starts_with('#') || below.node.starts_with('#')) {
    return std::unexpected(
        make_error(ErrorKind::unsupported,
                   "QEMU's node has no name of its own (-drive), so its backing file can't be switched")
            .in(layer.file));
  }
  if (!QC_TRY(ask("query-block-jobs")).empty()) {
    return std::unexpected(make_error(ErrorKind::locked, "a block job runs").in(name()));
  }
  const KnownNodes known = QC_TRY(known_nodes());
  static_cast<void>(QC_TRY(known.new_base(below)));
  if (above) {
    static_cast<void>(QC_TRY(known.to_reopen(layer)));
  } else {
    static_cast<void>(QC_TRY(known.overlay(layer, layer.file)));
  }
  return {};
}

Result<void> QmpMachine::switch_backing(const Disk& disk, const BackingSwitch& how) {
  const DiskLayer& base = disk.layers[how.base];
  const DiskLayer& above = disk.layers[how.above];
  QC_TRY(close({how.empty, base.file}));  // what a run that was cut off has opened; it would hold QEMU's locks
  const KnownNodes known = QC_TRY(known_nodes());
  Json reopened = QC_TRY(known.to_reopen(above));
  const NodePair new_base = QC_TRY(known.new_base(base));
  QC_TRY(add(new_base));

  const std::string empty = unused_node_name();
  QC_TRY(
      add({.file = {{"driver", "file"}, {"node-name", empty + "-f"}, {"filename", how.empty}, {"auto-read-only", true}},
           .format = {{"driver", "qcow2"},
                      {"node-name", empty},
                      {"file", empty + "-f"},
                      {"backing", name_in(new_base.format)},
                      {"read-only", true}}}));

  reopened.update({{"node-name", above.node},
                   {"file", above.file_node},
                   {"backing", empty},
                   {"read-only", how.above + 1 < disk.layers.size()}});
  return order("blockdev-reopen", {{"options", Json::array({reopened})}});
}

}  // namespace qchain::live::qmp
