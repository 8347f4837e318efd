// Loaded before the system's library (LD_PRELOAD), makes calls on disks fail as the environment says:
//   QCHAIN_FAULT_AT=N      number of the call that fails, from 0; later ones work again
//   QCHAIN_FAULT_ERRNO=E   with this errno; for a write: after half of it
//   QCHAIN_FAULT_REPORT=F  file that is told the name of the call that failed
//   QCHAIN_FAULT_ALWAYS=M  every call: "short": reads and writes a part, "interrupted": every other one EINTR,
//                          "slow": waits for 5 ms
//   QCHAIN_FAULT_CLONE=N   number of the FICLONERANGE that fails with QCHAIN_FAULT_ERRNO, from 0, counted by themselves
#include <dlfcn.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <chrono>
#include <cstdarg>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string_view>
#include <thread>

namespace {

/// What the environment said when the process began; later it may not be asked any more.
struct Plan {
  long at = -1;
  long clone = -1;
  int error = EIO;
  int report = -1;
  std::string_view always;

  Plan() {
    if (const char* const text = std::getenv("QCHAIN_FAULT_AT")) at = std::atol(text);
    if (const char* const text = std::getenv("QCHAIN_FAULT_CLONE")) clone = std::atol(text);
    if (const char* const text = std::getenv("QCHAIN_FAULT_ERRNO")) error = std::atoi(text);
    if (const char* const text = std::getenv("QCHAIN_FAULT_ALWAYS")) always = text;
    if (const char* const path = std::getenv("QCHAIN_FAULT_REPORT")) {
      report = ::open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    }
  }
};

const Plan& plan() {
  static const Plan made;
  return made;
}
[[gnu::constructor]] void read_environment() {
  static_cast<void>(plan());
}

std::atomic<long> calls = 0;
std::atomic<long> clones = 0;

void report(const char* name) {
  static_cast<void>(!::write(plan().report, name, std::strlen(name)));
}

/// Whether this call is the one; errno is set then.
bool fails(const char* name) {
  const long number = calls++;
  if (plan().always == "slow") {
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  if (plan().always == "interrupted" && number % 2 == 0) {
    errno = EINTR;
    return true;
  }
  if (number != plan().at) {
    return false;
  }
  report(name);
  errno = plan().error;
  return true;
}

std::size_t allowed(std::size_t wanted) {
  return plan().always == "short" && wanted > 1 ? 1 + static_cast<std::size_t>(calls.load() * 7919) % wanted : wanted;
}

template <typename Function>
Function next(const char* name) {
  return reinterpret_cast<Function>(::dlsym(RTLD_NEXT, name));
}

}  // namespace

extern "C" {

ssize_t pread64(int fd, void* into, size_t count, off64_t offset) {
  static const auto real = next<ssize_t (*)(int, void*, size_t, off64_t)>("pread64");
  return fails("pread") ? -1 : real(fd, into, allowed(count), offset);
}

ssize_t pwrite64(int fd, const void* from, size_t count, off64_t offset) {
  static const auto real = next<ssize_t (*)(int, const void*, size_t, off64_t)>("pwrite64");
  if (fails("pwrite")) {
    const int error = errno;
    if (error != EINTR) {
      static_cast<void>(!real(fd, from, count / 2, offset));
    }
    errno = error;
    return -1;
  }
  return real(fd, from, allowed(count), offset);
}

off64_t lseek64(int fd, off64_t offset, int whence) noexcept {
  static const auto real = next<off64_t (*)(int, off64_t, int)>("lseek64");
  const bool asks_for_holes = whence == SEEK_DATA || whence == SEEK_HOLE;
  return asks_for_holes && plan().always.empty() && fails("lseek") ? -1 : real(fd, offset, whence);
}

int ftruncate64(int fd, off64_t length) noexcept {
  static const auto real = next<int (*)(int, off64_t)>("ftruncate64");
  return plan().always.empty() && fails("ftruncate") ? -1 : real(fd, length);
}

int fallocate64(int fd, int mode, off64_t offset, off64_t length) {
  static const auto real = next<int (*)(int, int, off64_t, off64_t)>("fallocate64");
  return plan().always.empty() && fails("fallocate") ? -1 : real(fd, mode, offset, length);
}

int fdatasync(int fd) {
  static const auto real = next<int (*)(int)>("fdatasync");
  return plan().always.empty() && fails("fdatasync") ? -1 : real(fd);
}

int fsync(int fd) {
  static const auto real = next<int (*)(int)>("fsync");
  return plan().always.empty() && fails("fsync") ? -1 : real(fd);
}

int linkat(int from_folder, const char* from, int to_folder, const char* to, int flags) noexcept {
  static const auto real = next<int (*)(int, const char*, int, const char*, int)>("linkat");
  return plan().always.empty() && fails("linkat") ? -1 : real(from_folder, from, to_folder, to, flags);
}

int renameat2(int from_folder, const char* from, int to_folder, const char* to, unsigned flags) noexcept {
  static const auto real = next<int (*)(int, const char*, int, const char*, unsigned)>("renameat2");
  return plan().always.empty() && fails("renameat2") ? -1 : real(from_folder, from, to_folder, to, flags);
}

int ioctl(int fd, unsigned long request, ...) noexcept {
  static const auto real = next<int (*)(int, unsigned long, ...)>("ioctl");
  va_list rest;
  va_start(rest, request);
  void* const argument = va_arg(rest, void*);
  va_end(rest);
  if (request == FICLONERANGE && clones++ == plan().clone) {
    report("clone");
    errno = plan().error;
    return -1;
  }
  return real(fd, request, argument);
}
}
