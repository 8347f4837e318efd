#pragma once

#include <vector>

#include "live/qmp/client.h"

namespace qchain::live::qmp {

/// QEMU's answers of which the disks are made.
struct GraphAnswers {
  Json stats;  ///< query-blockstats: which node lies under which
  Json nodes;  ///< query-named-block-nodes, flat: driver and file of each
  Json jobs;   ///< query-block-jobs
};

/// The disks whose layers are all raw or qcow2 images in local files; others (an empty drive, vmdk, a network) are left
/// out. Filters between the layers are passed over. `pid`: QEMU's, to make its relative file names absolute; or 0.
[[nodiscard]] std::vector<Disk> disks_in(const GraphAnswers& answers, pid_t pid);

/// The nodes of a file that the user named, those of a format before that of the file itself. `answers`: `stats` is
/// query-blockstats of all nodes; no `jobs`.
[[nodiscard]] std::vector<std::string> nodes_of(const std::string& file, const GraphAnswers& answers, pid_t pid);

/// The handle of the job that commits a disk of this name: a valid QMP id, the same in every run.
[[nodiscard]] std::string job_handle(const std::string& disk_name);

}  // namespace qchain::live::qmp
