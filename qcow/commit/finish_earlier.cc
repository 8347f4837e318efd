#include "qcow/commit/finish_earlier.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>

#include "qcow/commit/relink.h"
#include "qcow/commit/temporaries.h"
#include "qcow/commit/unfinished.h"
#include "qcow/format/header.h"
#include "qcow/storage/unique_fd.h"

namespace qchain {

namespace {

/// The overlay that the record is about is backed by the base itself.
bool is_relinked(const CommitRecord& record, const Chain& chain, std::size_t base) {
  return record.overlay && base + 1 < chain.depth() &&
         chain.layer(base).image->storage().identity() == record.base.identity &&
         chain.layer(base + 1).image->storage().identity() == record.overlay->identity;
}

Result<std::uint64_t> cluster_size_of(const Storage& overlay) {
  std::array<std::byte, format::full_header_length> start{};
  QC_TRY(overlay.read_padded(0, start));
  return QC_TRY_IN(overlay.name(), format::header_cluster_size(start));
}

/// The same words as before, or the merged top by its file.
bool asks_for(const CommitRequest& request, const Chain& chain, const CommitRecord& record) {
  if (asked_for(request, chain) == record.asked) {
    return true;
  }
  struct stat status{};
  // Once the top is deleted, another file may get its inode.
  return !request.layers.top.empty() && is_file_as_recorded(record.merged.back()) &&
         ::stat(request.layers.top.c_str(), &status) == 0 &&
         FileIdentity{.device = status.st_dev, .inode = status.st_ino} == record.merged.back().identity;
}

/// A machine that switches by itself (libvirt) does so when all is in the base, but flushes nothing.
Result<void> make_durable(const std::string& base) {
  const UniqueFd file(::open(base.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  return file.valid() && ::fdatasync(file.get()) == 0 ? Result<void>{}
                                                      : fail_errno(errno, "cannot write to stable storage", base);
}

/// The machine had switched, or was about to: what is left is the proof, which verify and retire give.
bool is_switched_unnoted(const CommitRecord& record) {
  return record.state == CommitState::relinking || (record.state == CommitState::copying && record.live);
}

Result<CommitRecord> finish(CommitRecord record, const CommitRequest& request, RecordStore& store,
                            CommitSurroundings& around) {
  around.working.will_write(record.overlay->identity);
  const Chain locked = QC_TRY(Chain::open(request.image, around.working, {.format = request.format}));
  const SharedWritable overlay = around.working.writable(record.overlay->identity);
  if (!overlay) {
    return std::unexpected(
        make_error(ErrorKind::locked, "its chain changed just now").in(request.image).advise("run the command again"));
  }
  QC_TRY(make_durable(record.base.path));
  // The run that wrote the new header may have died before its flush, or the flush may have failed: then a later one
  // proves nothing of that write. Written anew, it is durable.
  const std::uint64_t cluster_size = QC_TRY(cluster_size_of(*overlay));
  QC_TRY(relink(*overlay, cluster_size, record.backing_name, record.base_format));
  record.state = CommitState::done;
  disown_overlay(record);
  QC_TRY(store.save(record));
  QC_TRY(remove_temporaries(record, store));
  around.working.forget();  // the request may ask for another commit, which locks anew
  return record;
}

}  // namespace

Result<std::optional<CommitRecord>> finish_earlier_run(const CommitRequest& request, const Chain& chain,
                                                       CommitSurroundings& around) {
  for (std::size_t base = 0; base + 1 < chain.depth(); ++base) {
    const auto store = around.records(record_anchor(chain, base));
    auto record = QC_TRY(store->load());
    if (!record || !is_relinked(*record, chain, base)) {
      continue;
    }
    if (is_switched_unnoted(*record)) {
      record = QC_TRY(finish(*std::move(record), request, *store, around));
    }
    if (record->state >= CommitState::done && asks_for(request, chain, *record)) {
      return record;
    }
  }
  return std::nullopt;
}

}  // namespace qchain
