#include "tests/mount/mounted_chain.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <sstream>
#include <stdexcept>
#include <system_error>
#include <thread>
#include <utility>

namespace qchain::test {
namespace {

namespace fs = std::filesystem;

constexpr int patience_milliseconds = 10000;

std::string text_of(const fs::path& file) {
  std::ifstream stream(file, std::ios::binary);
  std::string text;
  std::getline(stream, text, static_cast<char>(0xff));  // not by istreambuf_iterator: it throws when a process ends
  return text;
}

bool has_argument(const fs::path& process, const std::string& word) {
  const std::string arguments = '\0' + text_of(process / "cmdline");
  return arguments.contains('\0' + word + '\0');
}

bool is_watchdog(pid_t process) {
  return text_of(fs::path("/proc") / std::to_string(process) / "comm") == "qchain-watchdog\n";
}

// mountinfo writes blanks and the like as \ooo; the folders of these tests have none.
std::optional<MountFacts> parse_mount(const std::string& line, const std::string& mountpoint) {
  std::istringstream words(line);
  std::vector<std::string> fields{std::istream_iterator<std::string>(words), {}};
  const auto dash = std::ranges::find(fields, "-");
  if (fields.size() < 5 || fields[4] != mountpoint || std::distance(dash, fields.end()) < 3) {
    return std::nullopt;
  }
  return MountFacts{dash[1], dash[2]};
}

}  // namespace

void MountTest::SetUp() {
  const int device = open("/dev/fuse", O_RDWR | O_CLOEXEC);
  if (device >= 0) {
    close(device);
    return;
  }
  const std::string reason = "/dev/fuse can't be opened: " + std::generic_category().message(errno);
  const char* ci = std::getenv("CI");  // NOLINT(concurrency-mt-unsafe): no other thread
  if (ci != nullptr && std::string_view(ci) == "true") {
    FAIL() << reason;
  }
  GTEST_SKIP() << reason;
}

Arguments mount_command(const Arguments& more) {
  Arguments command{QCHAIN_MOUNT_DRIVER};
  command.insert(command.end(), more.begin(), more.end());
  return command;
}

std::optional<MountFacts> mount_at(const std::string& mountpoint) {
  std::ifstream mounts("/proc/self/mountinfo");
  std::optional<MountFacts> newest;
  for (std::string line; std::getline(mounts, line);) {
    if (auto found = parse_mount(line, mountpoint)) {
      newest = std::move(found);
    }
  }
  return newest;
}

std::vector<pid_t> processes_with_argument(const std::string& word) {
  std::vector<pid_t> found;
  for (const auto& entry : fs::directory_iterator("/proc")) {
    const std::string name = entry.path().filename();
    if (std::ranges::all_of(name, [](char c) { return c >= '0' && c <= '9'; }) && has_argument(entry.path(), word)) {
      found.push_back(std::stoi(name));
    }
  }
  return found;
}

Observed::Observed(pid_t process)
    : process_(process), descriptor_(static_cast<int>(syscall(SYS_pidfd_open, process, 0))) {
  if (descriptor_ < 0) throw std::system_error(errno, std::generic_category(), "pidfd_open");
}

Observed::Observed(Observed&& other) noexcept
    : process_(other.process_), descriptor_(std::exchange(other.descriptor_, -1)) {}

Observed::~Observed() {
  if (descriptor_ >= 0) close(descriptor_);
}

void Observed::send(int signal) const {
  if (syscall(SYS_pidfd_send_signal, descriptor_, signal, nullptr, 0) != 0 && errno != ESRCH) {
    throw std::system_error(errno, std::generic_category(), "pidfd_send_signal");
  }
}

bool Observed::ended() const {
  pollfd waiting{descriptor_, POLLIN, 0};
  int count = 0;
  do {
    count = poll(&waiting, 1, patience_milliseconds);
  } while (count < 0 && errno == EINTR);
  return count == 1;
}

MountedChain::MountedChain(const std::string& image, std::string mountpoint, const Arguments& more)
    : mountpoint_(std::move(mountpoint)) {
  Arguments arguments = more;
  arguments.insert(arguments.end(), {image, mountpoint_});
  must_run(mount_command(arguments));
  for (const pid_t process : processes_with_argument(mountpoint_)) {
    (is_watchdog(process) ? watchdog_ : server_).emplace(process);
  }
  if (!server_ || !watchdog_) throw std::runtime_error("no process serves " + mountpoint_);
}

MountedChain::~MountedChain() {
  if (mount_at(mountpoint_)) {
    static_cast<void>(run({"fusermount3", "-u", "-z", "-q", mountpoint_}));
  }
  static_cast<void>(is_gone());
}

void unmount_fuse(const std::string& mountpoint) {
  for (int tries = 50; tries > 0; --tries) {
    const ProcessResult result = run({"fusermount3", "-u", mountpoint});
    if (result.ok() || !result.err.contains("busy")) {
      break;
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(100));
  }
  if (mount_at(mountpoint)) {
    must_run({"fusermount3", "-u", mountpoint});
  }
}

void MountedChain::unmount() const {
  unmount_fuse(mountpoint_);
}

testing::AssertionResult MountedChain::is_gone() const {
  if (!server_->ended()) return testing::AssertionFailure() << "the serving process goes on";
  if (!watchdog_->ended()) return testing::AssertionFailure() << "the watchdog goes on";
  if (mount_at(mountpoint_)) return testing::AssertionFailure() << "the mount is still there";
  return testing::AssertionSuccess();
}

}  // namespace qchain::test
