// Cases 19 and 29: chains that come back to themselves, deep chains, files shared between chains, locks.
#include <poll.h>
#include <signal.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <unistd.h>

#include <filesystem>

#include "tests/oracle/corner_case.h"

namespace qchain::test {
namespace {

namespace fs = std::filesystem;

TEST_F(CornerCase, Case19_LoopOfLength1) {
  const std::string image = unchecked_overlay("self.qcow2", "self.qcow2", "qcow2", MiB);
  EXPECT_TRUE(is_refused(image, ErrorKind::loop, "self.qcow2"));
}

TEST_F(CornerCase, Case19_LoopOfLength2) {
  unchecked_overlay("a.qcow2", "b.qcow2", "qcow2", MiB);
  const std::string image = unchecked_overlay("b.qcow2", "a.qcow2", "qcow2", MiB);
  EXPECT_TRUE(is_refused(image, ErrorKind::loop, "loop"));
}

TEST_F(CornerCase, Case19_LoopOfManyLayersBelowTheTop) {
  for (int i = 0; i < 10; ++i) {
    const int below = i == 0 ? 7 : i - 1;  // 9 8 7 6 … 0 7
    unchecked_overlay(std::to_string(i) + ".qcow2", std::to_string(below) + ".qcow2", "qcow2", MiB);
  }
  EXPECT_TRUE(is_refused(path("9.qcow2"), ErrorKind::loop, "7.qcow2"));
}

TEST_F(CornerCase, Case19_LoopThroughASymbolicLink) {
  const std::string image = unchecked_overlay("real.qcow2", "link.qcow2", "qcow2", MiB);
  fs::create_symlink("real.qcow2", path("link.qcow2"));
  EXPECT_TRUE(is_refused(image, ErrorKind::loop, "link.qcow2"));
}

TEST_F(CornerCase, Case19_LoopThroughAHardLink) {
  const std::string image = unchecked_overlay("real.qcow2", "other name.qcow2", "qcow2", MiB);
  fs::create_hard_link(image, path("other name.qcow2"));
  EXPECT_TRUE(is_refused(image, ErrorKind::loop, "other name.qcow2"));
}

TEST_F(CornerCase, Case29_SameRawFileTwiceIsALoop) {
  // A raw file ends every chain, so it can come twice only as the file of a qcow2 image above it.
  const std::string image = qcow2("disk.qcow2", MiB);
  const std::string top = unchecked_overlay("top.qcow2", "disk.qcow2", "qcow2", MiB);
  fs::remove(image);
  unchecked_overlay("disk.qcow2", "top.qcow2", "raw", MiB);
  EXPECT_TRUE(is_refused(top, ErrorKind::loop, "top.qcow2"));
}

TEST_F(CornerCase, Case29_BaseSharedByTwoOverlaysIsReadByBothAtOnce) {
  raw("base.raw", MiB);
  const std::string left = overlay("left.qcow2", "base.raw", "raw");
  const std::string right = overlay("right.qcow2", "base.raw", "raw");
  qemu_io(left, {"write -P 1 0 64k"});
  qemu_io(right, {"write -P 2 0 64k"});
  const auto held = open_view(left);
  ASSERT_TRUE(held) << describe(held.error());
  EXPECT_TRUE(reads_like_qemu(right));
  EXPECT_TRUE(reads_like_qemu(left));
}

TEST_F(CornerCase, Case29_ViewsThatShareCachesAndLayersAreKeptApart) {
  raw("base.raw", MiB);
  const std::string image = overlay("top.qcow2", "base.raw", "raw");
  qemu_io(image, {"write -c -P 1 0 64k", "write -P 2 512k 64k"});
  const Result<Chain> chain = open_chain(image);
  ASSERT_TRUE(chain) << describe(chain.error());
  const ViewCaches caches;
  const auto below = make_view({*chain, 0, 0}, caches);
  const auto whole = make_view({*chain, 0, 1}, caches);
  const auto alone = make_view({*chain, 1, 1}, caches);
  for (int again = 0; again < 2; ++again) {  // from the layers, then from the caches
    EXPECT_TRUE(same_bytes(read_file(path("base.raw")), read_all(*below).value()));
    EXPECT_TRUE(same_bytes(qemu_bytes(image), read_all(*whole).value()));
    EXPECT_TRUE(is_zero(Bytes(read_all(*alone).value()).subspan(64 * KiB, 448 * KiB)));
  }
}

/// A qemu-nbd that serves an image for writing, as a running guest would hold it.
class Writer {
 public:
  Writer(const std::string& image, const std::string& folder) : pid_file_(folder + "/pid") {
    must_run({"qemu-nbd", "--fork", "--persistent", "--pid-file=" + pid_file_, "-k", folder + "/socket", "-f", "qcow2",
              image});
    const ByteVector text = read_file(pid_file_);
    pid_ = static_cast<pid_t>(std::stol(std::string(reinterpret_cast<const char*>(text.data()), text.size())));
  }
  Writer(const Writer&) = delete;
  Writer& operator=(const Writer&) = delete;
  /// Ends it, and waits until its locks are gone. It is no child of ours, so that waitpid does not do.
  ~Writer() {
    pollfd ended{static_cast<int>(::syscall(SYS_pidfd_open, pid_, 0)), POLLIN, 0};
    ::kill(pid_, SIGKILL);
    while (ended.fd >= 0 && ::poll(&ended, 1, -1) < 0) {
    }
    ::close(ended.fd);
  }
  [[nodiscard]] pid_t pid() const noexcept { return pid_; }

 private:
  std::string pid_file_;
  pid_t pid_ = 0;
};

class LockCase : public CornerCase {
 protected:
  LockCase() {
    qcow2("base.qcow2", MiB);
    overlay("middle.qcow2", "base.qcow2", "qcow2");
    overlay("top.qcow2", "middle.qcow2", "qcow2");
  }
};

TEST_F(LockCase, Case29_WriterOfAnyLayerIsNamedWithItsPid) {
  for (const std::string layer : {"base.qcow2", "middle.qcow2", "top.qcow2"}) {
    const TempDir run_folder;
    const Writer writer(path(layer), run_folder.path());
    EXPECT_TRUE(is_refused(path("top.qcow2"), ErrorKind::locked, layer));
    EXPECT_TRUE(is_refused(path("top.qcow2"), ErrorKind::locked, std::to_string(writer.pid())));
    EXPECT_TRUE(is_refused(path("top.qcow2"), ErrorKind::locked, "qemu-nbd"));
  }
}

TEST_F(LockCase, Case29_WithoutLocksTheChainIsReadBesideAWriter) {
  const TempDir run_folder;
  const Writer writer(path("top.qcow2"), run_folder.path());
  FileGate gate(Locking::none);
  EXPECT_TRUE(Chain::open(path("top.qcow2"), gate));
}

TEST_F(LockCase, Case29_WhileAChainIsOpenQemuDoesNotWriteToAnyLayer) {
  const auto held = open_view(path("top.qcow2"));
  ASSERT_TRUE(held) << describe(held.error());
  for (const std::string layer : {"base.qcow2", "middle.qcow2", "top.qcow2"}) {
    EXPECT_FALSE(run(qemu_io_command(path(layer), "qcow2", {"write 0 512"})).ok()) << layer;
  }
}

TEST_F(LockCase, Case29_QemuMayReadBeside) {
  const auto held = open_view(path("top.qcow2"));
  ASSERT_TRUE(held) << describe(held.error());
  EXPECT_TRUE(try_qemu_bytes(path("top.qcow2")));
}

TEST_F(LockCase, Case29_LocksEndWithTheChain) {
  ASSERT_TRUE(open_view(path("top.qcow2")));
  qemu_io(path("base.qcow2"), {"write 0 512"});
}

TEST_F(LockCase, Case29_DataFileIsLockedToo) {
  const std::string image = qcow2("split.qcow2", MiB, "data_file=" + path("split.data"));
  const auto held = open_view(image);
  ASSERT_TRUE(held) << describe(held.error());
  EXPECT_FALSE(run(qemu_io_command(path("split.data"), "raw", {"write 0 512"})).ok());
}

}  // namespace
}  // namespace qchain::test
