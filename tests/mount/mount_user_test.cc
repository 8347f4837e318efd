#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>

#include "tests/mount/chains.h"
#include "tests/mount/mounted_chain.h"
#include "tests/support/files.h"

namespace qchain::test {
namespace {

namespace fs = std::filesystem;

constexpr uid_t nobody = 65534;

/// Scripts run as an ordinary user, in a mount namespace of their own with a /dev/fuse that is open to users as it
/// usually is. In them $DRIVER mounts, $IMAGE is the chain, $U runs a command as the user.
class OrdinaryUser : public MountTest {
 protected:
  void SetUp() override {
    MountTest::SetUp();
    if (IsSkipped() || HasFatalFailure()) return;
    if (getuid() != 0) GTEST_SKIP() << "needs root to become another user";
    files_ = make_plain_chain(dir_, 1 << 20);
    fs::copy_file(mount_command({})[0], dir_ / "driver");
    if (mknod((dir_ / "fuse").c_str(), S_IFCHR | 0666, makedev(10, 229)) != 0) GTEST_SKIP() << "can't make a device";
    fs::permissions(dir_ / "fuse", fs::perms(0666));
    fs::permissions(dir_.path(), fs::perms(0755));
    for (const std::string& name : {mnt_, dir_ / "file"}) {
      name == mnt_ ? static_cast<void>(fs::create_directory(name)) : make_hole_file(name, 4);
      ASSERT_EQ(chown(name.c_str(), nobody, nobody), 0);
    }
  }

  ProcessResult run_script(const std::string& script) {
    const std::string preamble = R"sh(
set -eu
mount --bind "$DIR/fuse" /dev/fuse
U="setpriv --reuid=65534 --regid=65534 --clear-groups"
is_gone() {  # FILE: no process has it as its last argument, and nothing is mounted there
  for attempt in $(seq 2000); do
    pgrep -f -- "$DRIVER .*$1\$" >/dev/null || break
  done
  ! pgrep -f -- "$DRIVER .*$1\$" && ! findmnt "$1"
}
)sh";
    return run({"env", "DIR=" + dir_.path(), "DRIVER=" + (dir_ / "driver"), "IMAGE=" + files_.top(), "MNT=" + mnt_,
                "FILE=" + (dir_ / "file"), "BASE=" + files_.layers[0], "unshare", "--mount", "sh", "-c",
                preamble + script});
  }

  void succeeds(const std::string& script) {
    const ProcessResult result = run_script(script);
    EXPECT_EQ(result.status, 0) << result.err << result.out;
  }

  std::string mnt_ = dir_ / "mnt";
  ChainFiles files_;
};

TEST_F(OrdinaryUser, MountsReadsAndUnmounts) {
  succeeds(R"sh(
$U "$DRIVER" "$IMAGE" "$MNT"
$U cmp "$MNT/disk.raw" "$BASE"
test "$($U stat -c %u "$MNT/disk.raw")" = 65534
$U fusermount3 -u "$MNT"
is_gone "$MNT"
)sh");
}

TEST_F(OrdinaryUser, MountsOnAFileOfHisOwn) {
  succeeds(R"sh(
$U "$DRIVER" "$IMAGE" "$FILE"
$U cmp "$FILE" "$BASE"
$U fusermount3 -u "$FILE"
is_gone "$FILE"
)sh");
}

TEST_F(OrdinaryUser, LeavesNothingBehindWhenKilled) {
  succeeds(R"sh(
for place in "$MNT" "$FILE"; do
  $U "$DRIVER" "$IMAGE" "$place"
  kill -9 "$(pgrep -o -f -- "$DRIVER .*$place\$")"
  is_gone "$place"
done
)sh");
}

TEST_F(OrdinaryUser, EndsTheMountWithSigterm) {
  succeeds(R"sh(
$U "$DRIVER" "$IMAGE" "$MNT"
kill "$(pgrep -o -f -- "$DRIVER .*$MNT\$")"
is_gone "$MNT"
)sh");
}

TEST_F(OrdinaryUser, IsToldInOneLineWhatFusermountForbids) {
  const ProcessResult result = run_script(R"sh(chown root "$MNT"; $U "$DRIVER" "$IMAGE" "$MNT")sh");
  EXPECT_EQ(result.status, 2);
  EXPECT_TRUE(result.err.contains("user has no write access to mountpoint")) << result.err;
  EXPECT_EQ(std::ranges::count(result.err, '\n'), 1) << result.err;
}

}  // namespace
}  // namespace qchain::test
