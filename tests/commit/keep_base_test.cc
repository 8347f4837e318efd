#include "qcow/commit/keep_base.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>

#include "qcow/commit/retire.h"
#include "qcow/commit/verify_commit.h"
#include "tests/commit/run_commit.h"
#include "tests/support/files.h"
#include "tests/support/loop_xfs.h"
#include "tests/support/qemu.h"
#include "tests/support/views.h"

namespace qchain::test {
namespace {

namespace fs = std::filesystem;

/// base <- a.qcow2 <- b.qcow2, b stays and is relinked to the base.
struct KeepChain {
  explicit KeepChain(const std::string& in, const std::string& format = "raw") : folder(in), base_format(format) {
    if (format == "raw") {
      make_hole_file(base(), 4 << 20);
    } else {
      create_qcow2(base(), {.options = {}, .backing = {}, .backing_format = {}, .size = 4 << 20});
    }
    qemu_io(base(), {"write -P 1 0 1M", "write -P 2 3M 64k"}, format);
    create_overlay(a(), "base", format);
    qemu_io(a(), {"write -P 3 512k 1M", "write -z 64k 64k"});
    create_overlay(b(), "a.qcow2", "qcow2");
    qemu_io(b(), {"write -P 4 2M 64k"});
    old_base = read_file(base());
    view_of_a = qemu_bytes(a());
    view_of_b = qemu_bytes(b());
  }

  [[nodiscard]] std::string base() const { return folder + "/base"; }
  [[nodiscard]] std::string a() const { return folder + "/a.qcow2"; }
  [[nodiscard]] std::string b() const { return folder + "/b.qcow2"; }
  [[nodiscard]] std::string record() const { return base() + ".qchain.json"; }

  [[nodiscard]] CommitRequest request(const std::string& file, CopyToKeep copy = CopyToKeep::refuse) const {
    CommitRequest request = request_for(b(), {}, a());
    request.plan.keep = KeepRequest{.file = file, .copy = copy};
    return request;
  }
  [[nodiscard]] bool is_untouched() const { return read_file(base()) == old_base && !fs::exists(record()); }
  [[nodiscard]] bool is_merged() const {
    return qemu_bytes(base(), base_format) == view_of_a && qemu_bytes(b()) == view_of_b &&
           qemu_img({"info", b()}).contains("backing file: base");
  }

  std::string folder;
  std::string base_format;
  ByteVector old_base;
  ByteVector view_of_a;
  ByteVector view_of_b;
};

testing::AssertionResult is_refused(const Result<CommitReport>& report, ErrorKind kind, std::string_view words) {
  if (report) {
    return testing::AssertionFailure() << "it was done";
  }
  const std::string line = describe(report.error());
  return report.error().kind == kind && line.contains(words) ? testing::AssertionSuccess()
                                                             : testing::AssertionFailure() << line;
}

/// On the file system of the temporary folder, whatever it is.
class KeepBase : public testing::Test {
 protected:
  TempDir dir;
  KeepChain chain{dir.path()};
  std::string kept = dir / "kept";
};

TEST_F(KeepBase, ByCopyHoldsTheOldBaseWithItsHolesAndMode) {
  fs::permissions(chain.base(), fs::perms(0640));
  const auto report = run_commit(chain.request(kept, CopyToKeep::allow));
  ASSERT_TRUE(report) << describe(report.error());
  EXPECT_TRUE(same_bytes(chain.old_base, read_file(kept)));
  EXPECT_TRUE(chain.is_merged());
  struct stat status{};
  ASSERT_EQ(::stat(kept.c_str(), &status), 0);
  EXPECT_LE(status.st_blocks * 512, 2 << 20);
  EXPECT_EQ(status.st_mode & 0777U, 0640U);
  ASSERT_TRUE(report->record.kept);
  EXPECT_TRUE(report->record.kept->complete);
  EXPECT_EQ(report->record.kept->file.path, kept);
}

TEST_F(KeepBase, AFinishedCommitOfAllLayersMayBeSaidAgainAlsoOnceVerified) {
  CommitRequest request = request_for(chain.b());
  request.plan.keep = KeepRequest{.file = kept, .copy = CopyToKeep::allow};
  ASSERT_TRUE(run_commit(request));
  FileRecordStore records(chain.base());
  FileGate gate(Locking::shared_read);
  ASSERT_TRUE(verify_commit(records, gate, {}));
  ASSERT_EQ(record_of(chain.base()).state, CommitState::verified);
  const auto again = run_commit(request);
  EXPECT_TRUE(again) << describe(again.error());
  EXPECT_TRUE(same_bytes(chain.old_base, read_file(kept)));
}

TEST_F(KeepBase, AsAnExistingFileIsRefused) {
  fs::create_hard_link(chain.base(), dir / "link");
  fs::create_symlink("nowhere", dir / "dangling");
  for (const std::string name : {"base", "a.qcow2", "b.qcow2", "link", "dangling"}) {
    EXPECT_TRUE(is_refused(run_commit(chain.request(dir / name, CopyToKeep::allow)), ErrorKind::refused, "exists"));
  }
  EXPECT_TRUE(is_refused(run_commit(chain.request(chain.record(), CopyToKeep::allow)), ErrorKind::refused, "record"));
  EXPECT_TRUE(is_refused(run_commit(chain.request(dir / "no/kept")), ErrorKind::not_found, "folder"));
  EXPECT_TRUE(chain.is_untouched());
}

TEST_F(KeepBase, OfTwoFilesIsRefused) {
  create_qcow2(dir / "two",
               {.options = "data_file=" + (dir / "data"), .backing = {}, .backing_format = {}, .size = 1 << 20});
  create_overlay(dir / "top", "two", "qcow2");
  CommitRequest request = request_for(dir / "top");
  request.plan.keep = KeepRequest{.file = kept, .copy = CopyToKeep::allow};
  EXPECT_TRUE(is_refused(run_commit(request), ErrorKind::refused, "external data file"));
  EXPECT_FALSE(fs::exists(kept));
}

TEST_F(KeepBase, PlannedOnlyWritesNothing) {
  const auto plan = run_plan(chain.request(kept, CopyToKeep::allow));
  ASSERT_TRUE(plan) << describe(plan.error());
  ASSERT_TRUE(plan->keep);
  EXPECT_EQ(plan->keep->file, kept);
  EXPECT_FALSE(fs::exists(kept));
  EXPECT_TRUE(chain.is_untouched());
}

TEST_F(KeepBase, AskedForAfterTheFirstWriteIsRefused) {
  ASSERT_FALSE(run_commit_until_begun(request_for(chain.b(), {}, chain.a())));
  EXPECT_TRUE(is_refused(run_commit(chain.request(kept, CopyToKeep::allow)), ErrorKind::refused, "not as it was"));
  EXPECT_FALSE(fs::exists(kept));
  ASSERT_TRUE(run_commit(request_for(chain.b(), {}, chain.a())));
  EXPECT_TRUE(is_refused(run_commit(chain.request(kept, CopyToKeep::allow)), ErrorKind::refused, "merged already"));
}

TEST_F(KeepBase, SurvivesTheRetirement) {
  ASSERT_TRUE(run_commit(chain.request(kept, CopyToKeep::allow)));
  FileRecordStore records(chain.base());
  ASSERT_TRUE(retire(records, {}));
  EXPECT_FALSE(fs::exists(chain.a()));
  EXPECT_TRUE(same_bytes(chain.old_base, read_file(kept)));
}

TEST_F(KeepBase, MovedBackUndoesTheCommit) {
  ASSERT_TRUE(run_commit(chain.request(kept, CopyToKeep::allow)));
  fs::rename(kept, chain.base());
  qemu_img({"rebase", "-u", "-b", "a.qcow2", "-F", "qcow2", chain.b()});
  EXPECT_TRUE(same_bytes(chain.old_base, read_file(chain.base())));
  EXPECT_TRUE(same_bytes(chain.view_of_a, qemu_bytes(chain.a())));
  EXPECT_TRUE(same_bytes(chain.view_of_b, qemu_bytes(chain.b())));
  FileRecordStore records(chain.base());
  EXPECT_FALSE(retire(records, {})) << "the record is of a base that is not there any more";
  ASSERT_TRUE(run_commit(chain.request(kept, CopyToKeep::allow))) << "and it can be done once more";
  EXPECT_TRUE(same_bytes(chain.old_base, read_file(kept)));
  EXPECT_TRUE(chain.is_merged());
}

class KeepBaseOnXfs : public OnXfs {};

TEST_F(KeepBaseOnXfs, SharesTheBlocksOfARawBase) {
  const KeepChain chain(xfs().path());
  const auto report = run_commit(chain.request(xfs() / "kept"));
  ASSERT_TRUE(report) << describe(report.error());
  ASSERT_TRUE(report->record.kept);
  EXPECT_EQ(report->record.kept->by, KeptBy::sharing);
  EXPECT_TRUE(same_bytes(chain.old_base, read_file(xfs() / "kept")));
  EXPECT_TRUE(chain.is_merged());
}

TEST_F(KeepBaseOnXfs, SharesTheBlocksOfAQcow2Base) {
  const KeepChain chain(xfs().path(), "qcow2");
  const auto report = run_commit(chain.request(xfs() / "kept"));
  ASSERT_TRUE(report) << describe(report.error());
  EXPECT_TRUE(same_bytes(chain.old_base, read_file(xfs() / "kept")));
  EXPECT_TRUE(chain.is_merged());
}

TEST_F(KeepBaseOnXfs, TakesNoSpaceOfItsOwn) {
  make_hole_file(xfs() / "base", 64 << 20);
  poke(xfs() / "base", 0, telling_bytes(64 << 20, 1));
  create_overlay(xfs() / "top", "base", "raw");
  CommitRequest request = request_for(xfs() / "top");
  request.plan.keep = KeepRequest{.file = xfs() / "kept"};
  const std::uint64_t used = xfs().used();
  ASSERT_TRUE(run_commit(request));
  EXPECT_LT(xfs().used() - used, std::uint64_t{64} << 10);
}

TEST_F(KeepBaseOnXfs, ElsewhereIsRefusedWithTheBytesThatACopyTakes) {
  const KeepChain chain(xfs().path());
  const TempDir elsewhere;
  struct stat status{};
  ASSERT_EQ(::stat(chain.base().c_str(), &status), 0);
  EXPECT_TRUE(is_refused(run_commit(chain.request(elsewhere / "kept")), ErrorKind::refused,
                         "takes up to " + std::to_string(status.st_blocks * 512) + " bytes"));
  EXPECT_TRUE(chain.is_untouched());
  ASSERT_TRUE(run_commit(chain.request(elsewhere / "kept", CopyToKeep::allow)));
  EXPECT_TRUE(same_bytes(chain.old_base, read_file(elsewhere / "kept")));
}

TEST_F(KeepBaseOnXfs, StoppedWhileItIsCopiedLeavesNothingAndTheSameCommandCompletes) {
  const KeepChain chain(xfs().path());
  const TempDir elsewhere;
  EXPECT_TRUE(is_refused(run_commit_until(chain.request(elsewhere / "kept", CopyToKeep::allow), 1),
                         ErrorKind::interrupted, "interrupted"));
  EXPECT_FALSE(fs::exists(elsewhere / "kept"));
  EXPECT_TRUE(chain.is_untouched());
  ASSERT_TRUE(run_commit(chain.request(elsewhere / "kept", CopyToKeep::allow)));
  EXPECT_TRUE(same_bytes(chain.old_base, read_file(elsewhere / "kept")));
}

/// Compressed clusters are copied, and take new blocks where the old ones are kept.
TEST_F(KeepBaseOnXfs, CountsNoSpaceTwiceWhenItGoesOn) {
  write_file(xfs() / "base", telling_bytes(4 << 20, 1));
  create_overlay(xfs() / "top", "base", "raw");
  qemu_io(xfs() / "top", {"write -c -P 1 0 2M"});
  CommitRequest request = request_for(xfs() / "top");
  request.plan.keep = KeepRequest{.file = xfs() / "kept"};
  ASSERT_FALSE(run_commit_until_begun(request));
  const auto takes = [&] {
    const auto plan = run_plan(request);  // with the chain's locks: no two at once
    EXPECT_TRUE(plan) << describe(plan.error());
    return plan ? plan->new_bytes : 0;
  };
  const std::uint64_t at_first = takes();
  CommitRecord record = record_of(xfs() / "base");
  record.moved_to = 1 << 20;
  ASSERT_TRUE(FileRecordStore(xfs() / "base").save(record));
  EXPECT_EQ(takes(), at_first - (1 << 20));
  qemu_io(xfs() / "top", {"write -P 2 0 64k"});  // what was moved is not what the layer holds any more
  EXPECT_GE(takes(), at_first - (64 << 10)) << "but the cluster that can be shared now";
}

TEST_F(KeepBaseOnXfs, GoesOnWithTheFileThatAFirstRunKept) {
  const KeepChain chain(xfs().path());
  ASSERT_FALSE(run_commit_until_begun(chain.request(xfs() / "kept"))) << "kept in an instant, then stopped";
  EXPECT_TRUE(record_of(chain.base()).kept->complete);
  const ino_t inode = [&] {
    struct stat status{};
    return ::stat((xfs() / "kept").c_str(), &status) == 0 ? status.st_ino : 0;
  }();
  poke(chain.base(), 600 << 10, bytes_of("as if moved already"));
  EXPECT_TRUE(is_refused(run_commit(chain.request(xfs() / "other")), ErrorKind::refused, "already"));
  const auto report = run_commit(request_for(chain.b(), {}, chain.a()));
  ASSERT_TRUE(report) << describe(report.error());
  ASSERT_TRUE(report->record.kept) << "also where the user does not say it again";
  EXPECT_EQ(report->record.kept->file.identity.inode, inode);
  EXPECT_TRUE(same_bytes(chain.old_base, read_file(xfs() / "kept")));
  EXPECT_TRUE(chain.is_merged());
}

}  // namespace
}  // namespace qchain::test
