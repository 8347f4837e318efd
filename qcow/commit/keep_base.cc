#include "qcow/commit/keep_base.h"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <vector>

#include "qcow/storage/output_file.h"

namespace qchain {

namespace {

constexpr std::uint64_t chunk_size = std::uint64_t{1} << 20;

/// Moved back over the base, it must serve the same users; and nobody else may read it meanwhile.
Result<void> take_owner_and_mode(const WritableFile& file, const Storage& base) {
  struct stat status{};
  if (::fstat(base.descriptor(), &status) != 0) {
    return fail_errno(errno, "cannot stat", base.name());
  }
  const bool is_given = ::fchown(file.descriptor(), status.st_uid, status.st_gid) == 0;
  // Not given away, it is this user's: what was the group's and others' is not for this user's group and others.
  const mode_t mode = S_ISREG(status.st_mode) && is_given ? status.st_mode & 0777 : 0600;
  if (::fchmod(file.descriptor(), mode) != 0) {
    return fail_errno(errno, "cannot set the mode", file.name());
  }
  return {};
}

/// Copies data, and leaves out holes and zeros.
class SparseCopy {
 public:
  SparseCopy(const Storage& from, const WritableFile& to, const KeepSteps& steps)
      : from_(from), to_(to), steps_(steps), buffer_(chunk_size) {}

  Result<void> run() {
    QC_TRY(to_.resize(from_.size()));
    for (std::uint64_t position = 0; position < from_.size();) {
      const StoredRun run = QC_TRY(from_.run_at(position, from_.size()));
      const Range piece{position, std::min(run.range.end() - position, run.is_data ? chunk_size : UINT64_MAX)};
      if (run.is_data) {
        QC_TRY(copy(piece));
      }
      position = piece.end();
    }
    return {};
  }

 private:
  Result<void> copy(Range piece) {
    if (steps_.stop.stop_requested()) {
      return fail(ErrorKind::interrupted, "interrupted");
    }
    const MutableBytes bytes = MutableBytes(buffer_).first(piece.length);
    QC_TRY(from_.read_padded(piece.start, bytes));
    if (!is_zero(bytes)) {
      QC_TRY(to_.write(piece.start, bytes));
    }
    copied_ += piece.length;
    if (steps_.progress) {
      steps_.progress(copied_);
    }
    return {};
  }

  const Storage& from_;
  const WritableFile& to_;
  const KeepSteps& steps_;
  std::vector<std::byte> buffer_;
  std::uint64_t copied_ = 0;
};

Result<void> fill(const WritableFile& file, const Storage& base, const KeepPlan& plan, const KeepSteps& steps) {
  if (plan.by == KeptBy::copying) {
    return SparseCopy(base, file, steps).run();
  }
  if (QC_TRY(file.clone_all(base)) == CloneAnswer::impossible) {
    return std::unexpected(make_error(ErrorKind::io, "the file system does not share blocks with it any more")
                               .in(base.name())
                               .advise("nothing was written to it; run the command again"));
  }
  return {};
}

}  // namespace

Result<KeptBase> keep_base(const Storage& base, const KeepPlan& plan, const KeepSteps& steps) {
  const auto output = QC_TRY(OutputFile::create(plan.file, Existing::refuse));
  QC_TRY(take_owner_and_mode(output->file(), base));
  QC_TRY(fill(output->file(), base, plan, steps));
  KeptBase kept{.file = QC_TRY(recorded_file(output->file().descriptor(), plan.file)), .by = plan.by};
  // Killed between the name and the next note, a later run must know this file from one that somebody else made.
  QC_TRY(steps.announce(kept));
  QC_TRY(output->publish());  // the bytes, the name and the folder: durable before the base's first write
  kept.complete = true;
  return kept;
}

Result<KeptBase> confirm_kept(KeptBase kept) {
  QC_TRY(sync_folder_of(kept.file.path));
  kept.complete = true;
  return kept;
}

}  // namespace qchain
