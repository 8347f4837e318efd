#pragma once

#include <memory>
#include <optional>

#include "fusefs/file_piece.h"
#include "fusefs/seen_before.h"
#include "qcow/bulk/past_cache.h"
#include "qcow/chain/view.h"

namespace qchain::fusefs {

/// The layers' files once more, to be read past the page cache: those of file systems on disks of this machine, where
/// the kernel tells what it has in memory. On others a read past the cache that gets no answer could not even be
/// killed. Thread-safe once made.
class ColdFiles {
 public:
  /// None: all are read through the page cache.
  ColdFiles() = default;
  /// Opens the files of the view's layers, also for views of lower layers of the same chain; before the sandbox. Opens
  /// none where the mount would be short of descriptors then.
  explicit ColdFiles(const View& view);

  /// A read of `stored` has to wait for the disk, and may go past the page cache. False where it need not, where the
  /// kernel does not tell, and of what does not consist of whole blocks.
  [[nodiscard]] bool is_cold(const Storage& file, Range stored) const;
  /// Where to read past the page cache what is cold. Nothing where the cache should have it the next time, as it was
  /// asked for not long ago.
  [[nodiscard]] std::optional<FilePiece> find(const Storage& file, Range stored);

 private:
  std::optional<PastCache> past_;
  std::unique_ptr<SeenBefore> found_;
};

}  // namespace qchain::fusefs
