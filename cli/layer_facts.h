#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "qcow/chain/chain.h"
#include "qcow/commit/record.h"
#include "qcow/storage/lock_holder.h"
#include "sandbox/sandbox.h"

namespace qchain::cli {

/// All that `info` says of one layer, gathered before anything is printed.
struct LayerFacts {
  std::size_t index = 0;             ///< 1 = bottom of the chain
  const Layer* layer = nullptr;      ///< lives as long as the chain
  std::optional<std::string> below;  ///< file of the layer below, as it was opened
  bool is_cut_off = false;           ///< its backing file was left out
  std::vector<format::Snapshot> snapshots;
  std::vector<format::Bitmap> bitmaps;
  std::vector<LockHolder> holders;     ///< other processes that have the image open
  std::uint64_t overlaps = 0;          ///< clusters used as metadata and as something else, if that was looked at
  std::optional<CommitRecord> commit;  ///< of a commit into this layer, finished or not

  [[nodiscard]] const Image& image() const { return *layer->image; }
  /// Whether guest data are in another file than the image.
  [[nodiscard]] bool has_data_file() const { return &image().data_storage() != &image().storage(); }
};

/// What `info` prints.
struct InfoToPrint {
  const std::vector<LayerFacts>& layers;              ///< active first
  const sandbox::Protections* protections = nullptr;  ///< in force in this process; null: not asked for
};

/// What is around the layers, active first: who holds them, records of commits. `chain` must outlive it. All that needs
/// a file to be opened.
[[nodiscard]] std::vector<LayerFacts> look_around(const Chain& chain);
/// What is in them: tables of snapshots and bitmaps, and whether metadata overlap, where that is quickly seen. Errors:
/// io, corrupt.
[[nodiscard]] Result<void> look_inside(std::vector<LayerFacts>& layers);

}  // namespace qchain::cli
