// A new overlay on top, under the guest.
#include "live/qmp/known_nodes.h"
#include "live/qmp/qmp_machine.h"

namespace qchain::live::qmp {

Result<void> QmpMachine::snapshot(const Disk& disk, const std::string& file) {
  QC_TRY(close({file}));  // what a run that was cut off has opened; it would hold QEMU's locks
  const KnownNodes known = QC_TRY(known_nodes());
  const auto overlay = known.overlay(disk.active(), file);
  if (!overlay) {
    return let_qemu_open(disk.active(), file, known.name_for(disk.active().node, Origin::snapshot));
  }
  QC_TRY(add(*overlay));
  auto done = order("blockdev-snapshot", {{"node", disk.active().node}, {"overlay", name_in(overlay->format)}});
  return done ? std::move(done) : explained(std::move(done).error(), close({file}));
}

/// With cache and discard as QEMU has them of the active image, and nothing else.
Result<void> QmpMachine::let_qemu_open(const DiskLayer& active, const std::string& file,
                                       const std::optional<std::string>& node) {
  return order("blockdev-snapshot-sync", {{"node-name", active.node},
                                          {"snapshot-file", file},
                                          {"snapshot-node-name", node.value_or(unused_node_name())},
                                          {"format", "qcow2"},
                                          {"mode", "existing"}});
}

}  // namespace qchain::live::qmp
