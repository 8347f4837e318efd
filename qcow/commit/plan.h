#pragma once

#include <cstdint>
#include <optional>
#include <stop_token>
#include <string>
#include <utility>
#include <vector>

#include "qcow/commit/keep_base.h"
#include "qcow/commit/record.h"
#include "qcow/commit/selection.h"
#include "qcow/commit/siblings.h"

namespace qchain {

/// A persistent bitmap of a layer that takes part.
struct LayerBitmap {
  std::size_t layer = 0;  ///< position
  format::Bitmap bitmap;
  BitmapFate fate = BitmapFate::kept;
};

/// What becomes of the merged layers' bitmaps.
enum class BitmapChoice : std::uint8_t {
  refuse,  ///< none may be lost: a commit that would is refused
  merge,   ///< into the base
  drop,    ///< the user has said that they may go
};

struct PlanOptions {
  std::vector<std::string> scan;  ///< more folders in which images may hang on the layers
  BitmapChoice bitmaps = BitmapChoice::refuse;
  std::optional<KeepRequest> keep;  ///< the base as it was
  bool deletes = false;             ///< the merged layers are to be deleted afterwards
};

/// All that a commit would do, and all that speaks against it; made before the first write, by reading alone.
struct CommitPlan {
  explicit CommitPlan(Selection selected) : selection(std::move(selected)) {}

  Selection selection;
  CommitTotals totals;           ///< exact bytes; `cloned` where the file system can share blocks
  std::uint64_t new_bytes = 0;   ///< on disk, at the most: what is copied to where base has nothing
  std::uint64_t free_bytes = 0;  ///< for this user on base's file system; 0 for a block device
  std::uint64_t base_size = 0;   ///< guest bytes, as it is
  std::uint64_t view_size = 0;   ///< guest bytes of the merged view
  std::string backing_name;      ///< for the overlay's header; empty without overlay
  std::optional<KeepPlan> keep;  ///< the base as it was
  std::vector<Sibling> siblings;
  std::vector<LayerBitmap> bitmaps;
  std::vector<Error> refusals;  ///< each a reason not to begin; empty: it may

  [[nodiscard]] std::uint64_t growth() const noexcept { return view_size > base_size ? view_size - base_size : 0; }
  /// Bytes of the base that are copied before, to keep it as it was.
  [[nodiscard]] std::uint64_t to_keep() const noexcept { return keep && !keep->is_kept ? keep->bytes : 0; }
  /// Guest bytes to be moved.
  [[nodiscard]] std::uint64_t work() const noexcept { return totals.copied + totals.cloned + totals.zeroed; }
};

/// What is known from outside of the chain.
struct PlanFacts {
  std::string record;                   ///< path of the commit's record
  std::optional<CommitRecord> last;     ///< what it says: of this commit or an earlier one
  std::optional<CommitRecord> resumed;  ///< `last`, if it is this very commit, begun and not finished
  EarlierKeeping earlier;               ///< what an earlier run of the same commit has done about `keep`
  std::uint64_t moved_to = 0;           ///< the guest offset up to which it has moved what the layers hold now
};

/// Errors: io, corrupt (ranges that no layer can give: nothing can be planned then), interrupted.
[[nodiscard]] Result<CommitPlan> plan_commit(const Selection& selection, const PlanOptions& options,
                                             const PlanFacts& facts, const std::stop_token& stop = {});

}  // namespace qchain
