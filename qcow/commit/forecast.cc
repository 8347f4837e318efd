#include "qcow/commit/forecast.h"

#include <fcntl.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <vector>

#include "qcow/commit/moves.h"
#include "qcow/commit/new_space.h"
#include "qcow/commit/shareable.h"
#include "qcow/format/bitmaps.h"
#include "qcow/storage/block_device.h"
#include "qcow/storage/writable_file.h"

namespace qchain {

namespace {

std::string folder_of(const std::string& path) {
  const auto folder = std::filesystem::path(path).parent_path();
  return folder.empty() ? "." : folder.string();
}

/// On the file system where the bytes are, which need not be that of the name.
std::uint64_t free_space(const Storage& file) {
  struct statvfs status{};
  const int failed = file.descriptor() < 0 ? ::statvfs(folder_of(file.name()).c_str(), &status)
                                           : ::fstatvfs(file.descriptor(), &status);
  return failed == 0 ? status.f_bavail * status.f_frsize : 0;
}

/// Where the file really lies.
std::string real_folder_of(const std::string& path) {
  std::error_code error;
  const auto real = std::filesystem::canonical(path, error);
  return folder_of(error ? path : real.string());
}

/// Asks the file system by trying, in a nameless file beside the base, which layers' blocks it would share; the unit of
/// sharing, or 0 where there is none.
class SharingProbe {
 public:
  explicit SharingProbe(const CommitPlan& plan) : shares_(plan.selection.chain.depth()) {
    const Layer& base = plan.selection.base_layer();
    const Storage& file = base.image->data_storage();
    UniqueFd fd(::open(real_folder_of(file.name()).c_str(), O_TMPFILE | O_RDWR | O_CLOEXEC, 0600));
    if (!fd.valid()) {
      return;
    }
    const WritableFile trial(std::move(fd), file.name());
    unit_ = trial.clone_unit();
    if (!is_aligned(base.image->cluster_size(), unit_)) {
      return;  // a block of the guest's is then no block of the base's
    }
    for (std::size_t i = plan.selection.base + 1; i <= plan.selection.top; ++i) {
      const auto answer = trial.try_clone(plan.selection.chain.layer(i).image->data_storage());
      shares_[i] = answer && *answer == CloneAnswer::cloned;
    }
  }

  /// The part of a move's guest bytes that is shared.
  [[nodiscard]] Range shared_part(const View& above, const Extent& extent) const {
    const Storage& source = above.slice().chain.layer(extent.layer).image->data_storage();
    return shareable(extent, source.size(), shares_[extent.layer] ? unit_ : 0);
  }

 private:
  std::vector<bool> shares_;
  std::uint64_t unit_ = 4096;
};

/// The clusters that the base's bitmaps take while their new bits are put beside the old ones.
std::uint64_t bitmap_clusters(const CommitPlan& plan) {
  const format::Header* header = plan.selection.base_layer().image->header();
  std::uint64_t count = 0;
  for (const LayerBitmap& bitmap : plan.bitmaps) {
    if (header != nullptr && (bitmap.fate == BitmapFate::updated || bitmap.fate == BitmapFate::merged)) {
      const std::uint64_t size = std::max(plan.view_size, plan.base_size);
      const std::uint64_t entries = format::bitmap_entries_for(*header, bitmap.bitmap.granularity, size);
      count += entries + units_for(entries * sizeof(std::uint64_t), header->cluster_size()) + 1;
    }
  }
  return count;
}

}  // namespace

Result<void> forecast_moves(CommitPlan& plan, const ForecastOptions& options) {
  const View above(plan.selection.above(), ViewCaches({.index = 0, .clusters = 0}));
  const Image& base = *plan.selection.base_layer().image;
  const SharingProbe probe(plan);
  const bool will_share = plan.keep && plan.keep->by == KeptBy::sharing;
  NewSpace space(base, will_share ? Overwriting::new_blocks : Overwriting::nothing, options.moved_to);
  MoveWalk walk(above);
  while (const auto move = QC_TRY(walk.next())) {
    if (options.stop.stop_requested()) {
      return fail(ErrorKind::interrupted, "interrupted");
    }
    if (move->kind == MoveKind::zero) {
      plan.totals.zeroed += move->extent.length;
      space.add_zeros(move->extent.range());
      continue;
    }
    const Range all = move->extent.range();
    const Range shared = probe.shared_part(above, move->extent);
    plan.totals.cloned += shared.length;
    plan.totals.copied += all.length - shared.length;
    for (const Range part : around(all, shared)) {
      space.add(part);
    }
  }
  plan.totals.zeroed += plan.selection.hidden_tail().length;
  space.add_zeros(plan.selection.hidden_tail());
  space.add_clusters(bitmap_clusters(plan));
  // A data file on a device takes nothing: what grows is the image beside it.
  const bool only_metadata = is_block_device(base.data_storage()) && !is_block_device(base.storage());
  plan.new_bytes = (only_metadata ? space.metadata_bytes(plan.view_size) : space.bytes(plan.view_size)) +
                   (plan.keep && !plan.keep->is_kept ? plan.keep->on_base_disk : 0);
  plan.free_bytes = free_space(only_metadata ? base.storage() : base.data_storage());
  return {};
}

}  // namespace qchain
