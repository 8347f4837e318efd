#include "tests/live/bare/commit_live.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <filesystem>

#include "qcow/commit/retire.h"
#include "tests/support/files.h"
#include "tests/support/qemu.h"

namespace qchain::test {
namespace {

using testing::HasSubstr;

TEST_F(CommitLive, MergesBelowTheActiveImage) {
  start();
  const auto report = commit(below_active());
  ASSERT_TRUE(report) << describe(report.error());
  EXPECT_GT(report->comparison.compared, 0U);
  expect_all_in_base();
  const auto info = live::qmp::Json::parse(qemu_img({"info", "-U", "--output=json", file("c.qcow2")}));
  EXPECT_EQ(info["backing-filename"], "base.raw");  // relative as it was
  EXPECT_EQ(info["backing-filename-format"], "raw");
}

TEST_F(CommitLive, MergedLayersAreClosedAndCanBeRetired) {
  start();
  ASSERT_TRUE(commit(below_active()));
  FileRecordStore records(file("base.raw"));
  const auto retired = retire(records, {});
  ASSERT_TRUE(retired) << describe(retired.error());
  EXPECT_EQ(retired->deleted, (std::vector{file("b.qcow2"), file("a.qcow2")}));
  expect_reads_as_before(file("c.qcow2"));
}

TEST_F(CommitLive, NodesThatQemuNamedAreMergedToo) {
  start(BareQemu::Nodes::drive);
  const auto report = commit(below_active());
  ASSERT_TRUE(report) << describe(report.error());
  expect_all_in_base();
}

TEST_F(CommitLive, WhatWasFlippedInBaseBeforeTheSwitchIsFound) {
  start();
  CutOffMachine machine(open());
  machine.before_flush = [&] { poke(file("base.raw"), 3'500'000, bytes_of("X")); };
  const auto report = commit(below_active(), machine);
  ASSERT_TRUE(report) << describe(report.error());
  EXPECT_EQ(report->comparison.different, 1U);
  ASSERT_TRUE(report->comparison.first_difference);
  EXPECT_EQ(report->comparison.first_difference->start, 3'500'000U);
  EXPECT_EQ(chain_in_qemu(), whole_chain);
  EXPECT_FALSE(job_is_left());
  EXPECT_EQ(record()->state, CommitState::copying);
  expect_reads_as_before(file("c.qcow2"));

  const auto again = commit(below_active());
  ASSERT_TRUE(again) << describe(again.error());
  EXPECT_TRUE(again->comparison.same());
  expect_all_in_base();
}

/// As through libvirt: it is proved when all is switched, while the merged layers are still there.
TEST_F(CommitLive, WhereNoJobWaitsAWrongBaseIsFoundAfterTheSwitchAndTheLayersAreKept) {
  start();
  const auto commit_unheld = [&](const std::string& byte) {
    CutOffMachine machine(open());
    machine.finalizes_by_itself = true;
    machine.before_flush = [&, byte] { poke(file("base.raw"), 3'500'000, bytes_of(byte)); };
    return commit(below_active(), machine);
  };
  for (int run = 0; run < 2; ++run) {  // again it says the same
    const auto wrong = commit_unheld("X");
    ASSERT_FALSE(wrong);
    EXPECT_EQ(wrong.error().kind, ErrorKind::corrupt);
    EXPECT_THAT(describe(wrong.error()),
                HasSubstr("differs from the layers merged into it in 1 bytes, the first at 3500000"));
    EXPECT_THAT(describe(wrong.error()), HasSubstr("delete none of them"));
    EXPECT_EQ(chain_in_qemu(), (std::vector<std::string>{"base.raw", "c.qcow2"}));
    FileRecordStore records(file("base.raw"));
    EXPECT_FALSE(retire(records, {}));
    EXPECT_TRUE(std::filesystem::exists(file("a.qcow2")) && std::filesystem::exists(file("b.qcow2")));
  }
  const auto right = commit_unheld("\x03");
  ASSERT_TRUE(right) << describe(right.error());
  EXPECT_GT(right->comparison.compared, 0U);
  expect_all_in_base();
}

TEST_F(CommitLive, WhereNoJobWaitsWhatWasSwitchedAndNotComparedIsEndedOffline) {
  start();
  CutOffMachine machine(open());
  machine.finalizes_by_itself = true;
  machine.before_flush = [] { throw Killed(); };
  commit_in_part(below_active(), machine);
  EXPECT_EQ(chain_in_qemu(), (std::vector<std::string>{"base.raw", "c.qcow2"}));
  EXPECT_EQ(record()->state, CommitState::copying);
  qemu_.reset();
  const auto done = commit_offline();
  ASSERT_TRUE(done) << describe(done.error());
  EXPECT_EQ(record()->state, CommitState::done) << "and not verified";
  expect_reads_as_before(file("c.qcow2"));
  FileRecordStore records(file("base.raw"));
  EXPECT_TRUE(retire(records, {}));
}

TEST_F(CommitLive, TheSameCommandAgainSaysThatItIsDone) {
  start();
  ASSERT_TRUE(commit(below_active()));
  const auto again = commit(below_active());
  ASSERT_TRUE(again) << describe(again.error());
  EXPECT_TRUE(again->was_finished);
}

TEST_F(CommitLive, CutOffAtAnyCallTheSameCommandCompletes) {
  for (std::size_t calls = 0;; ++calls) {
    SCOPED_TRACE("cut off after " + std::to_string(calls) + " calls");
    start();
    CutOffMachine machine(open(), calls);
    commit_in_part(below_active(), machine);
    const auto again = commit(below_active());
    ASSERT_TRUE(again) << describe(again.error());
    expect_all_in_base();
    qemu_.reset();
    expect_reads_as_before(file("c.qcow2"));
    if (!machine.was_cut_off()) {
      EXPECT_GT(calls, 8U);
      break;
    }
    for (const char* name : {"base.raw", "a.qcow2", "b.qcow2", "c.qcow2", "base.raw.qchain.json"}) {
      std::filesystem::remove(file(name));
    }
    SetUp();
  }
}

TEST_F(CommitLive, CutOffAtAnyCallAndWithoutQemuAnOfflineCommitCompletes) {
  for (std::size_t calls = 0;; ++calls) {
    SCOPED_TRACE("cut off after " + std::to_string(calls) + " calls");
    start();
    CutOffMachine machine(open(), calls);
    commit_in_part(below_active(), machine);
    qemu_.reset();  // killed
    expect_reads_as_before(file("c.qcow2"));
    const auto done = commit_offline();
    ASSERT_TRUE(done) << describe(done.error());
    expect_reads_as_before(file("c.qcow2"));
    EXPECT_TRUE(run({"qemu-img", "check", "-q", file("c.qcow2")}).ok());
    if (!machine.was_cut_off()) {
      break;
    }
    for (const char* name : {"base.raw", "a.qcow2", "b.qcow2", "c.qcow2", "base.raw.qchain.json"}) {
      std::filesystem::remove(file(name));
    }
    SetUp();
  }
}

TEST_F(CommitLive, PivotsToTheBase) {
  start();
  CutOffMachine machine(open());
  machine.before_pivot = [&] { qemu_->guest("write -P 9 20M 1M"); };  // in step: it must arrive
  const auto report = commit(active(Ending::pivot), machine);
  ASSERT_TRUE(report) << describe(report.error());
  EXPECT_EQ(said_, (std::vector<std::string>{"Now in synchronized phase", "Successfully pivoted"}));
  expect_only_base_open();
  qemu_->guest("write -P 10 21M 64k");
  qemu_->guest("flush");
  qemu_io(file("before"), {"write -P 9 20M 1M", "write -P 10 21M 64k"}, "raw");
  expect_reads_as_before(file("base.raw"), "raw");
}

TEST_F(CommitLive, ThePivotCutOffAtAnyCallCompletes) {
  for (std::size_t calls = 0;; ++calls) {
    SCOPED_TRACE("cut off after " + std::to_string(calls) + " calls");
    start();
    CutOffMachine machine(open(), calls);
    commit_in_part(active(Ending::pivot), machine);
    const auto again = commit(active(Ending::pivot));
    ASSERT_TRUE(again) << describe(again.error());
    expect_only_base_open();
    EXPECT_EQ(record()->state, CommitState::verified);
    qemu_->guest("flush");
    expect_reads_as_before(file("base.raw"), "raw");
    FileRecordStore records(file("base.raw"));
    const auto retired = retire(records, {});
    ASSERT_TRUE(retired) << describe(retired.error());
    EXPECT_EQ(retired->deleted.size(), 3U);
    qemu_.reset();
    if (!machine.was_cut_off()) {
      EXPECT_GT(calls, 16U);
      break;
    }
    for (const char* name : {"base.raw", "base.raw.qchain.json"}) {
      std::filesystem::remove(file(name));
    }
    SetUp();
  }
}

/// First with the merge below behind it, then with the pivot: whichever run comes to the end closes what was left open.
TEST_F(CommitLive, ThePivotKilledBeforeItClosesTheLayersClosesThemTheNextTime) {
  start();
  for (const LiveStep reached : {LiveStep::merging, LiveStep::pivoted}) {
    CutOffMachine machine(open());
    machine.before_close = [] { throw Killed(); };
    commit_in_part(active(Ending::pivot), machine);
    EXPECT_EQ(record()->live->step, reached);
  }
  ASSERT_TRUE(commit(active(Ending::pivot)));
  expect_only_base_open();
  qemu_->guest("flush");
  expect_reads_as_before(file("base.raw"), "raw");
}

TEST_F(CommitLive, ThePivotThatCouldNotCloseTheLayersClosesThemTheNextTime) {
  start();
  for (int run = 0; run < 2; ++run) {
    CutOffMachine machine(open());
    machine.before_close = [&] { machine.cut_off(); };
    commit_in_part(active(Ending::pivot), machine);
  }
  const auto again = commit(active(Ending::pivot));
  ASSERT_TRUE(again) << describe(again.error());
  EXPECT_TRUE(again->was_finished);
  expect_only_base_open();
}

TEST_F(CommitLive, KeepOverlayCopiesAndSwitchesNothing) {
  start();
  const auto report = commit(active(Ending::keep_overlay));
  ASSERT_TRUE(report) << describe(report.error());
  EXPECT_EQ(chain_in_qemu(), whole_chain);
  EXPECT_FALSE(job_is_left());
  expect_reads_as_before(file("base.raw"), "raw");
  expect_reads_as_before(file("c.qcow2"));
  const auto pivoted = commit(active(Ending::pivot));
  ASSERT_TRUE(pivoted) << describe(pivoted.error());
  EXPECT_EQ(chain_in_qemu(), std::vector<std::string>{"base.raw"});
}

TEST_F(CommitLive, AtTheTimeoutItIsCancelled) {
  start();
  LiveRequest request = below_active();
  request.bandwidth = 1 << 20;
  request.timeout = std::chrono::seconds(1);
  const auto report = commit(request);
  ASSERT_FALSE(report);
  EXPECT_EQ(report.error().os_error, ETIMEDOUT);
  EXPECT_NE(report.error().advice.find("cancelled; the chain is as before"), std::string::npos)
      << describe(report.error());
  EXPECT_FALSE(job_is_left());
  EXPECT_EQ(chain_in_qemu(), whole_chain);
}

TEST_F(CommitLive, AtTheTimeoutTheJobCanBeLeftAndIsTakenUpAgain) {
  start();
  LiveRequest request = below_active();
  request.bandwidth = 1 << 20;
  request.timeout = std::chrono::seconds(1);
  request.at_timeout = AtTimeout::report;
  const auto report = commit(request);
  ASSERT_FALSE(report);
  EXPECT_NE(report.error().advice.find("the job goes on"), std::string::npos) << describe(report.error());
  EXPECT_TRUE(job_is_left());
  request.timeout = std::chrono::seconds(1);
  request.at_timeout = AtTimeout::raise_speed;
  const auto again = commit(request);
  ASSERT_TRUE(again) << describe(again.error());
  expect_all_in_base();
}

TEST_F(CommitLive, InterruptedItIsCancelled) {
  start();
  stop_.request_stop();
  LiveRequest request = below_active();
  request.bandwidth = 1 << 20;
  const auto report = commit(request);
  ASSERT_FALSE(report);
  EXPECT_EQ(report.error().kind, ErrorKind::interrupted);
  EXPECT_FALSE(job_is_left());
  EXPECT_EQ(chain_in_qemu(), whole_chain);
}

TEST_F(CommitLive, AJobOfAnotherIsNamed) {
  start();
  start_foreign_job();
  const auto report = commit(below_active());
  ASSERT_FALSE(report);
  EXPECT_EQ(report.error().kind, ErrorKind::locked);
  EXPECT_NE(describe(report.error()).find("another block job is on the disk"), std::string::npos)
      << describe(report.error());
  EXPECT_FALSE(record());  // it would be in the way of other commits
  EXPECT_FALSE(commit(active(Ending::pivot)));
  EXPECT_FALSE(record());
  EXPECT_FALSE(std::filesystem::exists(file("c.qcow2.qchain-live")));
  cancel_job("theirs");
  LiveRequest other = below_active();
  other.layers = {.base = "vda[1]", .top = "vda[2]"};
  const auto after = commit(other);
  EXPECT_TRUE(after) << describe(after.error());
}

TEST_F(CommitLive, AReaderOfTheBaseIsNamed) {
  start();
  create_overlay(file("other.qcow2"), "base.raw", "raw");
  TempDir other;
  BareQemu second(other.path(), {file("base.raw"), file("other.qcow2")});
  const auto report = commit(below_active());
  ASSERT_FALSE(report);
  EXPECT_EQ(report.error().kind, ErrorKind::locked);
  EXPECT_NE(describe(report.error()).find("process " + std::to_string(second.pid())), std::string::npos)
      << describe(report.error());
  EXPECT_EQ(chain_in_qemu(), whole_chain);
}

struct WrongWords {
  LayerChoice layers;
  Ending ending;
  const char* says;
};

TEST_F(CommitLive, WrongWordsAreExplained) {
  start();
  const std::vector<WrongWords> all{
      {.layers = {.base = "3", .top = "2"}, .ending = Ending::below_active, .says = "lies above top"},
      {.layers = {.base = "2", .top = "2"}, .ending = Ending::below_active, .says = "are the same layer"},
      {.layers = {.base = "vda[9]", .top = {}}, .ending = Ending::below_active, .says = "no layer has the index 9"},
      {.layers = {.base = "nope.raw", .top = {}}, .ending = Ending::below_active, .says = "not in its chain"},
      {.layers = {.base = {}, .top = {}}, .ending = Ending::below_active, .says = "--active --pivot"},
      {.layers = {.base = {}, .top = "3"}, .ending = Ending::pivot, .says = "not the active image"}};
  for (const WrongWords& words : all) {
    LiveRequest request;
    request.disk = disk;
    request.layers = words.layers;
    request.ending = words.ending;
    const auto report = commit(request);
    ASSERT_FALSE(report) << words.says;
    EXPECT_EQ(report.error().kind, ErrorKind::invalid_argument);
    EXPECT_NE(describe(report.error()).find(words.says), std::string::npos) << describe(report.error());
  }
  LiveRequest unknown = below_active();
  unknown.disk = "vdb";
  EXPECT_NE(describe(commit(unknown).error()).find("no disk 'vdb'; its disks are vda"), std::string::npos);
  EXPECT_EQ(chain_in_qemu(), whole_chain);
  EXPECT_FALSE(std::filesystem::exists(file("base.raw.qchain.json")));
}

}  // namespace
}  // namespace qchain::test
