#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "qcow/chain/image.h"
#include "qcow/chain/view.h"
#include "qcow/commit/base_writer.h"
#include "qcow/format/header.h"
#include "qcow/storage/writable_storage.h"

namespace qchain {

/// A persistent bitmap of a merged layer that goes into the base.
struct BitmapMerge {
  format::Bitmap bitmap;
  SharedImage image;  ///< a qcow2 image, open as long as the writer
};

/// What a writer of a qcow2 base needs. The caller holds the locks.
struct Qcow2WriterSetup {
  SharedWritable file;                    ///< the qcow2 file
  SharedWritable data_file;               ///< the external data file, or null
  format::Header header;                  ///< parsed from `file`
  std::shared_ptr<const View> below;      ///< what the base's own backing chain reads as; null if it has none
  std::uint64_t file_limit = UINT64_MAX;  ///< bytes that `file` can have at most: the size of a block device
  std::uint64_t grows_to = 0;             ///< guest bytes: what grow() will be called with, checked when opening

  /// The base's consistent bitmaps when an interrupted run of this commit began: in use by that run only, and the only
  /// ones that may record. Without: those that are not in use now.
  std::optional<std::set<std::string>> own_bitmaps;
  /// Bottom first. Goes into the base's bitmaps of the same name; where there is none, the highest layer's is added.
  std::vector<BitmapMerge> merges;

  // What is kept in memory between two checkpoints, in bytes; more means fewer syncs.
  std::uint64_t table_budget = std::uint64_t{16} << 20;         ///< L2 tables, and as much for refcount blocks
  std::uint64_t data_per_checkpoint = std::uint64_t{64} << 20;  ///< guest bytes: the most that a crash can leak
};

/// Checks that the image may be written to, and opens it; writes nothing yet. Its enabled persistent bitmaps record
/// what is written, and are consistent whenever flush() returns. Errors: refused (marked dirty or corrupt; an
/// inconsistent bitmap to be merged into), corrupt (metadata that overlaps or lies outside of the file), unsupported
/// (snapshots together with an external data file, bitmaps for a version 2 image), limit (of bitmaps, or of growth),
/// invalid_argument (data file given or missing against the header), io.
[[nodiscard]] Result<std::unique_ptr<BaseWriter>> open_qcow2_writer(Qcow2WriterSetup setup);

}  // namespace qchain
