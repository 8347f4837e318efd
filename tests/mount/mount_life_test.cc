#include <fcntl.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <latch>
#include <thread>

#include "tests/mount/chains.h"
#include "tests/mount/file_reader.h"
#include "tests/mount/mounted_chain.h"
#include "tests/support/files.h"
#include "tests/support/qemu.h"

namespace qchain::test {
namespace {

namespace fs = std::filesystem;

class MountLife : public MountTest {
 protected:
  void SetUp() override {
    MountTest::SetUp();
    if (IsSkipped() || HasFatalFailure()) return;
    files_ = make_plain_chain(dir_, 8 << 20);
    fs::create_directory(mnt_);
    make_hole_file(file_, 0);
    poke(file_, 0, bytes_of("mine"));
  }

  ByteVector expected() const { return telling_bytes(8 << 20, 1); }

  std::string mnt_ = dir_ / "mnt";
  std::string file_ = dir_ / "file";
  ChainFiles files_;
};

TEST_F(MountLife, EndsWithUnmount) {
  const MountedChain mounted(files_.top(), mnt_);
  mounted.unmount();
  EXPECT_TRUE(mounted.is_gone());
}

TEST_F(MountLife, EndsWithSigterm) {
  const MountedChain mounted(files_.top(), mnt_);
  mounted.server().send(SIGTERM);
  EXPECT_TRUE(mounted.is_gone());
}

TEST_F(MountLife, GoesOnAfterASignalThatConcernsNobody) {
  const MountedChain mounted(files_.top(), mnt_);
  mounted.server().send(SIGUSR1);
  EXPECT_EQ(read_file(mounted / "disk.raw"), expected());
}

TEST_F(MountLife, EndsWithUnmountThoughItsSignalsAreBlocked) {
  sigset_t all;
  sigset_t before;
  sigfillset(&all);
  pthread_sigmask(SIG_BLOCK, &all, &before);
  const MountedChain mounted(files_.top(), mnt_);
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
  mounted.unmount();
  EXPECT_TRUE(mounted.is_gone());
}

TEST_F(MountLife, LeavesNothingBehindWhenKilled) {
  const MountedChain mounted(files_.top(), mnt_);
  mounted.server().send(SIGKILL);
  EXPECT_TRUE(mounted.is_gone());
  EXPECT_TRUE(fs::is_empty(mnt_));
}

TEST_F(MountLife, LeavesNothingBehindWhenKilledWithFilesOpen) {
  const MountedChain mounted(files_.top(), mnt_);
  const FileReader file(mounted / "disk.raw");
  mounted.server().send(SIGKILL);
  EXPECT_TRUE(mounted.is_gone());
  EXPECT_THROW(static_cast<void>(file.read(1 << 20, 1)), std::system_error);
}

TEST_F(MountLife, OutlivesItsWatchdog) {
  const MountedChain mounted(files_.top(), mnt_);
  mounted.watchdog().send(SIGKILL);
  ASSERT_TRUE(mounted.watchdog().ended());
  EXPECT_TRUE(equal_bytes(expected(), read_file(mounted / "disk.raw")));
  mounted.unmount();
  EXPECT_TRUE(mounted.is_gone());
}

TEST_F(MountLife, MakesARegularFileTheViewAndGivesItBack) {
  {
    const MountedChain mounted(files_.top(), file_);
    EXPECT_TRUE(equal_bytes(expected(), read_file(file_)));
    mounted.unmount();
    EXPECT_TRUE(mounted.is_gone());
  }
  EXPECT_EQ(read_file(file_), bytes_of("mine"));
}

TEST_F(MountLife, GivesARegularFileBackWhenKilled) {
  const MountedChain mounted(files_.top(), file_);
  mounted.server().send(SIGKILL);
  EXPECT_TRUE(mounted.is_gone());
  EXPECT_EQ(read_file(file_), bytes_of("mine"));
}

TEST_F(MountLife, ShowsTheViewInPlaceOfTheImageItself) {
  const ByteVector image = read_file(files_.top());
  {
    const MountedChain mounted(files_.top(), files_.top());
    EXPECT_TRUE(equal_bytes(expected(), read_file(files_.top())));
  }
  EXPECT_EQ(read_file(files_.top()), image);
}

TEST_F(MountLife, LetsTheSameChainBeMountedTwice) {
  fs::create_directory(dir_ / "second");
  const MountedChain first(files_.top(), mnt_);
  const MountedChain second(files_.top(), dir_ / "second");
  first.unmount();
  EXPECT_TRUE(first.is_gone());
  EXPECT_TRUE(equal_bytes(expected(), read_file(second / "disk.raw")));
}

TEST_F(MountLife, MayBeginAgainAtOnce) {
  for (int i = 0; i < 20; ++i) {
    must_run(mount_command({files_.top(), mnt_}));
    must_run({"fusermount3", "-u", mnt_});
  }
  const MountedChain mounted(files_.top(), mnt_);
  EXPECT_TRUE(equal_bytes(expected(), read_file(mounted / "disk.raw")));
}

/// Readers in threads of their own, until reading fails or they are told to stop.
class Load {
 public:
  explicit Load(const std::string& path) {
    for (int i = 0; i < 4; ++i) {
      threads_.emplace_back([this, path](const std::stop_token& stop) { work(path, stop); });
    }
    started_.wait();
  }

 private:
  void work(const std::string& path, const std::stop_token& stop) {
    const FileReader file(path, O_DIRECT);
    const std::unique_ptr<void, decltype(&std::free)> buffer(std::aligned_alloc(4096, 65536), &std::free);
    bool first = true;
    while (!stop.stop_requested() && pread(file.descriptor(), buffer.get(), 65536, 0) > 0) {
      if (std::exchange(first, false)) started_.count_down();
    }
    if (first) started_.count_down();
  }

  std::latch started_{4};
  std::vector<std::jthread> threads_;
};

TEST_F(MountLife, EndsUnderLoadOnceItsFilesAreClosed) {
  const MountedChain mounted(files_.top(), mnt_);
  {
    const Load load(mounted / "disk.raw");
    EXPECT_FALSE(run({"fusermount3", "-u", mnt_}).ok());  // busy
    must_run({"fusermount3", "-u", "-z", mnt_});
    EXPECT_FALSE(mount_at(mnt_));
  }
  EXPECT_TRUE(mounted.is_gone());
}

TEST_F(MountLife, EndsWithSigtermUnderLoad) {
  const MountedChain mounted(files_.top(), mnt_);
  const Load load(mounted / "disk.raw");
  mounted.server().send(SIGTERM);
  EXPECT_TRUE(mounted.is_gone());
}

TEST_F(MountLife, EndsWithSigkillUnderLoad) {
  const MountedChain mounted(files_.top(), mnt_);
  const Load load(mounted / "disk.raw");
  mounted.server().send(SIGKILL);
  EXPECT_TRUE(mounted.is_gone());
}

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr std::chrono::seconds soon{20};
#else
constexpr std::chrono::seconds soon{2};
#endif

TEST_F(MountLife, OfAThousandLayersBeginsInTwoSeconds) {
  const TempDir other;
  const ChainFiles deep = make_deep_chain(other, 1000);
  const auto start = std::chrono::steady_clock::now();
  const MountedChain mounted(deep.top(), mnt_);
  EXPECT_LT(std::chrono::steady_clock::now() - start, soon);
  const auto layers = fs::directory_iterator(mounted / "layers");
  EXPECT_EQ(std::distance(fs::begin(layers), fs::end(layers)), 1000);
  ByteVector expected(536, std::byte{42});  // the bottom's 64 KiB end here
  expected.resize(1000);
  EXPECT_EQ(read_file(mounted / "layers/777-l00776.qcow2.raw", 65000, 1000), expected);
}

/// A mount in the foreground, as a child of the test.
class Foreground {
 public:
  explicit Foreground(const Arguments& command) {
    std::vector<char*> words;
    for (const std::string& word : command) words.push_back(const_cast<char*>(word.c_str()));
    words.push_back(nullptr);
    if (posix_spawn(&process_, words[0], nullptr, nullptr, words.data(), environ) != 0) {
      throw std::runtime_error("can't start " + command[0]);
    }
  }
  [[nodiscard]] int end(int signal) const {
    kill(process_, signal);
    int status = 0;
    waitpid(process_, &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  }

 private:
  pid_t process_ = -1;
};

/// Blocks until a mount appears: mountinfo can be polled for changes.
void wait_for_mount(const std::string& mountpoint) {
  const FileReader mounts("/proc/self/mountinfo");
  for (int i = 0; i < 100 && !mount_at(mountpoint); ++i) {
    pollfd waiting{mounts.descriptor(), POLLPRI, 0};
    poll(&waiting, 1, 100);
  }
}

TEST_F(MountLife, InTheForegroundEndsWithCtrlC) {
  const Foreground mount(mount_command({"-f", files_.top(), mnt_}));
  wait_for_mount(mnt_);
  EXPECT_TRUE(equal_bytes(expected(), read_file(mnt_ + "/disk.raw")));
  EXPECT_EQ(mount.end(SIGINT), 0);
  EXPECT_FALSE(mount_at(mnt_));
  EXPECT_TRUE(processes_with_argument(mnt_).empty());
}

class RefusedMount : public MountLife {
 protected:
  void refuses(const Arguments& arguments, std::string_view words) {
    const ProcessResult result = run(mount_command(arguments));
    EXPECT_EQ(result.status, 2);
    EXPECT_TRUE(result.err.contains(words)) << result.err;
    EXPECT_EQ(std::ranges::count(result.err, '\n'), 1) << result.err;
    EXPECT_FALSE(mount_at(mnt_));
    EXPECT_TRUE(processes_with_argument(arguments.back()).empty());
  }
};

TEST_F(RefusedMount, WithoutAMountpoint) {
  refuses({files_.top(), dir_ / "none"}, "none: can't mount here: No such");
}

TEST_F(RefusedMount, OnWhatIsNeitherFolderNorFile) {
  ASSERT_EQ(mkfifo((dir_ / "fifo").c_str(), 0600), 0);
  refuses({files_.top(), dir_ / "fifo"}, "neither a folder nor a regular file");
}

TEST_F(RefusedMount, WithAnOptionNobodyKnows) {
  refuses({"-o", "nonsense", files_.top(), mnt_}, "mount option 'nonsense' is not known");
}

TEST_F(RefusedMount, WithWriting) {
  refuses({"-o", "rw", files_.top(), mnt_}, "read-only");
}

}  // namespace
}  // namespace qchain::test
