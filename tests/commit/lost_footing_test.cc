// What becomes of a commit where the files around it are not what they were, or others hang on them.
#include <gtest/gtest.h>

#include <filesystem>

#include "qcow/commit/retire.h"
#include "tests/commit/run_commit.h"
#include "tests/support/files.h"
#include "tests/support/process.h"
#include "tests/support/qemu.h"
#include "tests/support/temp_dir.h"
#include "tests/support/views.h"
#include "tests/unit/storage/loop_device.h"

namespace qchain::test {
namespace {

namespace fs = std::filesystem;

/// base.raw <- a.qcow2 <- b.qcow2
class LostFooting : public testing::Test {
 protected:
  LostFooting() {
    make_hole_file(base, 4 << 20);
    qemu_io(base, {"write -P 1 0 4M"}, "raw");
    create_overlay(a, "base.raw", "raw");
    qemu_io(a, {"write -P 2 0 3M"});
    create_overlay(b, "a.qcow2", "qcow2");
    qemu_io(b, {"write -P 3 3M 64k"});
  }
  void expect_refused(const Result<CommitReport>& report, std::string_view why) {
    ASSERT_FALSE(report) << why;
    EXPECT_EQ(report.error().kind, ErrorKind::refused);
    EXPECT_TRUE(describe(report.error()).contains(why)) << describe(report.error());
    EXPECT_FALSE(fs::exists(base + ".qchain.json"));
  }

  TempDir dir;
  std::string base = dir / "base.raw";
  std::string a = dir / "a.qcow2";
  std::string b = dir / "b.qcow2";
};

TEST_F(LostFooting, InternalSnapshotsOfALayerAreNotLostUnasked) {
  qemu_img({"snapshot", "-c", "before", a});
  expect_refused(run_commit(request_for(b)), "holds 1 internal snapshot");
  qemu_img({"snapshot", "-d", "before", a});
  EXPECT_TRUE(run_commit(request_for(b)));
}

TEST_F(LostFooting, AnOverlayThatIsNotUnderstoodHangsOnTheBaseAllTheSame) {
  create_overlay(dir / "other.qcow2", "base.raw", "raw");
  poke(dir / "other.qcow2", 72, ByteVector{std::byte{0x80}});  // an incompatible feature of later times
  expect_refused(run_commit(request_for(b)), "other.qcow2' hangs on it too");
  poke(dir / "other.qcow2", 72, ByteVector{std::byte{0}});
  poke(dir / "other.qcow2", 4, ByteVector(3, std::byte{0}));
  poke(dir / "other.qcow2", 32, ByteVector{std::byte{0}, std::byte{0}, std::byte{0}, std::byte{2}});  // LUKS
  expect_refused(run_commit(request_for(b)), "other.qcow2' hangs on it too");
}

TEST_F(LostFooting, OverlaysInTheFolderOfALinkCountToo) {
  fs::create_directory(dir / "pool");
  for (const std::string& file : {base, a}) {
    const std::string name = fs::path(file).filename();
    fs::rename(file, dir / "pool/" + name);
    fs::create_symlink(dir / "pool/" + name, file);
  }
  create_overlay(dir / "pool/other.qcow2", "base.raw", "raw");
  expect_refused(run_commit(request_for(b)), "other.qcow2' hangs on it too");
  fs::remove(dir / "pool/other.qcow2");
  ASSERT_TRUE(run_commit(request_for(a)));  // b hangs on the top, and the record does not know of it
  FileRecordStore records(base);
  const auto retired = retire(records, {}, folders_to_scan({}, base));
  ASSERT_FALSE(retired);
  EXPECT_TRUE(describe(retired.error()).contains("b.qcow2' still hangs on it")) << describe(retired.error());
  EXPECT_TRUE(fs::exists(dir / "pool/a.qcow2"));
}

/// ext4 gives an inode away at once.
TEST_F(LostFooting, AnImageWithTheInodeOfADeletedOneIsAnotherOne) {
  ASSERT_TRUE(run_commit(request_for(b, base, a)));
  FileRecordStore records(base);
  CommitRecord record = record_of(base);
  create_overlay(dir / "c.qcow2", "b.qcow2", "qcow2");
  {
    const auto chain = open_chain(b);
    ASSERT_TRUE(chain);
    record.merged.back().identity = chain->active().image->storage().identity();  // as if b had got a's inode
  }
  ASSERT_TRUE(records.save(record));
  fs::remove(a);
  const auto view = qemu_bytes(b);
  const auto report = run_commit(request_for(dir / "c.qcow2", base, b));
  ASSERT_TRUE(report) << describe(report.error());
  EXPECT_FALSE(report->was_finished);
  EXPECT_TRUE(same_bytes(view, read_file(base)));
}

TEST_F(LostFooting, ABaseThatWasPutBackIsWrittenFromTheStart) {
  const auto view = qemu_bytes(b);
  ASSERT_FALSE(run_commit_until_begun(request_for(b)));
  CommitRecord record = record_of(base);
  ASSERT_EQ(record.state, CommitState::copying);
  record.moved_to = 2 << 20;  // what it had moved was overwritten by what was there before
  ASSERT_TRUE(FileRecordStore(base).save(record));
  ASSERT_TRUE(run_commit(request_for(b)));
  EXPECT_TRUE(same_bytes(view, read_file(base)));
}

/// After it the other could not be finished any more: its layers would not be in the chain.
TEST_F(LostFooting, AnUnfinishedCommitFurtherDownComesFirst) {
  create_overlay(dir / "c.qcow2", "b.qcow2", "qcow2");
  ASSERT_TRUE(run_commit(request_for(b, base, a)));
  CommitRecord begun = record_of(base);
  qemu_img({"rebase", "-u", "-b", "a.qcow2", "-F", "qcow2", b});
  begun.state = CommitState::copying;
  ASSERT_TRUE(FileRecordStore(base).save(begun));
  const auto report = run_commit(request_for(dir / "c.qcow2", a, b));
  ASSERT_FALSE(report);
  EXPECT_TRUE(describe(report.error()).contains("begun and is not finished; finish it first: qchain commit"))
      << describe(report.error());
  EXPECT_TRUE(run_commit(request_for(b, base, a)));
}

TEST_F(LostFooting, WhereALayerIsGoneTheUnfinishedCommitSaysSo) {
  ASSERT_FALSE(run_commit_until_begun(request_for(b)));
  fs::remove(a);
  fs::remove(b);
  create_overlay(dir / "other.qcow2", "base.raw", "raw");
  const auto report = run_commit(request_for(dir / "other.qcow2"));
  ASSERT_FALSE(report);
  EXPECT_TRUE(describe(report.error()).contains("a.qcow2' is gone: put that back, or delete the record"))
      << describe(report.error());
}

/// A json: name in the top says what lies below the base; nobody says so once the top is merged.
TEST_F(LostFooting, TheBaseHasToLeadByItselfToWhatLiesBelowIt) {
  make_hole_file(dir / "other.raw", 4 << 20);
  create_overlay(dir / "middle.qcow2", "base.raw", "raw");
  const std::string below = R"({"driver":"raw","file":{"driver":"file","filename":")" + (dir / "other.raw") + R"("}})";
  const std::string name = R"(json:{"driver":"qcow2","file":{"driver":"file","filename":")" + (dir / "middle.qcow2") +
                           R"("},"backing":)" + below + "}";
  qemu_img({"rebase", "-u", "-b", name, "-F", "qcow2", a});
  const auto report = run_commit(request_for(b, dir / "middle.qcow2", a));
  ASSERT_FALSE(report);
  EXPECT_TRUE(describe(report.error()).contains("its own header says another")) << describe(report.error());
  qemu_img({"rebase", "-u", "-b", dir / "other.raw", "-F", "raw", dir / "middle.qcow2"});
  const auto same = run_commit(request_for(b, dir / "middle.qcow2", a));
  EXPECT_TRUE(same) << describe(same.error());
}

/// The same file, but read as what it holds while the json: name is there, and as a raw disk afterwards.
TEST_F(LostFooting, TheBaseHasToSayTheSameFormatOfWhatLiesBelowIt) {
  qemu_img({"create", "-q", "-f", "qcow2", dir / "lowest.qcow2", "4M"});
  create_overlay(dir / "middle.qcow2", "lowest.qcow2", "raw");
  const std::string below =
      R"({"driver":"qcow2","file":{"driver":"file","filename":")" + (dir / "lowest.qcow2") + R"("}})";
  const std::string name = R"(json:{"driver":"qcow2","file":{"driver":"file","filename":")" + (dir / "middle.qcow2") +
                           R"("},"backing":)" + below + "}";
  qemu_img({"rebase", "-u", "-b", name, "-F", "qcow2", a});
  const auto report = run_commit(request_for(b, dir / "middle.qcow2", a));
  ASSERT_FALSE(report);
  EXPECT_TRUE(describe(report.error()).contains("its own header says another")) << describe(report.error());
  qemu_img({"rebase", "-u", "-b", "lowest.qcow2", "-F", "qcow2", dir / "middle.qcow2"});
  const auto same = run_commit(request_for(b, dir / "middle.qcow2", a));
  EXPECT_TRUE(same) << describe(same.error());
}

TEST_F(LostFooting, PlanningStopsWhenAsked) {
  std::stop_source stopped;
  stopped.request_stop();
  qemu_img({"convert", "-O", "qcow2", base, dir / "base.qcow2"});
  qemu_img({"rebase", "-u", "-b", "base.qcow2", "-F", "qcow2", a});
  const auto report = run_commit(request_for(b), stopped.get_token());
  ASSERT_FALSE(report);
  EXPECT_EQ(report.error().kind, ErrorKind::interrupted) << describe(report.error());
  EXPECT_FALSE(fs::exists(dir / "base.qcow2.qchain.json")) << "it was not begun";
}

/// A layer on a device is merged like others, but rm is not for devices.
TEST_F(LostFooting, ADeviceIsNotPromisedToBeDeleted) {
  qemu_img({"rebase", "-u", "-b", base, "-F", "raw", a});
  const TempDir elsewhere;  // else the file would be found to hang on the base, too
  fs::rename(a, elsewhere / "a");
  const LoopDevice device(elsewhere / "a", LoopDevice::Mode::read_only);
  if (!device.ok()) {
    GTEST_SKIP() << device.reason();
  }
  qemu_img({"rebase", "-u", "-b", device.path(), "-F", "qcow2", b});
  CommitRequest request = request_for(b);
  request.plan.deletes = true;
  const auto refused = run_commit(request);
  ASSERT_FALSE(refused);
  EXPECT_TRUE(describe(refused.error()).contains("is a block device, which can't be deleted like a file"))
      << describe(refused.error());
  request.plan.deletes = false;
  ASSERT_TRUE(run_commit(request));
  FileRecordStore records(base);
  const auto retired = retire(records, {}, {});
  ASSERT_FALSE(retired);
  EXPECT_TRUE(describe(retired.error()).contains("is a block device: remove it yourself")) << describe(retired.error());
  EXPECT_TRUE(fs::exists(b)) << "nothing was deleted";
}

/// /dev/vg/lv leads to a node that may have another number after the next start.
TEST_F(LostFooting, ADeviceKeepsTheNameThatItWasGiven) {
  const LoopDevice device(base, LoopDevice::Mode::writable);
  if (!device.ok()) {
    GTEST_SKIP() << device.reason();
  }
  fs::create_directory(dir / "vg");
  const std::string name = dir / "vg/lv";
  fs::create_symlink(device.path(), name);
  qemu_img({"rebase", "-u", "-b", name, "-F", "raw", a});
  qemu_img({"rebase", "-u", "-b", a, "-F", "qcow2", b});
  ASSERT_TRUE(run_commit(request_for(b, {}, a)));
  {
    const auto chain = open_chain(b);
    ASSERT_TRUE(chain);
    EXPECT_EQ(chain->active().backing_reference, name);
  }
  const auto again = run_commit(request_for(b, {}, a));
  ASSERT_TRUE(again) << describe(again.error());
  EXPECT_TRUE(again->was_finished);
}

}  // namespace
}  // namespace qchain::test
