#include "qcow/commit/retire.h"

#include <gtest/gtest.h>

#include <filesystem>

#include "qcow/commit/verify_commit.h"
#include "tests/commit/crash/real_chain.h"
#include "tests/commit/run_commit.h"
#include "tests/support/qemu.h"
#include "tests/unit/storage/qemu_io_session.h"

namespace qchain::test {
namespace {

namespace fs = std::filesystem;

/// a and b are merged into the base, and c hangs on it.
class Retire : public testing::Test {
 protected:
  Retire() {
    const auto report = run_commit(request_for(chain.active(), chain.base(), b));
    EXPECT_TRUE(report) << describe(report.error());
  }

  Result<Retirement> retire_all() { return retire(records, {}); }

  /// Refused with these words, and both layers are still there.
  void expect_refusal(ErrorKind kind, std::string_view words) {
    const auto retirement = retire_all();
    ASSERT_FALSE(retirement);
    EXPECT_EQ(retirement.error().kind, kind) << describe(retirement.error());
    EXPECT_TRUE(describe(retirement.error()).contains(words)) << describe(retirement.error());
    EXPECT_TRUE(fs::exists(a));
    EXPECT_TRUE(fs::exists(b));
  }

  bool base_is_good() {
    FileGate gate(Locking::shared_read);
    const auto check = verify_commit(records, gate, {});
    EXPECT_TRUE(check) << describe(check.error());
    return check && check->good();
  }

  RealChain chain{64 << 10};
  std::string a = chain / "a.qcow2";
  std::string b = chain / "b.qcow2";
  FileRecordStore records{chain.base()};
};

TEST_F(Retire, DeletesTheMergedLayersFromTheTopDownAndNothingElse) {
  write_file(chain / "bystander.qcow2", read_file(chain.active()));
  const auto retirement = retire_all();
  ASSERT_TRUE(retirement) << describe(retirement.error());
  EXPECT_EQ(retirement->deleted, (std::vector{b, a}));
  EXPECT_TRUE(fs::exists(chain.base()));
  EXPECT_TRUE(fs::exists(chain / "bystander.qcow2"));
  EXPECT_TRUE(chain.view_is_the_same());
  EXPECT_EQ(record_of(chain.base()).state, CommitState::retired);
}

TEST_F(Retire, TwiceDeletesNothingMore) {
  ASSERT_TRUE(retire_all());
  const auto again = retire_all();
  ASSERT_TRUE(again) << describe(again.error());
  EXPECT_TRUE(again->deleted.empty());
}

/// It may have been deleted by hand: nothing proves then that the base is good.
TEST_F(Retire, KeepsTheRestWhereTheTopIsGoneAndThereIsNoDigest) {
  CommitRecord record = record_of(chain.base());
  record.state = CommitState::verified;
  record.content.reset();
  ASSERT_TRUE(records.save(record));
  fs::remove(b);
  const auto refused = retire_all();
  ASSERT_FALSE(refused);
  EXPECT_TRUE(describe(refused.error()).contains("no digest was taken of them")) << describe(refused.error());
  EXPECT_TRUE(fs::exists(a));
  record.retiring = true;  // unless that was an earlier retirement, which had proved it
  ASSERT_TRUE(records.save(record));
  ASSERT_TRUE(retire_all());
  EXPECT_FALSE(fs::exists(a));
}

TEST_F(Retire, KeepsALayerOfAnotherTime) {
  fs::last_write_time(a, fs::last_write_time(a) + std::chrono::nanoseconds(1));
  expect_refusal(ErrorKind::refused, "was changed or replaced after it was merged");
}

TEST_F(Retire, KeepsALayerOfAnotherSize) {
  const auto time = fs::last_write_time(b);
  resize_file(b, file_size(b) + 512);
  fs::last_write_time(b, time);
  expect_refusal(ErrorKind::refused, "was changed or replaced after it was merged");
}

TEST_F(Retire, KeepsALayerOfAnotherContent) {
  const auto time = fs::last_write_time(b);
  qemu_io(b, {"write -P 99 8k 4k"});
  fs::last_write_time(b, time);
  expect_refusal(ErrorKind::refused, "does not read as the overlays");
}

TEST_F(Retire, KeepsAnotherFileThatTookALayersName) {
  fs::rename(b, chain / "saved.qcow2");
  fs::copy_file(chain / "saved.qcow2", b);
  fs::last_write_time(b, fs::last_write_time(chain / "saved.qcow2"));
  fs::remove(chain / "saved.qcow2");
  expect_refusal(ErrorKind::refused, "was changed or replaced after it was merged");
}

TEST_F(Retire, KeepsALayerThatAnotherImageHangsOn) {
  create_overlay(chain / "other.qcow2", "a.qcow2", "qcow2");
  expect_refusal(ErrorKind::refused, "other.qcow2' still hangs on it");
}

TEST_F(Retire, KeepsALayerThatAnImageInAScannedFolderHangsOn) {
  const TempDir elsewhere;
  create_overlay(elsewhere / "other.qcow2", b, "qcow2");
  const auto retirement = retire(records, {}, {elsewhere.path()});
  ASSERT_FALSE(retirement);
  EXPECT_TRUE(describe(retirement.error()).contains("other.qcow2")) << describe(retirement.error());
  EXPECT_TRUE(fs::exists(b));
}

TEST_F(Retire, KeepsALayerThatSomeoneHasOpen) {
  {
    const QemuIoSession reader({"-r", "-f", "qcow2", a});
    expect_refusal(ErrorKind::locked, "qemu-io");
  }
  {
    const QemuIoSession writer({"-f", "qcow2", b});
    expect_refusal(ErrorKind::locked, "qemu-io");
  }
  EXPECT_TRUE(retire_all());
}

TEST_F(Retire, MayGoOnWhileAGuestRunsOnTheActiveImage) {
  const QemuIoSession guest({"-f", "qcow2", chain.active()});
  const auto retirement = retire_all();
  ASSERT_TRUE(retirement) << describe(retirement.error());
  EXPECT_FALSE(fs::exists(a));
}

TEST_F(Retire, KeepsTheLayersWhenTheBaseWasChanged) {
  flip_bit(chain.base(), 5000);
  expect_refusal(ErrorKind::refused, "does not read as the overlays");
  flip_bit(chain.base(), 5000);
  EXPECT_TRUE(retire_all());
}

TEST_F(Retire, KeepsTheLayersWhenAZeroOfTheBaseWasChanged) {
  flip_bit(chain.base(), (64 << 10) + 100);
  expect_refusal(ErrorKind::refused, "does not read as the overlays");
}

TEST_F(Retire, CutOffAfterTheTopWasDeletedGoesOn) {
  ASSERT_TRUE(base_is_good());
  fs::remove(b);
  const auto retirement = retire_all();
  ASSERT_TRUE(retirement) << describe(retirement.error());
  EXPECT_EQ(retirement->deleted, std::vector{a});
  EXPECT_EQ(record_of(chain.base()).state, CommitState::retired);
}

TEST_F(Retire, CutOffAfterTheTopWasDeletedStillKeepsAChangedLayer) {
  ASSERT_TRUE(base_is_good());
  fs::remove(b);
  qemu_io(a, {"write -P 99 0 4k"});
  EXPECT_FALSE(retire_all());
  EXPECT_TRUE(fs::exists(a));
}

TEST_F(Retire, CutOffAfterTheTopWasDeletedKeepsTheRestWhenTheBaseWasChanged) {
  ASSERT_TRUE(base_is_good());
  fs::remove(b);
  flip_bit(chain.base(), 5000);
  EXPECT_FALSE(retire_all()) << "what is left of the layers is all that can tell what the base should hold";
  EXPECT_TRUE(fs::exists(a));
}

TEST_F(Retire, CutOffAfterTheTopWasDeletedKeepsTheRestWhenAnotherFileTookTheBasesName) {
  ASSERT_TRUE(base_is_good());
  fs::remove(b);
  fs::copy_file(chain.base(), chain / "copy");
  fs::rename(chain / "copy", chain.base());
  const auto retirement = retire_all();
  ASSERT_FALSE(retirement);
  EXPECT_EQ(retirement.error().kind, ErrorKind::refused) << describe(retirement.error());
  EXPECT_TRUE(fs::exists(a));
}

TEST_F(Retire, WithoutTheTopTheDigestIsProofEnough) {
  fs::remove(b);
  flip_bit(chain.base(), 5000);
  EXPECT_FALSE(retire_all());
  EXPECT_TRUE(fs::exists(a));
  flip_bit(chain.base(), 5000);
  EXPECT_TRUE(retire_all());
}

TEST_F(Retire, VerifyFindsAFlippedByteByTheDigestAfterwards) {
  ASSERT_TRUE(retire_all());
  EXPECT_TRUE(base_is_good());
  flip_bit(chain.base(), 5000);
  EXPECT_FALSE(base_is_good());
  flip_bit(chain.base(), 5000);
  EXPECT_TRUE(base_is_good());
}

TEST_F(Retire, VerifyFindsAByteInWhatWasMadeZerosAfterwards) {
  ASSERT_TRUE(retire_all());
  flip_bit(chain.base(), (64 << 10) + 100);
  EXPECT_FALSE(base_is_good());
}

}  // namespace
}  // namespace qchain::test
