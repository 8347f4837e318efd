#include <fcntl.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <filesystem>
#include <vector>

#include "qcow/commit/retire.h"
#include "qcow/commit/verify_commit.h"
#include "qcow/storage/read_back_gate.h"
#include "tests/commit/run_commit.h"
#include "tests/support/files.h"
#include "tests/support/qemu.h"
#include "tests/support/temp_dir.h"
#include "tests/unit/storage/loop_device.h"

namespace qchain::test {
namespace {

constexpr std::uint64_t kib = 1 << 10;

/// base.raw, 4 MiB <- a.qcow2 <- b.qcow2: a's data at 1 MiB and zeros at 2 MiB, b's data over a part of both.
class VerifyMoved : public testing::Test {
 protected:
  VerifyMoved() {
    make_hole_file(base, 4 << 20);
    qemu_io(base, {"write -P 1 0 4M"}, "raw");
    create_overlay(a, "base.raw", "raw");
    qemu_io(a, {"write -P 2 1M 256k", "write -z 2M 256k", "write -P 0 3M 64k"});
    create_overlay(b, "a.qcow2", "qcow2");
    qemu_io(b, {"write -P 3 1088k 64k", "write -P 3 2112k 64k"});
  }

  void commit_all() const {
    const auto report = run_commit(request_for(b));
    ASSERT_TRUE(report) << describe(report.error());
  }

  void commit_in_two_runs() const {
    CommitRequest request = request_for(b);
    request.checkpoint_interval = std::chrono::milliseconds(0);
    ASSERT_FALSE(run_commit_until(request, 1));
    ASSERT_GT(record_of(base).moved_to, 0U);
    commit_all();
  }

  CommitCheck check() {
    FileRecordStore records(base);
    ReadBackGate gate(record_of(base).base.identity);
    const auto found = verify_moved(records, gate, {});
    EXPECT_TRUE(found) << describe(found.error());
    return found.value_or(CommitCheck{});
  }

  void expect_difference_at(std::uint64_t offset) {
    SCOPED_TRACE(offset);
    flip_bit(base, offset);
    const CommitCheck found = check();
    EXPECT_EQ(found.by, CheckedBy::digest);
    EXPECT_FALSE(found.good());
    EXPECT_EQ(found.comparison.first_difference, (Range{offset, 1}));
    EXPECT_EQ(record_of(base).state, CommitState::done) << "verified no longer";
    flip_bit(base, offset);
    EXPECT_TRUE(check().good());
  }

  TempDir dir;
  std::string base = dir / "base.raw";
  std::string a = dir / "a.qcow2";
  std::string b = dir / "b.qcow2";
};

TEST_F(VerifyMoved, AGoodCommitIsVerifiedByItsDigest) {
  commit_all();
  const CommitCheck found = check();
  EXPECT_EQ(found.by, CheckedBy::digest);
  EXPECT_TRUE(found.good());
  EXPECT_EQ(record_of(base).state, CommitState::verified);
}

TEST_F(VerifyMoved, AnyMergedByteCounts) {
  commit_all();
  ASSERT_TRUE(check().good());
  const std::uint64_t data_of_a = 1024 * kib;
  const std::uint64_t data_of_b = 1088 * kib + 65535;
  const std::uint64_t zeros = 2048 * kib + 5;
  const std::uint64_t written_zeros = 3072 * kib + 511;
  for (const std::uint64_t offset : {data_of_a, data_of_b, zeros, written_zeros}) {
    expect_difference_at(offset);
  }
}

TEST_F(VerifyMoved, WhatTheLayersDoNotHoldIsNotLookedAt) {
  commit_all();
  flip_bit(base, 1024 * kib - 1);
  flip_bit(base, 1280 * kib);
  EXPECT_TRUE(check().good());
}

TEST_F(VerifyMoved, WithoutTheLayersThereIsStillADifferenceButNoPlace) {
  commit_all();
  std::filesystem::remove(b);
  flip_bit(base, 1024 * kib);
  const CommitCheck found = check();
  EXPECT_FALSE(found.good());
  EXPECT_FALSE(found.comparison.first_difference);
}

TEST_F(VerifyMoved, WhereTheCommitWentOnTheLayersAreCompared) {
  commit_in_two_runs();
  ASSERT_FALSE(record_of(base).content) << "else the test shows nothing";
  const CommitCheck found = check();
  EXPECT_EQ(found.by, CheckedBy::layers);
  EXPECT_TRUE(found.good());
  EXPECT_TRUE(record_of(base).content) << "taken of the layers";
  expect_difference_at(1088 * kib);
}

TEST_F(VerifyMoved, AShorterBaseIsADifference) {
  commit_all();
  std::filesystem::resize_file(base, 2 << 20);
  EXPECT_FALSE(check().good());
}

TEST_F(VerifyMoved, AnotherFileThatTookTheBasesNameIsNotTheBase) {
  commit_all();
  const std::string elsewhere = dir / "elsewhere.raw";
  std::filesystem::rename(base, elsewhere);
  std::filesystem::copy_file(elsewhere, base);
  FileRecordStore records(base);
  ReadBackGate gate;
  const auto refused = verify_moved(records, gate, {});
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().kind, ErrorKind::refused) << describe(refused.error());
}

TEST_F(VerifyMoved, OneBitInManyZerosThatAreStoredCountsInEveryRun) {
  constexpr std::uint64_t size = 64 << 20;
  resize_file(base, size);
  qemu_io(base, {"write -P 1 0 64M"}, "raw");
  std::filesystem::remove(b);
  create_overlay(a, "base.raw", "raw");
  create_overlay(b, "a.qcow2", "qcow2");
  qemu_io(b, {"write -z 0 64M"});
  commit_all();
  poke(base, 0, ByteVector(size));
  flip_bit(base, size / 2);
  for (int i = 0; i < 20; ++i) {
    ASSERT_FALSE(check().good()) << "in run " << i;
  }
}

TEST_F(VerifyMoved, ABaseThatEndsWithinASectorIsReadToItsEnd) {
  std::filesystem::remove(b);
  std::filesystem::remove(a);
  write_file(base, telling_bytes((1 << 20) + 100, 5));
  create_overlay(a, "base.raw", "raw");
  qemu_io(a, {"write -P 3 0 64k", "write -P 0 1M 512"});
  create_overlay(b, "a.qcow2", "qcow2");
  commit_all();
  const CommitCheck found = check();
  EXPECT_EQ(found.by, CheckedBy::digest);
  EXPECT_TRUE(found.good());
}

TEST_F(VerifyMoved, OfAQcow2BaseAndOfCompressedClusters) {
  const std::string qcow2 = dir / "base.qcow2";
  qemu_img({"convert", "-c", "-O", "qcow2", base, qcow2});
  qemu_img({"rebase", "-u", "-b", "base.qcow2", "-F", "qcow2", a});
  const auto report = run_commit(request_for(b));
  ASSERT_TRUE(report) << describe(report.error());
  FileRecordStore records(qcow2);
  ReadBackGate gate(report->record.base.identity);
  const auto found = verify_moved(records, gate, {});
  ASSERT_TRUE(found) << describe(found.error());
  EXPECT_EQ(found->by, CheckedBy::digest);
  EXPECT_TRUE(found->good());
}

TEST_F(VerifyMoved, ATableOfTheBaseThatIsBrokenIsAnErrorAndNotZeros) {
  const std::string qcow2 = dir / "base.qcow2";
  qemu_img({"convert", "-O", "qcow2", base, qcow2});
  qemu_img({"rebase", "-u", "-b", "base.qcow2", "-F", "qcow2", a});
  const auto report = run_commit(request_for(b));
  ASSERT_TRUE(report) << describe(report.error());
  const auto l1 = peek_be<std::uint64_t>(qcow2, 40);
  const std::uint64_t l2 = peek_be<std::uint64_t>(qcow2, l1) & 0x00fffffffffffe00;
  poke_be<std::uint64_t>(qcow2, l2 + 32 * 8, 0x8000000000000200 | (std::uint64_t{1} << 40));  // within the zeros
  FileRecordStore records(qcow2);
  ReadBackGate gate(report->record.base.identity);
  const auto found = verify_moved(records, gate, {});
  ASSERT_FALSE(found);
  EXPECT_EQ(found.error().kind, ErrorKind::corrupt) << describe(found.error());
}

TEST_F(VerifyMoved, TellsHowFarItIsAndStops) {
  commit_all();
  std::vector<std::uint64_t> told;
  std::uint64_t all = 0;
  std::stop_source stop;
  CompareOptions options;
  options.progress = [&](std::uint64_t done, std::uint64_t total) {
    told.push_back(done);
    all = total;
  };
  options.stop = stop.get_token();
  FileRecordStore records(base);
  ReadBackGate gate(record_of(base).base.identity);
  ASSERT_TRUE(verify_moved(records, gate, options));
  EXPECT_TRUE(std::ranges::is_sorted(told));
  EXPECT_EQ(told.back(), all);
  EXPECT_EQ(all, (256 + 256 + 64) * kib);
  stop.request_stop();
  const auto stopped = verify_moved(records, gate, options);
  ASSERT_FALSE(stopped);
  EXPECT_EQ(stopped.error().kind, ErrorKind::interrupted);
}

/// The base on a device whose cached pages no longer say what the disk below has.
class LyingCache : public VerifyMoved {
 protected:
  void SetUp() override {
    if (!device_.ok()) {
      GTEST_SKIP() << device_.reason();
    }
    qemu_img({"rebase", "-q", "-u", "-b", device_.path(), "-F", "raw", a});
    const auto report = run_commit(request_for(b));
    ASSERT_TRUE(report) << describe(report.error());
    record_ = report->anchor;
    make_the_cache_lie();
  }

  void make_the_cache_lie() {
    FileGate gate(Locking::none);
    cached_ = gate.open({.path = device_.path(), .named_by = {}}).value();
    ByteVector bytes(4 << 20);
    ASSERT_TRUE(cached_->read(0, bytes));
    flip_bit(base, 1024 * kib);
    std::array<std::byte, 1> byte{};
    ASSERT_TRUE(cached_->read(1024 * kib, byte));
    ASSERT_EQ(byte[0], std::byte{2}) << "else the test shows nothing";
  }

  void expect_retirement_to_find_it() const {
    FileRecordStore records(record_);
    const auto refused = retire(records, {});
    ASSERT_FALSE(refused);
    EXPECT_TRUE(describe(refused.error()).contains("does not read as the overlays")) << describe(refused.error());
    EXPECT_TRUE(std::filesystem::exists(b));
  }

  LoopDevice device_{base, LoopDevice::Mode::writable};
  std::string record_;
  SharedStorage cached_;  ///< keeps the device's cache
};

/// Its data on the device, behind a qcow2 header.
TEST_F(LyingCache, OfADataFileIsNotWhatIsReadEither) {
  const std::string qcow2 = dir / "base.qcow2";
  flip_bit(base, 1024 * kib);  // both say the same again
  cached_.reset();
  qemu_img({"create", "-q", "-f", "qcow2", "-o", "data_file=" + device_.path() + ",data_file_raw=on", qcow2, "4M"});
  qemu_io(qcow2, {"write -P 1 0 4M"});
  qemu_img({"rebase", "-q", "-u", "-b", qcow2, "-F", "qcow2", a});
  const auto report = run_commit(request_for(b));
  ASSERT_TRUE(report) << describe(report.error());
  make_the_cache_lie();
  record_ = qcow2;
  expect_retirement_to_find_it();
}

TEST_F(LyingCache, IsNotWhatAVerificationReads) {
  FileRecordStore records(record_);
  ReadBackGate gate(cached_->identity());
  const auto found = verify_moved(records, gate, {});
  ASSERT_TRUE(found) << describe(found.error());
  EXPECT_FALSE(found->good());
}

TEST_F(LyingCache, IsNotWhatARetirementReads) {
  expect_retirement_to_find_it();
}

}  // namespace
}  // namespace qchain::test
