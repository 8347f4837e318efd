#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <iterator>
#include <map>
#include <vector>

#include "qcow/commit/record.h"
#include "qcow/storage/output_file.h"

namespace qchain {

namespace {

RecordedFile recorded_as(const struct stat& status, const std::string& path) {
  return {.path = path,
          .identity = {.device = status.st_dev, .inode = status.st_ino},
          .size = static_cast<std::uint64_t>(status.st_size),
          .modified_seconds = status.st_mtim.tv_sec,
          .modified_nanoseconds = static_cast<std::uint32_t>(status.st_mtim.tv_nsec)};
}

/// All files of a record.
std::vector<RecordedFile*> files_of(CommitRecord& record) {
  std::vector<RecordedFile*> files{&record.base};
  std::ranges::transform(record.merged, std::back_inserter(files), [](RecordedFile& file) { return &file; });
  if (record.overlay) {
    files.push_back(&*record.overlay);
  }
  if (record.kept) {
    files.push_back(&record.kept->file);
  }
  if (record.live) {
    if (record.live->overlay) {
      files.push_back(&*record.live->overlay);
    }
    if (record.live->new_base) {
      files.push_back(&*record.live->new_base);
    }
    std::ranges::transform(record.live->temporaries, std::back_inserter(files),
                           [](RecordedFile& file) { return &file; });
  }
  return files;
}

}  // namespace

void renumber_devices(CommitRecord& record) {
  std::map<std::uint64_t, std::uint64_t> now_by_then;
  for (RecordedFile* file : files_of(record)) {
    struct stat status{};
    if (::stat(file->path.c_str(), &status) == 0 && S_ISBLK(status.st_mode)) {
      file->identity = {.device = status.st_dev, .inode = status.st_ino};  // a node made anew at every start
    } else if (::lstat(file->path.c_str(), &status) == 0 && status.st_ino == file->identity.inode) {
      now_by_then.emplace(file->identity.device, status.st_dev);
    }
  }
  const auto renumber = [&](FileIdentity& identity) {
    const auto found = now_by_then.find(identity.device);
    identity.device = found == now_by_then.end() ? identity.device : found->second;
  };
  renumber(record.asked.image);
  for (RecordedFile* file : files_of(record)) {
    renumber(file->identity);
  }
}

Result<void> adopt_new_base(CommitRecord& record) {
  struct stat status{};
  if (!record.live || !record.live->new_base || ::lstat(record.base.path.c_str(), &status) != 0 ||
      FileIdentity{.device = status.st_dev, .inode = status.st_ino} != record.live->new_base->identity) {
    return {};
  }
  QC_TRY(sync_folder_of(record.base.path));  // whatever is built on it must not outlive it in a power cut
  record.base = recorded_as(status, record.base.path);
  record.live->new_base.reset();
  record.state = std::max(record.state, CommitState::relinking);
  record.moved_to = record.view_size;
  return {};
}

Result<RecordedFile> recorded_file(int descriptor, const std::string& path) {
  struct stat status{};
  if (::fstat(descriptor, &status) != 0) {
    return fail_errno(errno, "cannot stat", path);
  }
  return recorded_as(status, path);
}

bool is_file_as_recorded(const RecordedFile& file) {
  struct stat status{};
  return ::lstat(file.path.c_str(), &status) == 0 && recorded_as(status, file.path) == file;
}

}  // namespace qchain
