#include "fusefs/stderr_capture.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>

namespace qchain::fusefs {

Result<StderrCapture> StderrCapture::start() {
  UniqueFd original(fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 3));
  UniqueFd kept(memfd_create("qchain-stderr", MFD_CLOEXEC));
  if (!original.valid() || !kept.valid() || dup2(kept.get(), STDERR_FILENO) < 0) {
    return fail_errno(errno, "can't capture the messages of fusermount3", "");
  }
  return StderrCapture(std::move(original), std::move(kept));
}

StderrCapture::~StderrCapture() {
  if (original_.valid()) {
    dup2(original_.get(), STDERR_FILENO);
  }
}

std::string StderrCapture::text() const {
  std::array<char, 1000> buffer{};
  const ssize_t count = pread(kept_.get(), buffer.data(), buffer.size(), 0);
  std::string line(buffer.data(), static_cast<std::size_t>(std::max<ssize_t>(count, 0)));
  line.erase(line.find_last_not_of('\n') + 1);
  std::ranges::replace(line, '\n', ';');
  return line;
}

}  // namespace qchain::fusefs
