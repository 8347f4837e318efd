// A commit of all layers leaves a chain that looks as before: only the record tells that it is done.
#include <gtest/gtest.h>

#include <filesystem>

#include "tests/commit/run_commit.h"
#include "tests/support/files.h"
#include "tests/support/qemu.h"
#include "tests/support/temp_dir.h"
#include "tests/support/views.h"

namespace qchain::test {
namespace {

/// base <- a.qcow2 <- b.qcow2, the base in the format of the parameter.
class RepeatedCommit : public testing::TestWithParam<const char*> {
 protected:
  RepeatedCommit() {
    qemu_img({"create", "-q", "-f", format(), base, "4M"});
    write_to_base("write -P 1 0 1M");
    create_overlay(a, "base", format());
    qemu_io(a, {"write -P 2 512k 100k"});
    create_overlay(b, "a.qcow2", "qcow2");
    qemu_io(b, {"write -P 3 1000k 300k"});
  }

  static std::string format() { return GetParam(); }
  void write_to_base(const std::string& command) const { qemu_io(base, {command}, format()); }
  [[nodiscard]] CommitRequest all() const { return request_for(b); }

  TempDir dir;
  std::string base = dir / "base";
  std::string a = dir / "a.qcow2";
  std::string b = dir / "b.qcow2";
};

TEST_P(RepeatedCommit, GivesTheSameOnceMore) {
  ASSERT_TRUE(run_commit(all()));
  const auto merged = qemu_bytes(base, format());
  ASSERT_TRUE(run_commit(all()));
  const auto again = run_commit(all());
  ASSERT_TRUE(again) << describe(again.error());
  EXPECT_TRUE(same_bytes(merged, qemu_bytes(base, format())));
}

TEST_P(RepeatedCommit, DoesNotTakeBackWhatAGuestWroteToTheBaseSince) {
  ASSERT_TRUE(run_commit(all()));
  write_to_base("write -P 9 512k 64k");
  qemu_io(b, {"write -P 7 2M 64k"});  // nor where a layer has changed, too
  const auto written = read_file(base);
  const auto again = run_commit(all());
  ASSERT_FALSE(again);
  EXPECT_TRUE(again.error().what.contains("written to since")) << describe(again.error());
  EXPECT_TRUE(same_bytes(written, read_file(base)));
  std::filesystem::remove(base + ".qchain.json");
  const auto wanted = run_commit(all());
  EXPECT_TRUE(wanted) << describe(wanted.error());
}

TEST_P(RepeatedCommit, OfSomeOfTheLayersDoesNotTakeItBackEither) {
  ASSERT_TRUE(run_commit(all()));
  write_to_base("write -P 9 512k 64k");
  const auto written = read_file(base);
  EXPECT_FALSE(run_commit(request_for(b, base, a)));
  EXPECT_TRUE(same_bytes(written, read_file(base)));
}

TEST_P(RepeatedCommit, MergesWhatAGuestWroteToALayerSince) {
  ASSERT_TRUE(run_commit(all()));
  qemu_io(b, {"write -P 7 2M 64k"});
  const auto view = qemu_bytes(b);
  const auto again = run_commit(all());
  ASSERT_TRUE(again) << describe(again.error());
  EXPECT_TRUE(same_bytes(view, qemu_bytes(base, format())));
}

TEST_P(RepeatedCommit, IsRefusedInThePlanBeforeAnythingElse) {
  CommitRequest request = all();
  request.plan.keep = KeepRequest{.file = dir / "kept", .copy = CopyToKeep::allow};
  ASSERT_TRUE(run_commit(request));
  write_to_base("write -P 9 512k 64k");
  const auto plan = run_plan(request);
  ASSERT_TRUE(plan) << describe(plan.error());
  ASSERT_FALSE(plan->refusals.empty());
  EXPECT_TRUE(plan->refusals.front().what.contains("written to since")) << describe(plan->refusals.front());
}

INSTANTIATE_TEST_SUITE_P(Base, RepeatedCommit, testing::Values("raw", "qcow2"));

}  // namespace
}  // namespace qchain::test
