// Commits that replace the base instead of writing to it: on an XFS that shares blocks.
#include "tests/live/bare/clone_live.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>

#include "qcow/commit/retire.h"

namespace qchain::test {
namespace {

using testing::HasSubstr;

/// Fails at the n-th save, as if qchain had been killed there: before it, or right after it.
class CutOffStore final : public RecordStore {
 public:
  CutOffStore(const std::string& base, std::size_t& saves, bool saves_then)
      : store_(base), saves_(saves), last_(saves_then) {}
  [[nodiscard]] Result<std::optional<CommitRecord>> load() const override { return store_.load(); }
  [[nodiscard]] Result<void> save(const CommitRecord& record) override {
    if (saves_ == 0) {
      return fail(ErrorKind::io, "cut off by the test");
    }
    --saves_;
    if (saves_ == 0 && !last_) {
      return fail(ErrorKind::io, "cut off by the test");
    }
    return store_.save(record);
  }
  [[nodiscard]] Result<void> remove() override { return store_.remove(); }

 private:
  FileRecordStore store_;
  std::size_t& saves_;
  bool last_;
};

TEST_F(CloneLive, ReplacesTheBaseBelowTheActiveImage) {
  start();
  const std::uint64_t before = inode_of("base.raw");
  const auto report = commit(below_active());
  ASSERT_TRUE(report) << describe(report.error());
  EXPECT_EQ(report->engine.engine, LiveEngine::clone) << report->engine.reason;
  EXPECT_LT(report->comparison.compared, report->record.outcome.cloned) << "shared blocks are the same unread";
  EXPECT_GT(report->record.outcome.cloned, 0U);
  EXPECT_NE(inode_of("base.raw"), before);
  expect_all_in_base();
  expect_nothing_left();
  expect_closed();
  const auto info = live::qmp::Json::parse(qemu_img({"info", "-U", "--output=json", file("c.qcow2")}));
  EXPECT_EQ(info["backing-filename"], "base.raw");
  EXPECT_EQ(info["backing-filename-format"], "raw");
  EXPECT_TRUE(commit(below_active())->was_finished);
  FileRecordStore records(file("base.raw"));
  const auto retired = retire(records, {});
  ASSERT_TRUE(retired) << describe(retired.error());
  expect_reads_as_before(file("c.qcow2"));
}

TEST_F(CloneLive, TheSwitchKeepsQemusOptions) {
  start();
  const auto cache_of = [&](const std::string& node) {
    for (const auto& each : qemu_->ask("query-named-block-nodes", {{"flat", true}})) {
      if (each.at("node-name") == node) {
        return each.at("cache").dump() + each.at("detect_zeroes").dump() + each.at("ro").dump();
      }
    }
    return std::string("no node");
  };
  const std::string overlay = cache_of("n4");
  const std::string base = cache_of("n1");
  ASSERT_TRUE(commit(below()));
  EXPECT_EQ(cache_of("n4"), overlay);
  EXPECT_EQ(cache_of("n1.qchain-b1"), base);
  qemu_->guest("write -P 7 8M 1M");  // a discard that became "ignore" would leave the file's blocks
  qemu_->guest("flush");
  const std::uint64_t full = std::filesystem::file_size(file("c.qcow2"));
  struct stat written{};
  ASSERT_EQ(::stat(file("c.qcow2").c_str(), &written), 0);
  qemu_->guest("discard 8M 1M");
  qemu_->guest("flush");
  struct stat discarded{};
  ASSERT_EQ(::stat(file("c.qcow2").c_str(), &discarded), 0);
  EXPECT_LT(discarded.st_blocks, written.st_blocks) << full;
}

TEST_F(CloneLive, AgainAndAgainWithSnapshotsBetween) {
  start();
  ASSERT_TRUE(commit(below()));
  for (const char* name : {"d.qcow2", "e.qcow2"}) {
    FileRecordStore records(file("base.raw"));
    ASSERT_TRUE(retire(records, {}));
    create_overlay(file(name), chain_in_qemu().back(), "qcow2");
    {
      const auto machine = open();
      const auto disks = machine->disks();
      ASSERT_TRUE(machine->snapshot(disks->at(0), file(name)));
    }
    qemu_->guest("write -P 8 24M 1M");
    LiveRequest request = below();
    request.layers = {.base = "1", .top = "2"};
    const auto report = commit(request);
    ASSERT_TRUE(report) << describe(report.error());
    qemu_io(file("before"), {"write -P 8 24M 1M"}, "raw");
    qemu_->guest("flush");
    expect_reads_as_before(file(name));
    expect_nothing_left();
  }
}

/// As when a run was killed after it had told QEMU of the overlay's nodes.
TEST_F(CloneLive, ASnapshotBeginsWithTheNodesThatAnEarlierRunLeft) {
  start();
  create_overlay(file("d.qcow2"), "c.qcow2", "qcow2");
  qemu_->ask("blockdev-add", {{"driver", "file"}, {"node-name", "left-f"}, {"filename", file("d.qcow2")}});
  qemu_->ask("blockdev-add",
             {{"driver", "qcow2"}, {"node-name", "left"}, {"file", "left-f"}, {"backing", live::qmp::Json()}});
  const auto machine = open();
  const auto disks = machine->disks();
  ASSERT_TRUE(machine->snapshot(disks->at(0), file("d.qcow2")));
  const auto after = machine->disks();
  ASSERT_TRUE(after);
  EXPECT_EQ(after->at(0).active().node, "n4.qchain-s1");
  EXPECT_EQ(after->at(0).active().file_node, "n4.qchain-s1-f");
  EXPECT_EQ(after->at(0).layers.size(), 5U);
  const auto nodes = qemu_->ask("query-named-block-nodes", {{"flat", true}});
  EXPECT_TRUE(std::ranges::none_of(nodes, [](const auto& node) { return node.at("node-name") == "left-f"; }));
}

/// The guest was shut down and started on the overlay, as the error had said, but without names for nodes.
TEST_F(CloneLive, APivotGoesOnWithQemuWhereNodesCantBeSwitchedAnyMore) {
  start();
  stop_.request_stop();
  ASSERT_FALSE(commit(active(Ending::pivot)));
  ASSERT_EQ(record()->live->engine, LiveEngine::clone);
  ASSERT_EQ(chain_in_qemu().back(), "c.qcow2.qchain-live");
  stop_ = {};
  qemu_.reset();
  qemu_ = std::make_unique<BareQemu>(folder_, std::vector{file("c.qcow2.qchain-live")}, BareQemu::Nodes::drive);
  const auto refused = commit(by_clone(active(Ending::pivot)));
  ASSERT_FALSE(refused);
  EXPECT_THAT(describe(refused.error()), testing::HasSubstr("no name of its own"));
  const auto report = commit(active(Ending::pivot));
  ASSERT_TRUE(report) << describe(report.error());
  EXPECT_EQ(report->engine.engine, LiveEngine::qemu);
  EXPECT_THAT(report->engine.reason, testing::HasSubstr("not clone: "));
  expect_only_base_open();
  expect_nothing_left();
  expect_reads_as_before(file("base.raw"), "raw");
}

/// The same, when the base is another file already.
TEST_F(CloneLive, ABaseThatQemuCantBeSwitchedToIsFinishedOffline) {
  start();
  for (std::size_t calls = 0; !record() || record()->state != CommitState::relinking; ++calls) {
    CutOffMachine machine(open(), calls);
    commit_in_part(below(), machine);
  }
  qemu_.reset();
  qemu_ = std::make_unique<BareQemu>(folder_, std::vector{file("c.qcow2")}, BareQemu::Nodes::drive);
  const auto refused = commit(below_active());
  ASSERT_FALSE(refused);
  EXPECT_THAT(describe(refused.error()), testing::HasSubstr("with the guest shut down: qchain commit --base"));
  qemu_.reset();
  const auto done = commit_offline(file("c.qcow2"), "b.qcow2");  // as the error says
  ASSERT_TRUE(done) << describe(done.error());
  expect_nothing_left();
  expect_reads_as_before(file("c.qcow2"));
}

TEST_F(CloneLive, PivotsToTheNewBase) {
  start();
  CutOffMachine machine(open());
  machine.before_pivot = [&] { qemu_->guest("write -P 9 20M 1M"); };
  const auto report = commit(active(Ending::pivot), machine);
  ASSERT_TRUE(report) << describe(report.error());
  EXPECT_EQ(report->engine.engine, LiveEngine::clone);
  expect_only_base_open();
  expect_nothing_left();
  qemu_->guest("write -P 10 21M 64k");
  qemu_->guest("flush");
  qemu_io(file("before"), {"write -P 9 20M 1M", "write -P 10 21M 64k"}, "raw");
  expect_reads_as_before(file("base.raw"), "raw");
}

TEST_F(CloneLive, CutOffAtAnyCallTheSameCommandCompletes) {
  start();
  for (std::size_t calls = first_call();; calls += stride()) {
    SCOPED_TRACE("cut off after " + std::to_string(calls) + " calls");
    CutOffMachine machine(open(), calls);
    commit_in_part(below(), machine);
    const auto again = commit(below());
    ASSERT_TRUE(again) << describe(again.error());
    expect_all_in_base();
    expect_nothing_left();
    expect_closed();
    if (!machine.was_cut_off()) {
      EXPECT_GT(calls, 12U);
      break;
    }
    begin_again();
  }
}

TEST_F(CloneLive, ThePivotCutOffAtAnyCallCompletes) {
  start();
  for (std::size_t calls = first_call();; calls += stride()) {
    SCOPED_TRACE("cut off after " + std::to_string(calls) + " calls");
    CutOffMachine machine(open(), calls);
    commit_in_part(by_clone(active(Ending::pivot)), machine);
    const auto again = commit(by_clone(active(Ending::pivot)));
    ASSERT_TRUE(again) << describe(again.error());
    expect_only_base_open();
    expect_nothing_left();
    qemu_->guest("flush");
    expect_reads_as_before(file("base.raw"), "raw");
    if (!machine.was_cut_off()) {
      EXPECT_GT(calls, 20U);
      break;
    }
    begin_again();
  }
}

/// Killed before and after every save of the record, alone and together with QEMU.
TEST_F(CloneLive, CutOffAtAnySaveItIsCompletedLiveOrOffline) {
  start();
  // In a campaign each both ways.
  for (std::size_t round = 2;; ++round) {
    const bool is_campaign = stride() == 1;
    for (const bool with_qemu : is_campaign ? std::vector{false, true} : std::vector{(round + first_call()) % 3 == 0}) {
      SCOPED_TRACE("cut off at save " + std::to_string(round / 2) + (round % 2 == 0 ? ", before it" : ", after it") +
                   (with_qemu ? ", with QEMU" : ""));
      std::size_t saves = round / 2;
      records_ = [&](const std::string& base) { return std::make_unique<CutOffStore>(base, saves, round % 2 == 1); };
      const bool done = commit(below()).has_value();
      records_ = records;
      if (with_qemu) {
        qemu_.reset();
        expect_reads_as_before(file("c.qcow2"));
        const auto offline = commit_offline();
        ASSERT_TRUE(offline) << describe(offline.error());
        expect_reads_as_before(file("c.qcow2"));
        EXPECT_TRUE(run({"qemu-img", "check", "-q", file("c.qcow2")}).ok());
      } else {
        const auto again = commit(below());
        ASSERT_TRUE(again) << describe(again.error());
        expect_all_in_base();
      }
      expect_nothing_left();
      if (done) {
        EXPECT_GT(round, 10U);
        return;
      }
      begin_again();
    }
  }
}

TEST_F(CloneLive, WhatWasFlippedInTheNewBaseIsFoundBeforeItTakesTheName) {
  start();
  const std::uint64_t base = inode_of("base.raw");
  bool flipped = false;
  CutOffMachine machine(open());
  said_.clear();
  const auto report = live::commit_live(below(), {.machine = machine,
                                                  .records = records,
                                                  .progress =
                                                      [&](std::uint64_t done, std::uint64_t total) {
                                                        if (done == total && !flipped) {
                                                          flipped = true;
                                                          poke(file("base.raw.qchain-new"), 7'500'000,
                                                               bytes_of("X"));  // of the base alone
                                                        }
                                                      },
                                                  .verify_progress = [](std::uint64_t, std::uint64_t) {},
                                                  .say = [](const std::string&) {},
                                                  .stop = {}});
  machine.disconnect();
  ASSERT_TRUE(report) << describe(report.error());
  ASSERT_TRUE(flipped);
  EXPECT_EQ(report->comparison.different, 1U);
  EXPECT_EQ(inode_of("base.raw"), base);
  EXPECT_EQ(chain_in_qemu(), whole_chain);
  expect_nothing_left();
  expect_reads_as_before(file("c.qcow2"));
  const auto again = commit(below());
  ASSERT_TRUE(again) << describe(again.error());
  expect_all_in_base();
}

TEST_F(CloneLive, InterruptedItLeavesNothing) {
  start();
  stop_.request_stop();
  const auto report = commit(below());
  ASSERT_FALSE(report);
  EXPECT_EQ(report.error().kind, ErrorKind::interrupted);
  EXPECT_THAT(describe(report.error()), HasSubstr("the chain is as before"));
  EXPECT_EQ(chain_in_qemu(), whole_chain);
  expect_nothing_left();
}

}  // namespace
}  // namespace qchain::test
