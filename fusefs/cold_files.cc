#include "fusefs/cold_files.h"

#include <sys/resource.h>
#include <unistd.h>

#include <array>

#include "qcow/storage/direct_storage.h"
#include "qcow/storage/unique_fd.h"

namespace qchain::fusefs {
namespace {

/// Descriptors that the mount still takes: for each of 16 threads a queue and two pipes, and some.
constexpr rlim_t wanted_by_threads = 128;

/// So that with 1,000 layers and the usual 1,024 descriptors the threads still get theirs.
bool leaves_room(const View& view) {
  struct rlimit limit{};
  const UniqueFd next(::dup(view.slice().chain.layer(view.slice().top).image->storage().descriptor()));
  return next.valid() && ::getrlimit(RLIMIT_NOFILE, &limit) == 0 &&
         static_cast<rlim_t>(next.get()) + PastCache::most + wanted_by_threads <= limit.rlim_cur;
}

/// What was just read is in memory. An overlayfs says that it is not: it looks at its own inode, not at the one below.
bool tells_what_is_in_memory(const Storage& file) {
  std::array<std::byte, 1> first{};
  return file.descriptor() >= 0 && file.read(0, first).has_value() && !file.is_on_disk_only({0, first.size()});
}

}  // namespace

ColdFiles::ColdFiles(const View& view) {
  if (leaves_room(view)) {
    past_.emplace(view, tells_what_is_in_memory);
  }
}

std::optional<FilePiece> ColdFiles::find(const Storage& file, Range stored) const {
  if (!past_ || !is_aligned(stored.start | stored.length, direct_block)) {
    return std::nullopt;
  }
  const SharedStorage past = past_->of(file);
  if (!past || !fits(stored.start, stored.length, file.size()) || !file.is_on_disk_only(stored)) {
    return std::nullopt;
  }
  return FilePiece{past->descriptor(), stored.start, stored.length};
}

}  // namespace qchain::fusefs
