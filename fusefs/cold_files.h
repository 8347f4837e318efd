#pragma once

#include <optional>

#include "fusefs/file_piece.h"
#include "qcow/bulk/past_cache.h"
#include "qcow/chain/view.h"

namespace qchain::fusefs {

/// The layers' files once more, to be read past the page cache: those of which the kernel tells what it has in memory.
/// Thread-safe once made.
class ColdFiles {
 public:
  /// None: all are read through the page cache.
  ColdFiles() = default;
  /// Opens the files of the view's layers, also for views of lower layers of the same chain; before the sandbox. Opens
  /// none where the mount would be short of descriptors then.
  explicit ColdFiles(const View& view);

  /// Where to read `stored` past the page cache. Nothing where the cache has it, where the kernel does not tell, and
  /// of what does not consist of whole blocks.
  [[nodiscard]] std::optional<FilePiece> find(const Storage& file, Range stored) const;

 private:
  std::optional<PastCache> past_;
};

}  // namespace qchain::fusefs
