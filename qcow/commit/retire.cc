#include "qcow/commit/retire.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <optional>
#include <ranges>

#include "qcow/commit/siblings.h"
#include "qcow/commit/verify_commit.h"
#include "qcow/storage/block_device.h"
#include "qcow/storage/image_lock.h"
#include "qcow/storage/read_back_gate.h"
#include "qcow/storage/unique_fd.h"

namespace qchain {

namespace {

namespace fs = std::filesystem;

std::unexpected<Error> keep(const RecordedFile& file, std::string_view why) {
  return std::unexpected(make_error(ErrorKind::refused, why).in(file.path).advise("nothing was deleted"));
}

/// The file at the recorded path, held open, if it is still the one that was merged.
Result<UniqueFd> hold(const RecordedFile& file) {
  UniqueFd fd(::open(file.path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK));
  if (!fd.valid()) {
    return fail_errno(errno, "cannot open", file.path);
  }
  if (QC_TRY(recorded_file(fd.get(), file.path)) != file) {
    return keep(file, "was changed or replaced after it was merged");
  }
  return fd;
}

bool exists(const RecordedFile& file) {
  struct stat status{};
  return ::lstat(file.path.c_str(), &status) == 0;
}

/// Nobody may even read it: whoever does would lose the file under it.
Result<void> claim(const UniqueFd& fd, const RecordedFile& file) {
  const Permissions none{};
  const Permissions all{Permission::consistent_read, Permission::write, Permission::write_unchanged,
                        Permission::resize};
  const auto lock = ImageLock::acquire(fd.get(), none, all);
  if (!lock) {
    return std::unexpected(Error(lock.error()).in(file.path).advise("nothing was deleted; end that process first"));
  }
  return {};
}

Result<std::vector<UniqueFd>> hold_all(const CommitRecord& record) {
  std::vector<UniqueFd> held;
  for (const RecordedFile& file : record.merged) {
    if (exists(file)) {
      held.push_back(QC_TRY(hold(file)));
      QC_TRY(claim(held.back(), file));
    }
  }
  return held;
}

bool is_merged(const CommitRecord& record, const std::string& path) {
  std::error_code error;
  return std::ranges::any_of(record.merged,
                             [&](const RecordedFile& file) { return fs::equivalent(file.path, path, error); });
}

/// No image but the merged ones themselves may name one of them as its backing file.
Result<void> check_users(const CommitRecord& record, const std::vector<std::string>& more_folders) {
  std::vector<std::string> folders = more_folders;
  std::vector<RecordedFile> files = record.merged;
  files.push_back(record.base);
  files.push_back(record.overlay.value_or(record.base));
  for (const RecordedFile& file : files) {
    add_folders_of(file.path, folders);
  }
  std::ranges::sort(folders);
  const auto repeated = std::ranges::unique(folders);
  folders.erase(repeated.begin(), repeated.end());
  for (const RecordedFile& file : record.merged) {
    for (const std::string& user : images_backed_by(file.identity, folders)) {
      if (!is_merged(record, user)) {
        return keep(file, fmt::format("'{}' still hangs on it", user));
      }
    }
  }
  return {};
}

/// From the top down: whatever is left after a crash still finds its backing file.
Result<void> delete_all(const CommitRecord& record, Retirement& retirement) {
  for (const RecordedFile& file : std::views::reverse(record.merged)) {
    if (::unlink(file.path.c_str()) != 0) {
      if (errno == ENOENT) {
        continue;  // an earlier run was cut off
      }
      return fail_errno(errno, "cannot delete", file.path);
    }
    retirement.deleted.push_back(file.path);
  }
  return {};
}

/// It can't be compared with what is there of the layers any more, nor with a digest of them.
bool is_without_proof(const CommitRecord& record) {
  return !exists(record.merged.back()) && !record.content && !record.whole;
}

/// An earlier retirement had passed all checks.
bool was_cut_off(const CommitRecord& record) {
  return record.state == CommitState::verified && record.retiring;
}

Result<void> expect_files(const CommitRecord& record) {
  for (const RecordedFile& file : record.merged) {
    if (is_block_device(file.path)) {
      return keep(file, "is a block device: remove it yourself, after qchain verify");
    }
  }
  return {};
}

/// The guest writes to the base since: it was compared with the layers just before, and they must still be the same.
bool was_verified_live(const CommitRecord& record) {
  return record.state == CommitState::verified && record.live && record.live->step == LiveStep::pivoted;
}

/// What the disk has counts, not the page cache: there is no other copy afterwards.
Result<void> verify_before(RecordStore& records, const RecordedFile& base, const CompareOptions& options) {
  ReadBackGate base_from_disk(base.identity);
  const CommitCheck check = QC_TRY(verify_commit(records, base_from_disk, options));
  if (!check.good()) {
    return std::unexpected(make_error(ErrorKind::refused, "it does not read as the overlays that were merged into it")
                               .in(base.path)
                               .advise("nothing more is deleted; keep what is left of them"));
  }
  const auto record = QC_TRY(records.load());
  if (record && record->whole && record->whole->differs) {
    return std::unexpected(make_error(ErrorKind::refused, "the whole base did not read as before the first write")
                               .in(record->base.path)
                               .advise("nothing was deleted; look with qchain commit --verify=full again"));
  }
  return {};
}

}  // namespace

std::vector<std::string> folders_to_scan(std::vector<std::string> named, const std::string& anchor) {
  add_folders_of(anchor, named);
  return named;
}

Result<Retirement> retire(RecordStore& records, const CompareOptions& options,
                          const std::vector<std::string>& folders) {
  auto record = QC_TRY(records.load());
  Retirement retirement;
  if (!record) {
    return fail(ErrorKind::refused, "there is no record of a commit beside it");
  }
  if (record->state == CommitState::retired) {
    return retirement;
  }
  QC_TRY(expect_files(*record));
  QC_TRY(expect_in_place(record->base));
  // Cut off half-way, the layers can't be compared any more, but the base must still be what they were.
  if (!was_verified_live(*record) && !(was_cut_off(*record) && is_without_proof(*record))) {
    QC_TRY(verify_before(records, record->base, options));
    record = QC_TRY(records.load());
  }
  const std::vector<UniqueFd> held = QC_TRY(hold_all(*record));  // their locks last until all is deleted
  QC_TRY(check_users(*record, folders));  // behind the locks: nobody can put an overlay on one of them any more
  record->retiring = true;                // whatever is missing from here on was proved before
  QC_TRY(records.save(*record));
  QC_TRY(delete_all(*record, retirement));
  record->retiring = false;
  record->state = CommitState::retired;
  QC_TRY(records.save(*record));
  return retirement;
}

}  // namespace qchain
