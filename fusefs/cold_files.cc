#include "fusefs/cold_files.h"

#include <linux/magic.h>
#include <sys/resource.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <algorithm>
#include <array>

#include "fusefs/crew.h"
#include "qcow/storage/direct_storage.h"
#include "qcow/storage/page_cache.h"
#include "qcow/storage/unique_fd.h"

namespace qchain::fusefs {
namespace {

/// Descriptors that the mount still takes: for each thread two pipes, and some.
constexpr rlim_t wanted_by_threads = 4 * Crew::most + 32;

/// So that with 1,000 layers and the usual 1,024 descriptors the threads still get theirs.
bool leaves_room(const View& view) {
  struct rlimit limit{};
  const UniqueFd next(::dup(view.slice().chain.layer(view.slice().top).image->storage().descriptor()));
  return next.valid() && ::getrlimit(RLIMIT_NOFILE, &limit) == 0 &&
         static_cast<rlim_t>(next.get()) + PastCache::most + wanted_by_threads <= limit.rlim_cur;
}

bool is_on_a_disk_of_this_machine(int descriptor) {
  constexpr std::array known{static_cast<std::uint64_t>(EXT4_SUPER_MAGIC), static_cast<std::uint64_t>(XFS_SUPER_MAGIC),
                             static_cast<std::uint64_t>(BTRFS_SUPER_MAGIC)};
  struct statfs facts{};
  return ::fstatfs(descriptor, &facts) == 0 &&
         std::ranges::find(known, static_cast<std::uint64_t>(facts.f_type)) != known.end();
}

/// What was just read is in memory, if the kernel tells this user.
bool tells_what_is_in_memory(const Storage& file) {
  std::array<std::byte, 1> first{};
  return file.descriptor() >= 0 && is_on_a_disk_of_this_machine(file.descriptor()) && file.read(0, first) &&
         cached_bytes_by_cachestat(file.descriptor(), {0, first.size()}).value_or(0) > 0;
}

}  // namespace

ColdFiles::ColdFiles(const View& view) {
  if (leaves_room(view)) {
    past_.emplace(view, tells_what_is_in_memory);
    found_ = std::make_unique<SeenBefore>();
  }
}

bool ColdFiles::is_cold(const Storage& file, Range stored) const {
  return past_ && is_aligned(stored.start | stored.length, direct_block) && past_->of(file) &&
         fits(stored.start, stored.length, file.size()) && file.is_on_disk_only(stored);
}

std::optional<FilePiece> ColdFiles::find(const Storage& file, Range stored) {
  const SharedStorage past = past_ ? past_->of(file) : nullptr;
  if (!past || found_->note(past->descriptor(), stored.start)) {
    return std::nullopt;
  }
  return FilePiece{past->descriptor(), stored.start, stored.length};
}

}  // namespace qchain::fusefs
