#include "fusefs/mountpoint.h"

#include <sys/stat.h>

#include <cerrno>
#include <cstdlib>
#include <memory>

namespace qchain::fusefs {
namespace {

struct Free {
  void operator()(char* text) const noexcept { std::free(text); }
};

std::unexpected<Error> unusable(int reason, const std::string& path) {
  auto failed = fail_errno(reason, "can't mount here", path);
  if (reason == ENOENT) {
    return std::unexpected(std::move(failed).error().advise("create the folder first"));
  }
  if (reason == ENOTCONN) {
    return std::unexpected(std::move(failed).error().advise("a dead mount is in the way: fusermount3 -u -z " + path));
  }
  return failed;
}

}  // namespace

Result<Mountpoint> find_mountpoint(const std::string& path) {
  const std::unique_ptr<char, Free> resolved(realpath(path.c_str(), nullptr));
  struct stat stat{};
  if (!resolved || ::stat(resolved.get(), &stat) != 0) {
    return unusable(errno, path);
  }
  if (S_ISDIR(stat.st_mode)) {
    return Mountpoint{resolved.get(), Mountpoint::Kind::folder};
  }
  if (S_ISREG(stat.st_mode)) {
    return Mountpoint{resolved.get(), Mountpoint::Kind::file};
  }
  return std::unexpected(
      make_error(ErrorKind::invalid_argument, "can't mount here: neither a folder nor a regular file").in(path));
}

}  // namespace qchain::fusefs
