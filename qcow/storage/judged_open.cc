#include "qcow/storage/judged_open.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <linux/magic.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <utility>

namespace qchain {
namespace {

const char* role_name(OpenRole role) {
  return role == OpenRole::data_file ? "data file" : "backing file";
}

/// File systems whose files are the kernel's words: they look regular, but say whatever this process, or root, may
/// know.
constexpr std::array<std::uint64_t, 11> kernel_file_systems{
    PROC_SUPER_MAGIC, SYSFS_MAGIC,    DEBUGFS_MAGIC,  TRACEFS_MAGIC, CGROUP_SUPER_MAGIC, CGROUP2_SUPER_MAGIC,
    SECURITYFS_MAGIC, PSTOREFS_MAGIC, EFIVARFS_MAGIC, BPF_FS_MAGIC,  BINFMTFS_MAGIC};

bool is_of_the_kernel(int descriptor) {
  struct statfs status{};
  return ::fstatfs(descriptor, &status) == 0 &&
         std::ranges::find(kernel_file_systems, static_cast<std::uint64_t>(status.f_type)) != kernel_file_systems.end();
}

/// The file itself, not opened yet. What a header names must be there by its name: a link of /proc (/dev/fd/N) would
/// lead to whatever this process or another has open.
UniqueFd touch(const OpenRequest& request) {
  if (request.role != OpenRole::named_by_user) {
    open_how how{.flags = O_PATH | O_CLOEXEC, .mode = 0, .resolve = RESOLVE_NO_MAGICLINKS};
    const auto fd = static_cast<int>(::syscall(SYS_openat2, AT_FDCWD, request.path.c_str(), &how, sizeof how));
    if (fd >= 0 || errno != ENOSYS) {
      return UniqueFd(fd);
    }
  }
  return UniqueFd(::open(request.path.c_str(), O_PATH | O_CLOEXEC));
}

std::unexpected<Error> open_failed(int errno_value, const OpenRequest& request) {
  if (errno_value == ELOOP && request.role != OpenRole::named_by_user) {
    Error error = make_error(ErrorKind::refused, "is a link of /proc, or a loop of links").in(request.path);
    return std::unexpected(with_origin(std::move(error), request));
  }
  Error error = errno_value == ENOENT ? make_error(ErrorKind::not_found, "no such file").in(request.path)
                                      : fail_errno(errno_value, "cannot open", request.path).error();
  return std::unexpected(with_origin(std::move(error), request));
}

const char* refused_kind(mode_t mode) {
  switch (mode & S_IFMT) {
    case S_IFDIR:
      return "is a folder, not an image";
    case S_IFIFO:
      return "is a FIFO, not an image";
    case S_IFSOCK:
      return "is a socket, not an image";
    case S_IFCHR:
      return "is a character device, not an image";
    default:
      return "is neither a regular file nor a block device";
  }
}

}  // namespace

Error&& with_origin(Error&& error, const OpenRequest& request) {
  if (request.role == OpenRole::named_by_user) {
    return std::move(error);
  }
  std::string origin = fmt::format("named as {} by {}", role_name(request.role), request.named_by);
  if (error.kind == ErrorKind::not_found) {
    origin += request.role == OpenRole::backing_file ? "; move it back or re-point the overlay with qemu-img rebase -u"
                                                     : "; move it back";
  }
  error.advice = error.advice.empty() ? origin : origin + "; " + error.advice;
  return std::move(error);
}

Result<UniqueFd> open_judged(const OpenRequest& request, AccessMode mode, const AllowedFolders& allowed) {
  if (request.path.contains('\0')) {
    return std::unexpected(
        with_origin(make_error(ErrorKind::refused, "the file name holds a NUL byte").in(request.path), request));
  }
  const UniqueFd handle = touch(request);
  struct stat status{};
  if (!handle.valid() || ::fstat(handle.get(), &status) != 0) {
    return open_failed(errno, request);
  }
  if (!S_ISREG(status.st_mode) && !S_ISBLK(status.st_mode)) {
    return std::unexpected(
        with_origin(make_error(ErrorKind::refused, refused_kind(status.st_mode)).in(request.path), request));
  }
  if (is_of_the_kernel(handle.get())) {
    return std::unexpected(with_origin(
        make_error(ErrorKind::refused, "is a file of the kernel's, not an image").in(request.path), request));
  }
  QC_TRY(allowed.judge(request, handle.get()));
  const int access = mode == AccessMode::read_write ? O_RDWR : O_RDONLY;
  UniqueFd fd(::open(fmt::format("/proc/self/fd/{}", handle.get()).c_str(), access | O_CLOEXEC | O_NOCTTY));
  if (!fd.valid() && errno == ENOENT) {
    return std::unexpected(make_error(ErrorKind::io, "cannot open without /proc").in(request.path));
  }
  if (!fd.valid()) {
    return open_failed(errno, request);
  }
  return fd;
}

}  // namespace qchain
