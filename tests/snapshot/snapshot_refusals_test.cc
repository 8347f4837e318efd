#include <gmock/gmock.h>

#include "tests/commit/run_commit.h"
#include "tests/snapshot/snapshot_folder.h"
#include "tests/support/views.h"
#include "tests/unit/storage/loop_device.h"
#include "tests/unit/storage/qemu_io_session.h"

namespace qchain::test {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;

class SnapshotRefusals : public SnapshotFolder {
 protected:
  static void expect_refusal(const SnapshotRequest& asked, ErrorKind kind, std::string_view words) {
    const bool was_there = fs::exists(asked.overlay);
    const auto report = take_snapshot(asked);
    ASSERT_FALSE(report);
    EXPECT_EQ(report.error().kind, kind) << describe(report.error());
    EXPECT_THAT(describe(report.error()), HasSubstr(std::string(words)));
    EXPECT_EQ(fs::exists(asked.overlay), was_there);
  }

  static SnapshotRequest replacing(const std::string& overlay) {
    SnapshotRequest asked = request("vm.qcow2", overlay);
    asked.existing = Existing::replace;
    return asked;
  }

  static void stop_a_commit(const CommitRequest& commit) { ASSERT_FALSE(run_commit_until_begun(commit)); }
};

TEST_F(SnapshotRefusals, ALayerOfTheChainByAnyName) {
  fs::create_hard_link("base.raw", "hard");
  fs::create_symlink("vm.qcow2", "soft");
  const auto image = read_file("vm.qcow2");
  const auto base = read_file("base.raw");
  for (const char* name : {"base.raw", "vm.qcow2", "./vm.qcow2", "hard", "soft"}) {
    expect_refusal(replacing(name), ErrorKind::refused, "belongs to the chain");
  }
  EXPECT_TRUE(same_bytes(image, read_file("vm.qcow2")));
  EXPECT_TRUE(same_bytes(base, read_file("base.raw")));
}

TEST_F(SnapshotRefusals, TheDataFileOfALayer) {
  create_qcow2("d.qcow2", {.options = "data_file=d.data", .backing = {}, .backing_format = {}, .size = 1 << 20});
  SnapshotRequest asked = replacing("d.data");
  asked.image = "d.qcow2";
  expect_refusal(asked, ErrorKind::refused, "belongs to the chain");
}

TEST_F(SnapshotRefusals, ASymbolicLink) {
  fs::create_directories("days");
  write_file("days/old", {});
  fs::create_symlink("days/old", "link");
  expect_refusal(replacing("link"), ErrorKind::refused, "link: is a symbolic link");
  EXPECT_EQ(file_size("days/old"), 0U);
}

TEST_F(SnapshotRefusals, AFolder) {
  expect_refusal(replacing("."), ErrorKind::refused, ".: is neither a regular file nor a block device");
  expect_refusal(request("vm.qcow2", "none/o"), ErrorKind::not_found, "none/o");
}

TEST_F(SnapshotRefusals, AnOldFileThatIsInUse) {
  create_qcow2("o", {.options = {}, .backing = {}, .backing_format = {}, .size = 1 << 20});
  const QemuIoSession session({"-f", "qcow2", "o"});
  expect_refusal(replacing("o"), ErrorKind::locked, "o: open for writing by qemu-io");
}

TEST_F(SnapshotRefusals, AnImageThatAGuestWritesTo) {
  const QemuIoSession session({"-f", "qcow2", "vm.qcow2"});
  expect_refusal(request("vm.qcow2", "o"), ErrorKind::locked,
                 "vm.qcow2: open for writing by qemu-io (pid " + std::to_string(session.pid()) + ")");
  expect_refusal(request("vm.qcow2", "o"), ErrorKind::locked, "virsh snapshot-create-as --disk-only");
}

TEST_F(SnapshotRefusals, ALayerBelowThatSomebodyWritesTo) {
  const QemuIoSession session({"-f", "raw", "base.raw"});
  expect_refusal(request("vm.qcow2", "o"), ErrorKind::locked, "base.raw: open for writing by qemu-io");
}

TEST_F(SnapshotRefusals, NotOfAnImageThatIsOnlyRead) {
  const QemuIoSession session({"-r", "-f", "qcow2", "vm.qcow2"});
  take(request("vm.qcow2", "o"));
}

TEST_F(SnapshotRefusals, BrokenChains) {
  expect_refusal(request("none", "o"), ErrorKind::not_found, "none: no such file");
  qemu_img({"create", "-q", "-f", "qcow2", "-u", "-b", "gone", "-F", "raw", "x", "1M"});
  expect_refusal(request("x", "o"), ErrorKind::not_found, "gone");
  qemu_img({"create", "-q", "-f", "qcow2", "-u", "-b", "loop", "-F", "qcow2", "new", "1M"});
  fs::rename("new", "loop");
  expect_refusal(request("loop", "o"), ErrorKind::loop, "loop");
  qemu_img({"create", "-q", "-f", "qcow2", "-u", "-b", "base.raw", "-F", "raw", "y", "1M"});
  poke_be<std::uint32_t>("y", 112, 0x33333333);  // hides the format behind an unknown extension
  expect_refusal(request("y", "o"), ErrorKind::missing_format, "y: the format of its backing file");
  poke_be<std::uint32_t>("y", 32, 1);
  expect_refusal(request("y", "o"), ErrorKind::unsupported, "encrypt");
}

TEST_F(SnapshotRefusals, WhileACommitIntoTheImageIsUnfinished) {
  create_overlay("o", "vm.qcow2", "qcow2");
  qemu_io("o", {"write -P 9 50k 20k"});
  stop_a_commit(request_for("o", "2"));
  expect_refusal(request("vm.qcow2", "p"), ErrorKind::refused,
                 "vm.qcow2: a commit into it was begun and is not finished");
  expect_refusal(request("vm.qcow2", "p"), ErrorKind::refused, "finish it first: qchain commit --base '");
  expect_refusal(request("o", "p"), ErrorKind::refused, "vm.qcow2: a commit into it was begun and is not finished");
  ASSERT_TRUE(run_commit(request_for("o", "2")));
  take(request("vm.qcow2", "p"));
  take(request("o", "q"));
}

TEST_F(SnapshotRefusals, WhileACommitIntoABlockDeviceIsUnfinished) {
  const LoopDevice device("base.raw", LoopDevice::Mode::writable);
  if (!device.ok()) {
    GTEST_SKIP() << device.reason();
  }
  create_overlay("o", device.path(), "raw");
  qemu_io("o", {"write -P 9 50k 20k"});
  stop_a_commit(request_for("./o"));
  expect_refusal(request("./o", "p"), ErrorKind::refused, "a commit into it was begun and is not finished");
  expect_refusal(request(device.path(), "./p"), ErrorKind::refused, "a commit into it was begun and is not finished");
}

TEST_F(SnapshotRefusals, OfALayerThatACommitMergedAwayFromUnderItsTop) {
  create_overlay("o", "vm.qcow2", "qcow2");
  qemu_io("o", {"write -P 9 50k 20k"});
  ASSERT_TRUE(run_commit(request_for("o", "1")));
  expect_refusal(request("vm.qcow2", "p"), ErrorKind::refused, "vm.qcow2: reads wrong since a commit merged it into");
  take(request("o", "p"));
  take(request("base.raw", "q"));
  expect_good("p", "base.raw");
}

TEST_F(SnapshotRefusals, ARecordThatCannotBeRead) {
  write_file("base.raw.qchain.json", bytes_of("{"));
  expect_refusal(request("vm.qcow2", "o"), ErrorKind::corrupt, "base.raw.qchain.json");
}

TEST_F(SnapshotRefusals, NotOfANameThatIsTooLongForARecord) {
  const std::string name(250, 'n');
  fs::copy_file("base.raw", name);
  take(request(name, "o"));
}

TEST_F(SnapshotRefusals, NameWithNul) {
  const auto report = take_snapshot(request("vm.qcow2", std::string("a\0b", 3)));
  ASSERT_FALSE(report);
  EXPECT_EQ(report.error().kind, ErrorKind::invalid_argument);
}

}  // namespace
}  // namespace qchain::test
