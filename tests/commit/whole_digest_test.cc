#include "qcow/commit/whole_digest.h"

#include <gtest/gtest.h>

#include <filesystem>

#include "qcow/commit/retire.h"
#include "qcow/commit/verify_commit.h"
#include "qcow/storage/read_back_gate.h"
#include "tests/commit/run_commit.h"
#include "tests/support/files.h"
#include "tests/support/process.h"
#include "tests/support/qemu.h"
#include "tests/support/temp_dir.h"
#include "tests/support/views.h"

namespace qchain::test {
namespace {

/// base.raw (4 MiB) <- a.qcow2 (2 MiB) <- b.qcow2 (4 MiB): a is merged into the base, whose tail it hides from b.
class WholeDigestTest : public testing::Test {
 protected:
  WholeDigestTest() {
    make_hole_file(base, 4 << 20);
    qemu_io(base, {"write -P 1 0 1M", "write -P 2 2M 1536k"}, "raw");
    create_qcow2(a, {.options = {}, .backing = "base.raw", .backing_format = "raw", .size = 2 << 20});
    qemu_io(a, {"write -P 3 512k 100k"});
    create_qcow2(b, {.options = {}, .backing = "a.qcow2", .backing_format = "qcow2", .size = 3 << 20});
    qemu_io(b, {"write -P 4 1M 64k"});
  }

  CommitRequest request(DigestKind kind = DigestKind::quick) const {
    CommitRequest wanted = request_for(b, base, a);
    wanted.whole_digest = kind;
    return wanted;
  }

  /// Runs until the first bytes have been moved, then stops.
  void begin(CommitRequest wanted) {
    std::stop_source stop;
    FileGate looking(Locking::none);
    FileWritingGate working;
    wanted.checkpoint_interval = std::chrono::milliseconds(0);
    const auto report =
        commit(wanted, {.looking = looking,
                        .working = working,
                        .records = [](const std::string& path) { return std::make_unique<FileRecordStore>(path); },
                        .progress = [&](std::uint64_t, std::uint64_t) { stop.request_stop(); },
                        .stop = stop.get_token()});
    ASSERT_FALSE(report);
    ASSERT_EQ(report.error().kind, ErrorKind::interrupted) << describe(report.error());
    ASSERT_EQ(record_of(base).state, CommitState::copying);
  }

  void finish(const CommitRequest& wanted) {
    const auto report = run_commit(wanted);
    ASSERT_TRUE(report) << describe(report.error());
  }

  CommitCheck check() {
    FileRecordStore records(base);
    ReadBackGate gate;
    const auto found = verify_whole(records, gate, {});
    EXPECT_TRUE(found) << describe(found.error());
    return found.value_or(CommitCheck{});
  }

  CommitCheck check_by_layers() {
    FileRecordStore records(base);
    FileGate gate(Locking::shared_read);
    return verify_commit(records, gate, {}).value();
  }

  TempDir dir;
  std::string base = dir / "base.raw";
  std::string a = dir / "a.qcow2";
  std::string b = dir / "b.qcow2";
};

TEST_F(WholeDigestTest, AGoodCommitIsVerified) {
  const std::string flat = dir / "flat.raw";
  qemu_img({"convert", "-O", "raw", a, flat});
  finish(request(DigestKind::with_sha256));
  const CommitCheck found = check();
  EXPECT_TRUE(found.good());
  EXPECT_EQ(found.by, CheckedBy::whole);
  const CommitRecord record = record_of(base);
  EXPECT_EQ(record.state, CommitState::verified);
  EXPECT_TRUE(record.whole->before_first_write);
  EXPECT_EQ(record.whole->view.sha256, must_run({"sha256sum", flat}).substr(0, 64));
}

TEST_F(WholeDigestTest, ADamageOutsideOfWhatWasMergedIsFoundByItAlone) {
  finish(request());
  flip_bit(base, 10);
  EXPECT_TRUE(check_by_layers().good());
  EXPECT_EQ(record_of(base).state, CommitState::verified);
  const CommitCheck found = check();
  EXPECT_FALSE(found.good());
  EXPECT_TRUE(found.difference.in_view);
  EXPECT_FALSE(found.comparison.first_difference) << "the layers can't tell the place";
  EXPECT_EQ(record_of(base).state, CommitState::done) << "verified no longer";
}

TEST_F(WholeDigestTest, WhatItFoundWantingIsNotVerifiedByTheLayersNorRetired) {
  finish(request());
  flip_bit(base, 10);
  EXPECT_FALSE(check().good());
  EXPECT_TRUE(check_by_layers().good());
  EXPECT_EQ(record_of(base).state, CommitState::done);
  FileRecordStore records(base);
  const auto retirement = retire(records, {});
  ASSERT_FALSE(retirement);
  EXPECT_TRUE(describe(retirement.error()).contains("did not read as before the first write"));
  EXPECT_TRUE(std::filesystem::exists(a));
  flip_bit(base, 10);
  EXPECT_TRUE(check().good());
  EXPECT_TRUE(retire(records, {}));
}

TEST_F(WholeDigestTest, OfADamageInWhatWasMergedTheLayersTellThePlace) {
  finish(request());
  flip_bit(base, (512 << 10) + 77);
  const CommitCheck found = check();
  EXPECT_FALSE(found.good());
  EXPECT_EQ(found.comparison.first_difference, (Range{(512 << 10) + 77, 1}));
}

TEST_F(WholeDigestTest, TheTailOfALongerBaseBelongsToIt) {
  finish(request());
  flip_bit(base, (3 << 20) + 1000);  // behind what b looks at: kept
  const CommitCheck kept = check();
  EXPECT_FALSE(kept.good());
  EXPECT_TRUE(kept.difference.in_tail);
  EXPECT_FALSE(kept.difference.in_view);
  flip_bit(base, (3 << 20) + 1000);
  EXPECT_TRUE(check().good());
  flip_bit(base, (2 << 20) + 1000);  // behind a, and before b's end: made zeros
  EXPECT_TRUE(check().difference.in_tail);
}

TEST_F(WholeDigestTest, AWriteThatWentAstrayBeforeAnInterruptionIsFoundInTheEnd) {
  begin(request());
  flip_bit(base, 10);
  finish(request());
  EXPECT_TRUE(record_of(base).whole->before_first_write);
  EXPECT_FALSE(check().good());
}

/// A commit that is done leaves nothing half-written: what comes after it begins anew.
TEST_F(WholeDigestTest, AfterACommitThatIsDoneItIsTakenBeforeTheFirstWrite) {
  finish(request_for(b));
  qemu_io(b, {"write -P 5 1M 64k"});
  CommitRequest again = request_for(b);
  again.whole_digest = DigestKind::quick;
  finish(again);
  EXPECT_TRUE(record_of(base).whole->before_first_write);
}

TEST_F(WholeDigestTest, ACommitThatGoesOnWithoutBeingAskedKeepsIt) {
  begin(request());
  const auto taken = record_of(base).whole;
  finish(request_for(b, base, a));
  EXPECT_EQ(record_of(base).whole, taken);
  EXPECT_TRUE(check().good());
}

TEST_F(WholeDigestTest, AskedForOnlyWhenTheCommitGoesOnItSaysSo) {
  begin(request_for(b, base, a));
  finish(request());
  EXPECT_FALSE(record_of(base).whole->before_first_write);
  EXPECT_TRUE(check().good());
}

TEST_F(WholeDigestTest, AfterALayerWasChangedItIsReadAgain) {
  begin(request());
  qemu_io(a, {"write -P 9 64k 64k"});
  finish(request());
  EXPECT_FALSE(record_of(base).whole->before_first_write);
  EXPECT_TRUE(check().good());
}

TEST_F(WholeDigestTest, Sha256MayBeAskedForLater) {
  begin(request());
  finish(request(DigestKind::with_sha256));
  EXPECT_TRUE(record_of(base).whole->before_first_write) << "it is the view that was read at first";
  EXPECT_EQ(record_of(base).whole->view.sha256.size(), 64U);
  EXPECT_TRUE(check().good());
}

TEST_F(WholeDigestTest, Sha256OfAViewThatIsNoLongerWhatItWasIsRefused) {
  begin(request());
  flip_bit(base, 10);
  const auto report = run_commit(request(DigestKind::with_sha256));
  ASSERT_FALSE(report);
  EXPECT_TRUE(describe(report.error()).contains("no longer reads as before the commit was begun"));
}

TEST_F(WholeDigestTest, AFullCommitThatWasFoundWantingIsNotRightWhenItIsRunAgain) {
  CommitRequest all = request_for(b);
  all.whole_digest = DigestKind::quick;
  finish(all);
  const auto left_at = std::filesystem::last_write_time(base);
  flip_bit(base, 10);
  std::filesystem::last_write_time(base, left_at);  // as if the disk had done it
  EXPECT_FALSE(check().good());
  finish(all);
  EXPECT_FALSE(check().good()) << "the digest of the first time counts";
}

TEST_F(WholeDigestTest, AGrowingQcow2BaseOverAnotherOne) {
  qemu_img({"convert", "-f", "raw", "-O", "qcow2", base, dir / "bottom.qcow2"});
  create_overlay(dir / "middle.qcow2", "bottom.qcow2", "qcow2", "cluster_size=4k");
  qemu_io(dir / "middle.qcow2", {"write -P 6 128k 12k"});
  create_qcow2(dir / "top.qcow2",
               {.options = {}, .backing = "middle.qcow2", .backing_format = "qcow2", .size = 5 << 20});
  qemu_io(dir / "top.qcow2", {"write -P 7 132k 4k", "write -P 8 4M 64k", "discard 0 64k"});
  CommitRequest all = request_for(dir / "top.qcow2", "2");
  all.whole_digest = DigestKind::with_sha256;
  finish(all);
  FileRecordStore records(dir / "middle.qcow2");
  ReadBackGate gate;
  const auto found = verify_whole(records, gate, {});
  ASSERT_TRUE(found) << describe(found.error());
  EXPECT_TRUE(found->good());
  EXPECT_EQ(found->whole->view.size, 5U << 20);
  qemu_io(dir / "bottom.qcow2", {"write -P 5 512k 512"});  // also a layer below the base belongs to it
  EXPECT_FALSE(verify_whole(records, gate, {})->good());
}

TEST_F(WholeDigestTest, WithoutOneThereIsNothingToReadBackFor) {
  finish(request_for(b, base, a));
  FileRecordStore records(base);
  ReadBackGate gate;
  const auto found = verify_whole(records, gate, {});
  ASSERT_FALSE(found);
  EXPECT_EQ(found.error().kind, ErrorKind::refused);
}

TEST_F(WholeDigestTest, ItOutlivesTheLayers) {
  finish(request());
  FileRecordStore records(base);
  ASSERT_TRUE(retire(records, {}));
  EXPECT_EQ(check_by_layers().by, CheckedBy::whole) << "the layers are gone";
  EXPECT_EQ(record_of(base).state, CommitState::retired);
  flip_bit(base, 10);
  EXPECT_FALSE(check_by_layers().good());
}

TEST(CommitRecordJson, ARecordFromBeforeThereWereWholeDigestsIsReadStill) {
  CommitRecord record;
  record.merged.emplace_back();
  std::string text = to_json(record);
  ASSERT_TRUE(text.contains("\"whole\": null"));
  text.replace(text.find("\"whole\""), 7, "\"other\"");
  const auto parsed = parse_record(text);
  ASSERT_TRUE(parsed) << describe(parsed.error());
  EXPECT_EQ(*parsed, record);
  record.whole = WholeDigest{.view = {512, "ab", "cd"}, .tail = {0, "ef", ""}, .differs = true};
  EXPECT_EQ(parse_record(to_json(record)).value(), record);
}

}  // namespace
}  // namespace qchain::test
