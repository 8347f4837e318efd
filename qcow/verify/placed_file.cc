#include "qcow/verify/placed_file.h"

#include <linux/fiemap.h>
#include <linux/fs.h>
#include <linux/magic.h>
#include <sys/ioctl.h>
#include <sys/vfs.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <new>

namespace qchain {

namespace {

constexpr std::uint32_t few = 4;
constexpr std::uint32_t many = 128;

/// Its place is not known, or does not say which bytes lie there.
constexpr std::uint32_t no_plain_place = FIEMAP_EXTENT_UNKNOWN | FIEMAP_EXTENT_DELALLOC | FIEMAP_EXTENT_ENCODED |
                                         FIEMAP_EXTENT_DATA_ENCRYPTED | FIEMAP_EXTENT_NOT_ALIGNED |
                                         FIEMAP_EXTENT_DATA_INLINE | FIEMAP_EXTENT_DATA_TAIL | FIEMAP_EXTENT_UNWRITTEN;

/// XFS counts the blocks of its realtime part anew: there, the same number is not the same place.
bool is_in_realtime_part(int descriptor) {
  struct fsxattr attributes{};
  return ::ioctl(descriptor, FS_IOC_FSGETXATTR, &attributes) == 0 && (attributes.fsx_xflags & FS_XFLAG_REALTIME) != 0;
}

/// File systems that count all their blocks once. Others with blocks to share may have several file systems under them
/// that show as one device (overlayfs), or count each disk's blocks anew (bcachefs).
bool counts_blocks_once(int descriptor) {
  struct statfs status{};
  return ::fstatfs(descriptor, &status) == 0 &&
         ((status.f_type == XFS_SUPER_MAGIC && !is_in_realtime_part(descriptor)) || status.f_type == BTRFS_SUPER_MAGIC);
}

PlacedRun placed(const fiemap_extent& extent) {
  const bool has_place = (extent.fe_flags & no_plain_place) == 0 && (extent.fe_flags & FIEMAP_EXTENT_SHARED) != 0;
  return {.stored = {extent.fe_logical, std::min(extent.fe_length, UINT64_MAX - extent.fe_logical)},
          .shared_at = has_place ? std::optional<std::uint64_t>(extent.fe_physical) : std::nullopt};
}

}  // namespace

PlacedFile::PlacedFile(const Storage& file)
    : file_(file), can_tell_(file.descriptor() >= 0 && counts_blocks_once(file.descriptor())) {}

PlacedRun PlacedFile::at(std::uint64_t offset) {
  if (can_tell_ && !asked_.contains(offset)) {
    look(offset);
  }
  const auto run =
      std::ranges::upper_bound(known_, offset, {}, [](const PlacedRun& known) { return known.stored.end(); });
  if (run != known_.end() && run->stored.contains(offset)) {
    return *run;
  }
  const std::uint64_t end = run != known_.end() ? run->stored.start : std::max(asked_.end(), file_.size());
  return {.stored = range_between(offset, std::max(end, offset + 1)), .shared_at = {}};
}

void PlacedFile::look(std::uint64_t offset) {
  const std::uint32_t count = offset == asked_.end() ? many : few;  // more for who goes from the start to the end
  ask(offset, count);
  const bool shares = std::ranges::any_of(known_, [](const PlacedRun& run) { return run.shared_at.has_value(); });
  if (shares && flags_ == 0) {
    // What is in memory only, over shared blocks, gets blocks of its own when it is written.
    flags_ = FIEMAP_FLAG_SYNC;
    ask(offset, count);
  }
}

void PlacedFile::ask(std::uint64_t offset, std::uint32_t count) {
  // The kernel puts the extents behind the request.
  alignas(struct fiemap) std::array<std::byte, sizeof(struct fiemap) + many * sizeof(fiemap_extent)> memory{};
  auto* const map = new (memory.data()) struct fiemap();
  map->fm_start = offset;
  map->fm_length = FIEMAP_MAX_OFFSET - offset;
  map->fm_flags = flags_;
  map->fm_extent_count = count;
  known_.clear();
  asked_ = range_between(offset, UINT64_MAX);
  can_tell_ = ::ioctl(file_.descriptor(), FS_IOC_FIEMAP, map) == 0;
  if (!can_tell_) {
    return;
  }
  for (std::size_t i = 0; i < std::min(map->fm_mapped_extents, count); ++i) {
    known_.push_back(placed(map->fm_extents[i]));
  }
  if (known_.size() == count) {
    asked_ = range_between(offset, known_.back().stored.end());
  }
}

}  // namespace qchain
