#include <gtest/gtest.h>

#include <filesystem>

#include "qcow/commit/retire.h"
#include "tests/commit/crash/real_chain.h"
#include "tests/commit/run_commit.h"
#include "tests/support/qemu.h"
#include "tests/unit/storage/loop_device.h"

namespace qchain::test {
namespace {

/// The same command again, after an end or an interruption at an inconvenient moment.
class RunAgain : public testing::Test {
 protected:
  RealChain chain{64 << 10};
  std::string b = chain / "b.qcow2";
  CommitRequest intermediate = request_for(chain.active(), chain.base(), b);

  /// As left by a run that was killed after the overlay's header had been written.
  static void forget_done(const std::string& record_anchor) {
    CommitRecord record = record_of(record_anchor);
    record.state = CommitState::relinking;
    ASSERT_TRUE(FileRecordStore(record_anchor).save(record));
  }
};

TEST_F(RunAgain, AfterTheHeaderWasWrittenOnlyTheRecordIsFinished) {
  ASSERT_TRUE(run_commit(intermediate));
  forget_done(chain.base());
  const auto again = run_commit(intermediate);
  ASSERT_TRUE(again) << describe(again.error());
  EXPECT_EQ(record_of(chain.base()).state, CommitState::done);
  EXPECT_TRUE(chain.is_merged());
  EXPECT_TRUE(chain.view_is_the_same());
}

/// As after a restart of the machine, which numbers its devices anew.
void change_device_numbers(const std::string& record_anchor) {
  CommitRecord record = record_of(record_anchor);
  ++record.asked.image.device;
  ++record.base.identity.device;
  ++record.overlay->identity.device;
  for (RecordedFile& file : record.merged) {
    ++file.identity.device;
  }
  ASSERT_TRUE(FileRecordStore(record_anchor).save(record));
}

TEST_F(RunAgain, AfterARestartThatGaveTheDiskAnotherNumber) {
  ASSERT_FALSE(run_commit_until_begun(intermediate));
  ASSERT_EQ(record_of(chain.base()).state, CommitState::copying);
  change_device_numbers(chain.base());
  const auto again = run_commit(intermediate);
  ASSERT_TRUE(again) << describe(again.error());
  EXPECT_TRUE(chain.is_merged());
  EXPECT_TRUE(chain.view_is_the_same());
}

TEST_F(RunAgain, ARetirementAfterSuchARestartKnowsItsFiles) {
  ASSERT_TRUE(run_commit(intermediate));
  change_device_numbers(chain.base());
  FileRecordStore records(chain.base());
  const auto retired = retire(records, {}, {});
  ASSERT_TRUE(retired) << describe(retired.error());
  EXPECT_FALSE(std::filesystem::exists(b));
}

TEST_F(RunAgain, AFullCommitAfterTheHeaderWasWrittenIsNotTakenForTheEarlierOne) {
  ASSERT_TRUE(run_commit(intermediate));
  forget_done(chain.base());
  const auto expected = qemu_bytes(chain.active());
  const auto report = run_commit(request_for(chain.active()));
  ASSERT_TRUE(!report || read_file(chain.base()) == expected) << "said done, and the active image is not merged";
}

TEST_F(RunAgain, LayersNamedByIndexThatAreMergedAlreadyStayMerged) {
  create_overlay(chain / "d.qcow2", "c.qcow2", "qcow2");
  create_overlay(chain / "e.qcow2", "d.qcow2", "qcow2");
  qemu_io(chain / "e.qcow2", {"write -P 77 0 64k"});
  const auto by_index = request_for(chain / "e.qcow2", "1", "3");
  ASSERT_TRUE(run_commit(by_index));
  const auto merged = read_file(chain.base());
  const auto again = run_commit(by_index);
  EXPECT_TRUE(merged == read_file(chain.base())) << "index 3 is another layer now";
  EXPECT_TRUE(again) << describe(again.error());
}

TEST_F(RunAgain, AfterAGuestHasWrittenToTheImageThatIsMerged) {
  ASSERT_FALSE(run_commit_until_begun(request_for(chain.active())));
  qemu_io(chain.active(), {"write -P 55 16k 4k"});
  const auto expected = qemu_bytes(chain.active());
  const auto report = run_commit(request_for(chain.active()));
  ASSERT_TRUE(report) << describe(report.error());
  EXPECT_TRUE(read_file(chain.base()) == expected);
}

TEST_F(RunAgain, WithABlockDeviceAsBaseTheRecordIsFoundToo) {
  const LoopDevice device(chain.base(), LoopDevice::Mode::writable);
  if (!device.ok()) {
    GTEST_SKIP() << device.reason();
  }
  qemu_img({"rebase", "-q", "-u", "-b", device.path(), "-F", "raw", chain / "a.qcow2"});
  const auto view = qemu_bytes(chain.active());
  const auto request = request_for(chain.active(), device.path(), b);
  const auto first = run_commit(request);
  ASSERT_TRUE(first) << describe(first.error());
  const std::string anchor = chain / std::filesystem::path(device.path()).filename().string();
  forget_done(anchor);
  const auto again = run_commit(request);
  ASSERT_TRUE(again) << describe(again.error());
  EXPECT_EQ(record_of(anchor).state, CommitState::done);
  EXPECT_TRUE(view == qemu_bytes(chain.active()));
}

}  // namespace
}  // namespace qchain::test
