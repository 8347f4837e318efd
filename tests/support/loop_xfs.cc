#include "tests/support/loop_xfs.h"

#include <sys/statvfs.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <string_view>

#include "tests/support/files.h"

namespace qchain::test {

LoopXfs::LoopXfs() {
  std::filesystem::create_directory(path());
  make_hole_file(dir_ / "disk", std::uint64_t{320} << 20);  // mkfs.xfs wants 300 MiB at least
  mounted_ = run({"mkfs.xfs", "-q", "-m", "reflink=1", dir_ / "disk"});
  if (mounted_.ok()) {
    mounted_ = run({"mount", "-o", "loop", dir_ / "disk", path()});
  }
}

LoopXfs::~LoopXfs() {
  if (ok()) {
    static_cast<void>(run({"umount", path()}));
  }
}

std::uint64_t LoopXfs::used() const {
  must_run({"sync", "-f", path()});
  struct statvfs status{};
  EXPECT_EQ(::statvfs(path().c_str(), &status), 0);
  return (status.f_blocks - status.f_bfree) * status.f_frsize;
}

void OnXfs::SetUp() {
  std::string reason = "only root can mount a small XFS";
  if (::geteuid() == 0) {
    xfs_.emplace();
    if (xfs_->ok()) {
      return;
    }
    reason = "no XFS on a loop device here: " + xfs_->reason();
  }
  const char* ci = std::getenv("CI");  // NOLINT(concurrency-mt-unsafe): no other thread
  if (ci != nullptr && std::string_view(ci) == "true") {
    FAIL() << reason;
  }
  GTEST_SKIP() << reason;
}

}  // namespace qchain::test
