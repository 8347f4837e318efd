#include "qcow/commit/forecast.h"

#include <fcntl.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <vector>

#include "qcow/commit/moves.h"
#include "qcow/commit/shareable.h"
#include "qcow/storage/writable_file.h"

namespace qchain {

namespace {

std::string folder_of(const std::string& path) {
  const auto folder = std::filesystem::path(path).parent_path();
  return folder.empty() ? "." : folder.string();
}

std::uint64_t free_space(const std::string& path) {
  struct statvfs status{};
  return ::statvfs(path.c_str(), &status) == 0 ? status.f_bavail * status.f_frsize : 0;
}

/// Asks the file system by trying, in a nameless file beside the base, which layers' blocks it would share; the unit of
/// sharing, or 0 where there is none.
class SharingProbe {
 public:
  explicit SharingProbe(const CommitPlan& plan) : shares_(plan.selection.chain.depth()) {
    const Layer& base = plan.selection.base_layer();
    if (base.image->format() != ImageFormat::raw) {
      return;  // a qcow2 base decides by cluster where it can share
    }
    UniqueFd fd(::open(folder_of(base.file).c_str(), O_TMPFILE | O_RDWR | O_CLOEXEC, 0600));
    if (!fd.valid()) {
      return;
    }
    const WritableFile file(std::move(fd), base.file);
    unit_ = file.clone_unit();
    for (std::size_t i = plan.selection.base + 1; i <= plan.selection.top; ++i) {
      const auto answer = file.try_clone(plan.selection.chain.layer(i).image->data_storage());
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

/// What writing to space that the base has already takes.
enum class Overwriting : std::uint8_t {
  nothing,
  new_blocks,  ///< its blocks are shared with the file that keeps it as it was
};

/// Counts what the base has no space for yet, in its own units of allocation.
class NewSpace {
 public:
  NewSpace(const Image& base, Overwriting overwriting) : base_(base), overwriting_(overwriting) {
    const format::Header* header = base.header();
    unit_ = header != nullptr ? header->allocation_unit() : 4096;
  }

  void add(Range range) {
    const std::uint64_t start = std::max(align_down(range.start, unit_), counted_to_);
    const std::uint64_t end = align_up(range.end(), unit_);
    bytes_ += range_between(std::max(start, base_.size()), end).length;
    const Range inside = range_between(start, std::min(end, base_.size()));
    if (overwriting_ == Overwriting::new_blocks) {
      bytes_ += inside.length;
    } else {
      count_holes(inside);
    }
    counted_to_ = std::max(counted_to_, end);
  }

  [[nodiscard]] std::uint64_t bytes() const noexcept { return bytes_; }

 private:
  void count_holes(Range range) {
    while (!range.empty()) {
      Extents extents;
      base_.map(range, 4096, extents);
      for (const Extent& extent : extents) {
        const bool has_space =
            extent.kind == ExtentKind::data || (extent.kind == ExtentKind::zero && extent.has_offset());
        bytes_ += has_space ? 0 : extent.length;
      }
      range = range_between(extents.back().end(), range.end());
    }
  }

  const Image& base_;
  Overwriting overwriting_;
  std::uint64_t unit_;
  std::uint64_t bytes_ = 0;
  std::uint64_t counted_to_ = 0;
};

}  // namespace

Result<void> forecast_moves(CommitPlan& plan) {
  const View above(plan.selection.above(), ViewCaches({.index = 0, .clusters = 0}));
  const Image& base = *plan.selection.base_layer().image;
  const SharingProbe probe(plan);
  const bool will_share = plan.keep && plan.keep->by == KeptBy::sharing;
  NewSpace space(base, will_share ? Overwriting::new_blocks : Overwriting::nothing);
  MoveWalk walk(above);
  while (const auto move = QC_TRY(walk.next())) {
    if (move->kind == MoveKind::zero) {
      plan.totals.zeroed += move->extent.length;
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
  plan.new_bytes = space.bytes() + (plan.keep && !plan.keep->is_kept ? plan.keep->on_base_disk : 0);
  plan.free_bytes = free_space(folder_of(base.storage().name()));
  return {};
}

}  // namespace qchain
