#pragma once

#include <gtest/gtest.h>
#include <sys/types.h>

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "tests/support/process.h"
#include "tests/support/temp_dir.h"

namespace qchain::test {

/// By fusermount3. Tries for some seconds: whoever looks at all mounts just now, as other tests do, keeps this one
/// busy.
void unmount_fuse(const std::string& mountpoint);

/// A test on real FUSE: skipped with the reason where there is none, failed under CI=true.
class MountTest : public testing::Test {
 protected:
  void SetUp() override;

  TempDir dir_;
};

/// The command that mounts: the driver of this folder, which takes the words of `qchain mount`.
[[nodiscard]] Arguments mount_command(const Arguments& more);

/// What /proc/self/mountinfo says of the newest mount at a place.
struct MountFacts {
  std::string type;
  std::string source;
};
[[nodiscard]] std::optional<MountFacts> mount_at(const std::string& mountpoint);

/// A process that is waited for by its descriptor, so that no later one with the same number is meant.
class Observed {
 public:
  explicit Observed(pid_t process);
  Observed(Observed&& other) noexcept;
  Observed& operator=(Observed&&) = delete;
  ~Observed();

  [[nodiscard]] pid_t id() const noexcept { return process_; }
  void send(int signal) const;
  /// True once it has ended; false after 10 seconds.
  [[nodiscard]] bool ended() const;

 private:
  pid_t process_;
  int descriptor_;
};

/// Running processes that were started with `word` as one of their arguments.
[[nodiscard]] std::vector<pid_t> processes_with_argument(const std::string& word);

/// A chain that is mounted in the background, from the first call on that it returns, to the end of this object.
class MountedChain {
 public:
  /// Throws std::runtime_error when it can't be mounted. `more`: options before IMAGE.
  MountedChain(const std::string& image, std::string mountpoint, const Arguments& more = {});
  MountedChain(const MountedChain&) = delete;
  MountedChain& operator=(const MountedChain&) = delete;
  ~MountedChain();

  [[nodiscard]] const std::string& path() const noexcept { return mountpoint_; }
  [[nodiscard]] std::string operator/(std::string_view name) const { return mountpoint_ + "/" + std::string(name); }
  /// The serving process, and the one that watches over it.
  [[nodiscard]] const Observed& server() const { return *server_; }
  [[nodiscard]] const Observed& watchdog() const { return *watchdog_; }
  /// fusermount3 -u, which must succeed.
  void unmount() const;
  /// Neither a process nor a mount is left, after a bounded wait.
  [[nodiscard]] testing::AssertionResult is_gone() const;

 private:
  std::string mountpoint_;
  std::optional<Observed> server_;
  std::optional<Observed> watchdog_;
};

}  // namespace qchain::test
