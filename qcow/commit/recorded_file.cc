#include <sys/stat.h>

#include <cerrno>

#include "qcow/commit/record.h"

namespace qchain {

namespace {

RecordedFile recorded_as(const struct stat& status, const std::string& path) {
  return {.path = path,
          .identity = {.device = status.st_dev, .inode = status.st_ino},
          .size = static_cast<std::uint64_t>(status.st_size),
          .modified_seconds = status.st_mtim.tv_sec,
          .modified_nanoseconds = static_cast<std::uint32_t>(status.st_mtim.tv_nsec)};
}

}  // namespace

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
