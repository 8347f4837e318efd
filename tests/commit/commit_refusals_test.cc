#include <gtest/gtest.h>

#include <filesystem>

#include "qcow/commit/retire.h"
#include "tests/commit/run_commit.h"
#include "tests/support/files.h"
#include "tests/support/qemu.h"
#include "tests/support/temp_dir.h"
#include "tests/support/views.h"

namespace qchain::test {
namespace {

class CommitRefusals : public testing::Test {
 protected:
  CommitRefusals() {
    make_hole_file(base, 1 << 20);
    create_overlay(a, "base.raw", "raw");
    qemu_io(a, {"write -P 3 0 64k"});
    create_overlay(b, "a.qcow2", "qcow2");
    qemu_io(b, {"write -P 4 64k 64k"});
  }

  /// Refused with this kind and words; the base is as it was, and there is no record.
  void expect_refusal(const CommitRequest& request, ErrorKind kind, std::string_view words) {
    const auto before = read_file(base);
    const auto report = run_commit(request);
    ASSERT_FALSE(report);
    EXPECT_EQ(report.error().kind, kind) << describe(report.error());
    EXPECT_NE(describe(report.error()).find(words), std::string::npos) << describe(report.error());
    EXPECT_TRUE(same_bytes(before, read_file(base)));
    EXPECT_FALSE(std::filesystem::exists(base + ".qchain.json"));
  }

  TempDir dir;
  std::string base = dir / "base.raw";
  std::string a = dir / "a.qcow2";
  std::string b = dir / "b.qcow2";
};

TEST_F(CommitRefusals, NothingAboveTheBase) {
  expect_refusal(request_for(b, "2", "2"), ErrorKind::invalid_argument, "same layer");
  expect_refusal(request_for(b, "3", "2"), ErrorKind::invalid_argument, "above top");
  auto raw = request_for(base);
  raw.format = ImageFormat::raw;
  expect_refusal(raw, ErrorKind::invalid_argument, "no backing file");
}

TEST_F(CommitRefusals, AnotherImageHangsOnTheBase) {
  create_overlay(dir / "clone.qcow2", "base.raw", "raw");
  expect_refusal(request_for(b), ErrorKind::refused, "clone.qcow2");
}

TEST_F(CommitRefusals, AnImageThatHangsOnTheTopIsInNobodysWay) {
  create_overlay(dir / "clone.qcow2", "a.qcow2", "qcow2");
  const auto expected = qemu_bytes(dir / "clone.qcow2");
  ASSERT_TRUE(run_commit(request_for(b, "1", "2")));
  EXPECT_TRUE(same_bytes(expected, qemu_bytes(dir / "clone.qcow2")));
}

TEST_F(CommitRefusals, ABitmapIsNotLostWithoutAWord) {
  qemu_img({"bitmap", "--add", a, "backup0"});
  expect_refusal(request_for(b), ErrorKind::refused, "backup0");
  auto request = request_for(b);
  request.plan.bitmaps = BitmapChoice::drop;
  EXPECT_TRUE(run_commit(request));
}

TEST_F(CommitRefusals, ABrokenRangeIsFoundBeforeTheFirstWrite) {
  const auto l1_offset = peek_be<std::uint64_t>(a, 40);
  const auto l2_offset = peek_be<std::uint64_t>(a, l1_offset) & 0x00fffffffffffe00ULL;
  poke_be<std::uint64_t>(a, l2_offset, peek_be<std::uint64_t>(a, l2_offset) | 512);
  expect_refusal(request_for(b), ErrorKind::corrupt, "a.qcow2");
}

TEST_F(CommitRefusals, ANameThatHasNoRoomIsFoundBeforeTheFirstWrite) {
  const std::string deep = dir / (std::string(200, 'x') + "/" + std::string(200, 'y'));
  std::filesystem::create_directories(deep);
  std::filesystem::copy_file(base, deep + "/base.raw");
  create_qcow2(dir / "a2.qcow2",
               {.options = "cluster_size=4k", .backing = deep + "/base.raw", .backing_format = "raw", .size = {}});
  create_qcow2(dir / "c2.qcow2",
               {.options = "cluster_size=512", .backing = "a2.qcow2", .backing_format = "qcow2", .size = {}});
  expect_refusal(request_for(dir / "c2.qcow2", "1", "2"), ErrorKind::limit, "no room in its header");
}

TEST_F(CommitRefusals, AnotherCommitIntoTheBaseIsNotFinished) {
  ASSERT_FALSE(run_commit_until_begun(request_for(b, "1", "2")));
  const auto other = run_commit(request_for(b, "1", "3"));
  ASSERT_FALSE(other);
  EXPECT_NE(describe(other.error()).find("qchain commit --base"), std::string::npos) << describe(other.error());
  EXPECT_TRUE(run_commit(request_for(b, "1", "2")));
}

TEST_F(CommitRefusals, WhatAnEarlierCommitMergedIsToBeRetiredFirst) {
  ASSERT_TRUE(run_commit(request_for(b, "1", "2")));
  const auto second = run_commit(request_for(b));
  ASSERT_FALSE(second);
  EXPECT_EQ(describe(second.error()), base + ": '" + a + "' hangs on it, which an earlier commit has merged into it; " +
                                          "delete what is merged first: qchain retire '" + base + "'");
  FileRecordStore records(base);
  ASSERT_TRUE(retire(records, {}));
  EXPECT_TRUE(run_commit(request_for(b)));
}

TEST_F(CommitRefusals, AStrangerBesideWhatWasMergedIsStillAStranger) {
  ASSERT_TRUE(run_commit(request_for(b, "1", "2")));
  std::filesystem::remove(a);
  create_overlay(dir / "clone.qcow2", "base.raw", "raw");
  const auto second = run_commit(request_for(b));
  ASSERT_FALSE(second);
  EXPECT_TRUE(describe(second.error()).contains("would read wrong data")) << describe(second.error());
}

}  // namespace
}  // namespace qchain::test
