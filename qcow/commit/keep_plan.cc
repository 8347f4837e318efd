#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>

#include "qcow/commit/keep_base.h"
#include "qcow/storage/writable_file.h"

namespace qchain {

namespace {

namespace fs = std::filesystem;

std::unexpected<Error> refused(const std::string& file, std::string_view what, std::string_view advice) {
  return std::unexpected(make_error(ErrorKind::refused, what).in(file).advise(advice));
}

/// By trying in a nameless file: nothing is left behind.
Result<bool> can_share(const Storage& base, const fs::path& folder) {
  struct stat status{};
  if (::stat(folder.c_str(), &status) != 0) {
    return fail_errno(errno, "cannot look at the folder", folder.string());
  }
  if (status.st_dev != base.identity().device) {
    return false;
  }
  UniqueFd fd(::open(folder.c_str(), O_TMPFILE | O_RDWR | O_CLOEXEC, 0600));
  return fd.valid() && QC_TRY(WritableFile(std::move(fd), folder).try_clone(base)) == CloneAnswer::cloned;
}

/// Bytes that a copy with holes takes at the most.
std::uint64_t copied_bytes(const Storage& base) {
  struct stat status{};
  const bool is_file = ::fstat(base.descriptor(), &status) == 0 && S_ISREG(status.st_mode);
  return is_file ? std::min(base.facts().bytes_on_disk, base.size()) : base.size();
}

/// Where it is the base's own file system, the space is looked at together with what the commit itself needs.
Result<void> find_space(const Storage& base, KeepPlan& plan) {
  struct stat status{};
  struct statvfs space{};
  const std::string folder = fs::path(plan.file).parent_path();
  if (::stat(folder.c_str(), &status) != 0 || ::statvfs(folder.c_str(), &space) != 0) {
    return fail_errno(errno, "cannot look at the folder", folder);
  }
  if (status.st_dev == base.identity().device) {
    plan.on_base_disk = plan.bytes;
    return {};
  }
  if (const std::uint64_t free = space.f_bavail * space.f_frsize; plan.bytes > free) {
    return std::unexpected(
        make_error(ErrorKind::no_space,
                   fmt::format("a copy of the base takes up to {} bytes, {} are free", plan.bytes, free))
            .in(plan.file)
            .advise("make room first; nothing was written"));
  }
  return {};
}

Result<KeepPlan> plan_new(const Image& image, const KeepRequest& request, const fs::path& file) {
  const Storage& base = image.storage();
  struct stat status{};
  if (::lstat(file.c_str(), &status) == 0) {
    return refused(file, "file exists, the base can't be kept as it", "choose another name");
  }
  if (&image.data_storage() != &base) {
    return refused(base.name(), "its guest data are in an external data file, which would not be kept with it",
                   "keep both files yourself, then commit without --keep-base");
  }
  KeepPlan plan{.file = file};
  if (QC_TRY(can_share(base, file.parent_path()))) {
    return plan;
  }
  plan.by = KeptBy::copying;
  plan.bytes = copied_bytes(base);
  if (request.copy == CopyToKeep::refuse) {
    return refused(
        file,
        fmt::format("the base can't be kept there by sharing its blocks; a copy takes up to {} bytes", plan.bytes),
        "add --keep-base-copy if it may be copied, or choose a place that shares blocks with the base");
  }
  QC_TRY(find_space(base, plan));
  return plan;
}

/// An earlier run has kept it, or was cut off while it did: then nothing was written to the base yet.
Result<KeepPlan> plan_again(const Image& image, const KeepRequest& request, const EarlierKeeping& earlier,
                            const fs::path& file) {
  if (earlier.kept->complete) {
    return KeepPlan{.file = file, .by = earlier.kept->by, .is_kept = true};
  }
  if (!is_file_as_recorded(earlier.kept->file)) {
    return plan_new(image, request, file);
  }
  if (!earlier.base_is_the_same) {
    return refused(file, "the base was changed after it was kept as this file", "move that file away first");
  }
  return KeepPlan{.file = file, .by = earlier.kept->by, .is_kept = true};
}

}  // namespace

Result<std::string> kept_name(const std::string& file) {
  std::error_code error;
  const fs::path name = fs::path(file).filename();
  const fs::path folder = fs::canonical(fs::absolute(file, error).parent_path(), error);
  if (error) {
    return fail_errno(error.value(), "cannot find the folder to keep the base in", file);
  }
  if (name.empty() || name == "." || name == "..") {
    return refused(file, "is no name for a file to keep the base as", "name a new file");
  }
  return (folder / name).string();
}

Result<KeepPlan> plan_keeping(const Image& base, const std::string& record, const KeepRequest& request,
                              const EarlierKeeping& earlier) {
  const fs::path file = QC_TRY(kept_name(request.file));
  const bool is_named_so = earlier.kept && earlier.kept->file.path == file;
  if (earlier.begun && earlier.kept && !is_named_so) {
    return refused(file, fmt::format("this commit keeps the base as '{}' already", earlier.kept->file.path),
                   "run the command with that name, or without --keep-base");
  }
  if (is_named_so) {
    return plan_again(base, request, earlier, file);
  }
  if (earlier.begun) {
    return refused(base.storage().name(), "this commit was begun without --keep-base: the base is not as it was",
                   "run the command without --keep-base");
  }
  if (const std::string reserved = QC_TRY(kept_name(record)); file == reserved || file == reserved + ".new") {
    return refused(file, "is where the record of this commit goes", "choose another name");
  }
  return plan_new(base, request, file);
}

}  // namespace qchain
