#include "qcow/storage/output_file.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <filesystem>
#include <system_error>
#include <utility>

#include "qcow/storage/image_lock.h"

namespace qchain {
namespace {

constexpr mode_t new_file_mode = 0666;  // less the user's umask

std::string folder_of(const std::string& path) {
  std::string folder = std::filesystem::path(path).parent_path();
  return folder.empty() ? "." : folder;
}

std::unexpected<Error> already_there(const std::string& path) {
  return std::unexpected(
      make_error(ErrorKind::refused, "file exists").in(path).advise("choose another name, or replace it with --force"));
}

/// The name in its folder.
std::string name_of(const std::string& path) {
  return std::filesystem::path(path).filename();
}

UniqueFd open_folder(const std::string& folder) {
  return UniqueFd(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
}

bool sync_folder(const UniqueFd& folder) {
  return ::fsync(folder.get()) == 0 || errno == EINVAL;  // EINVAL: the file system needs none
}

/// Tries names beside `path` until `use` takes one: it returns false, with errno EEXIST, where the name is taken.
template <typename Use>
Result<std::string> with_temporary_name(const std::string& path, Use use) {
  for (int attempt = 0; attempt < 100; ++attempt) {
    std::string name = fmt::format("{}.qchain-{}-{}.tmp", name_of(path), ::getpid(), attempt);
    if (use(name)) {
      return name;
    }
    if (errno != EEXIST) {
      break;
    }
  }
  return fail_errno(errno, "cannot make a file beside it", path);
}

/// Nobody may have the file open that is about to lose its name: a guest would go on in a file that nobody finds.
Result<void> check_unused(const std::string& path) {
  const UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd.valid()) {
    return fail_errno(errno, "cannot open the file to be replaced", path);
  }
  QC_TRY_IN(path, ImageLock::acquire(fd.get(), {Permission::consistent_read, Permission::write},
                                     {Permission::consistent_read, Permission::write, Permission::resize}));
  return {};
}

}  // namespace

Result<void> sync_folder_of(const std::string& path) {
  const std::string folder = folder_of(path);
  const UniqueFd fd = open_folder(folder);
  if (!fd.valid() || !sync_folder(fd)) {
    return fail_errno(errno, "cannot write the folder to stable storage", folder);
  }
  return {};
}

Result<std::unique_ptr<OutputFile>> OutputFile::create(const std::string& path, Existing existing) {
  struct stat status{};
  if (::lstat(path.c_str(), &status) != 0) {
    return errno == ENOENT ? create_new(path, existing) : fail_errno(errno, "cannot make the file", path);
  }
  if (existing == Existing::refuse) {
    return already_there(path);
  }
  // What a symbolic link points to is replaced, not the link.
  std::error_code error;
  const std::string target = std::filesystem::canonical(path, error);
  if (error || ::stat(target.c_str(), &status) != 0) {
    return fail_errno(error ? error.value() : errno, "cannot follow the link", path);
  }
  if (S_ISBLK(status.st_mode)) {
    return open_device(target);
  }
  if (!S_ISREG(status.st_mode)) {
    return std::unexpected(make_error(ErrorKind::refused, "is neither a regular file nor a block device").in(path));
  }
  QC_TRY(check_unused(target));
  return create_new(target, existing);
}

Result<std::unique_ptr<OutputFile>> OutputFile::create_new(const std::string& path, Existing existing) {
  UniqueFd folder = open_folder(folder_of(path));
  if (!folder.valid()) {
    return fail_errno(errno, "cannot make the file", path);
  }
  // Without a name nothing is left behind, however this process ends.
  UniqueFd fd(::openat(folder.get(), ".", O_TMPFILE | O_RDWR | O_CLOEXEC, new_file_mode));
  std::string temporary;
  if (!fd.valid() && errno != EOPNOTSUPP && errno != EISDIR && errno != EINVAL) {
    return fail_errno(errno, "cannot make the file", path);
  }
  if (!fd.valid()) {
    temporary = QC_TRY(with_temporary_name(path, [&](const std::string& name) {
      fd = UniqueFd(::openat(folder.get(), name.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, new_file_mode));
      return fd.valid();
    }));
  }
  std::unique_ptr<OutputFile> output(
      new OutputFile(WritableFile(std::move(fd), path), std::move(folder), path, existing));
  output->temporary_ = std::move(temporary);
  return output;
}

Result<std::unique_ptr<OutputFile>> OutputFile::open_device(const std::string& path) {
  // O_EXCL on a block device: refused while it is mounted or part of something.
  UniqueFd fd(::open(path.c_str(), O_RDWR | O_EXCL | O_CLOEXEC));
  std::uint64_t size = 0;
  if (!fd.valid() || ::ioctl(fd.get(), BLKGETSIZE64, &size) != 0) {
    return fail_errno(errno, "cannot open the block device", path);
  }
  QC_TRY_IN(path, ImageLock::acquire(fd.get(), {Permission::consistent_read, Permission::write},
                                     {Permission::consistent_read, Permission::write, Permission::resize}));
  std::unique_ptr<OutputFile> output(
      new OutputFile(WritableFile(std::move(fd), path), UniqueFd(), path, Existing::replace));
  output->device_size_ = size;
  return output;
}

OutputFile::~OutputFile() {
  if (!temporary_.empty()) {
    ::unlinkat(folder_.get(), temporary_.c_str(), 0);
  }
}

Result<void> OutputFile::publish() {
  // Before the name: after a power cut, a file under the final name must hold all its bytes.
  QC_TRY(file_.sync());
  if (device_size_) {
    return {};
  }
  if (temporary_.empty()) {
    QC_TRY(link_nameless());
  }
  if (!temporary_.empty()) {
    QC_TRY(rename_temporary());
  }
  return sync_folder(folder_) ? Result<void>{}
                              : fail_errno(errno, "cannot write the folder to stable storage", folder_of(path_));
}

/// Gives the final name, or, where that name is to be replaced (link never does), a temporary one.
Result<void> OutputFile::link_nameless() {
  const std::string self = fmt::format("/proc/self/fd/{}", file_.descriptor());
  const auto link_to = [&](const std::string& name) {
    return ::linkat(AT_FDCWD, self.c_str(), folder_.get(), name.c_str(), AT_SYMLINK_FOLLOW) == 0;
  };
  if (existing_ == Existing::replace) {
    temporary_ = QC_TRY(with_temporary_name(path_, link_to));
    return {};
  }
  if (link_to(name_of(path_))) {
    return {};
  }
  return errno == EEXIST ? already_there(path_) : fail_errno(errno, "cannot name the file", path_);
}

Result<void> OutputFile::rename_temporary() {
  const int folder = folder_.get();
  const char* const from = temporary_.c_str();
  const std::string to = name_of(path_);
  const unsigned how = existing_ == Existing::replace ? 0 : RENAME_NOREPLACE;
  int failed = ::renameat2(folder, from, folder, to.c_str(), how);
  if (failed != 0 && errno == EINVAL && existing_ == Existing::refuse) {
    failed = ::linkat(folder, from, folder, to.c_str(),
                      0);  // file systems without that flag; the destructor removes the other name
    if (failed == 0) {
      return {};
    }
  }
  if (failed != 0) {
    return errno == EEXIST ? already_there(path_) : fail_errno(errno, "cannot name the file", path_);
  }
  temporary_.clear();
  return {};
}

}  // namespace qchain
