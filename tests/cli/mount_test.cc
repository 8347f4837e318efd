#include <gmock/gmock.h>

#include <filesystem>
#include <nlohmann/json.hpp>

#include "tests/cli/run_cli.h"
#include "tests/cli/sample_chain.h"
#include "tests/support/files.h"
#include "tests/support/process.h"
#include "tests/support/qemu.h"

namespace qchain::test {
namespace {

/// The command around the mount; what is in it is tested in tests/mount.
class Mount : public SampleChain {
 protected:
  void SetUp() override {
    SampleChain::SetUp();
    std::filesystem::create_directory("mnt");
  }
  static void need_fuse() {
    if (::access("/dev/fuse", R_OK | W_OK) != 0) {
      GTEST_SKIP() << "/dev/fuse is missing or not for this user";
    }
  }
};

TEST_F(Mount, returns_when_usable_and_is_silent) {
  need_fuse();
  const ProcessResult result = run({QCHAIN_BINARY, "mount", "--top=3", "c.qcow2", "mnt"});
  EXPECT_EQ(result.status, 0) << result.err;
  EXPECT_EQ(result.out + result.err, "");
  EXPECT_EQ(read_file("mnt/disk.raw"), qemu_bytes("b.qcow2"));
  must_run({"fusermount3", "-u", "mnt"});
}

TEST_F(Mount, json_names_the_serving_process) {
  need_fuse();
  const auto result = nlohmann::json::parse(must_run({QCHAIN_BINARY, "mount", "--output=json", "c.qcow2", "mnt"}));
  EXPECT_EQ(result["mountpoint"], "mnt");
  EXPECT_TRUE(std::filesystem::exists("/proc/" + result["pid"].dump()));
  must_run({"fusermount3", "-u", "mnt"});
}

TEST_F(Mount, options_may_be_repeated_and_do_not_eat_arguments) {
  need_fuse();
  must_run({QCHAIN_BINARY, "mount", "-o", "umask=077", "-o", "fsname=x", "c.qcow2", "mnt"});
  const auto mode = std::filesystem::status("mnt/disk.raw").permissions();
  EXPECT_EQ(mode, std::filesystem::perms::owner_read);
  must_run({"fusermount3", "-u", "mnt"});
}

TEST_F(Mount, errors_are_one_line_and_leave_no_mount) {
  EXPECT_TRUE(fails_in_one_line(run_cli({"mount", "c.qcow2", "no-folder"}), "no-folder"));
  EXPECT_TRUE(fails_in_one_line(run_cli({"mount", "none.qcow2", "mnt"}), "none.qcow2: no such file"));
  EXPECT_TRUE(fails_in_one_line(run_cli({"mount", "-o", "rw", "c.qcow2", "mnt"}), "rw"));
  EXPECT_TRUE(std::filesystem::is_empty("mnt"));
}

}  // namespace
}  // namespace qchain::test
