#include <gmock/gmock.h>

#include <nlohmann/json.hpp>

#include "tests/commit/run_commit.h"
#include "tests/snapshot/snapshot_folder.h"
#include "tests/support/views.h"

namespace qchain::test {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

/// The chain as QEMU sees it, active first.
json qemu_chain(const std::string& overlay) {
  return json::parse(qemu_img({"info", "--backing-chain", "--output=json", overlay}));
}

class Snapshot : public SnapshotFolder {};

TEST_F(Snapshot, ReadsAsItsImageDoes) {
  const SnapshotReport report = take(request("vm.qcow2", "o.qcow2"));
  expect_good("o.qcow2", "vm.qcow2");
  EXPECT_EQ(report.size, (1U << 20) + 1024);
  EXPECT_EQ(report.cluster_size, 65536U);
  EXPECT_EQ(report.backing_name, "vm.qcow2");
  EXPECT_EQ(report.backing_format, ImageFormat::qcow2);
}

TEST_F(Snapshot, IsAChainToQemu) {
  take(request("vm.qcow2", "o.qcow2"));
  const json chain = qemu_chain("o.qcow2");
  ASSERT_EQ(chain.size(), 3U);
  EXPECT_EQ(chain[0]["backing-filename"], "vm.qcow2");
  EXPECT_EQ(chain[0]["backing-filename-format"], "qcow2");
  EXPECT_EQ(chain[2]["filename"], "base.raw");
}

TEST_F(Snapshot, SaysOfItselfWhatQemuImgCreateSays) {
  take(request("vm.qcow2", "ours"));
  create_overlay("theirs", "vm.qcow2", "qcow2");
  json ours = qemu_chain("ours")[0];
  json theirs = qemu_chain("theirs")[0];
  for (json* info : {&ours, &theirs}) {
    info->erase("filename");
    info->erase("actual-size");
  }
  EXPECT_EQ(ours, theirs);
}

TEST_F(Snapshot, RecordsTheFormatOfARawImage) {
  take(request("base.raw", "o.qcow2"));
  expect_good("o.qcow2", "base.raw");
  EXPECT_EQ(qemu_chain("o.qcow2")[0]["backing-filename-format"], "raw");
}

TEST_F(Snapshot, RecordsTheFormatThatTheUserSays) {
  SnapshotRequest asked = request("vm.qcow2", "o.qcow2");
  asked.format = ImageFormat::raw;
  EXPECT_EQ(take(asked).size, file_size("vm.qcow2"));
  EXPECT_EQ(qemu_chain("o.qcow2")[0]["backing-filename-format"], "raw");
}

TEST_F(Snapshot, LeavesTheImagesAsTheyAre) {
  const auto image = read_file("vm.qcow2");
  const auto base = read_file("base.raw");
  take(request("vm.qcow2", "o.qcow2"));
  EXPECT_TRUE(same_bytes(image, read_file("vm.qcow2")));
  EXPECT_TRUE(same_bytes(base, read_file("base.raw")));
}

TEST_F(Snapshot, ARelativeNameIsRelativeToTheFolderOfTheOverlay) {
  fs::create_directories("days/1");
  EXPECT_EQ(take(request("vm.qcow2", "days/1/o")).backing_name, "../../vm.qcow2");
  expect_good("days/1/o", "vm.qcow2");
  EXPECT_EQ(take(request("days/1/o", "p")).backing_name, "days/1/o");
  expect_good("p", "vm.qcow2");
}

TEST_F(Snapshot, FoldersMayMoveTogether) {
  fs::create_directories("images/days");
  fs::rename("vm.qcow2", "images/vm.qcow2");
  fs::rename("base.raw", "images/base.raw");
  take(request("images/vm.qcow2", "images/days/o"));
  fs::rename("images", "elsewhere");
  expect_good("elsewhere/days/o", "elsewhere/vm.qcow2");
}

TEST_F(Snapshot, AnAbsoluteNameStaysAsItIsWritten) {
  fs::create_directories("days");
  fs::create_symlink("vm.qcow2", "current");
  const std::string absolute = fs::current_path() / "current";
  EXPECT_EQ(take(request(absolute, "days/o")).backing_name, absolute);
  expect_good("days/o", "vm.qcow2");
}

TEST_F(Snapshot, NamesMayHoldAnyBytes) {
  for (const std::string name : {"a:b", "nbd:x", "with space ", "new\nline", "\xff\xfe", "json:{}", "%s{}'\"\\"}) {
    fs::remove("o");
    fs::copy_file("vm.qcow2", name);
    take(request(name, "o"));
    expect_good("o", "vm.qcow2");
    take(request("vm.qcow2", "./over " + name));
    expect_good("./over " + name, "vm.qcow2");
  }
}

TEST_F(Snapshot, TheLongestNameFitsAndNoLonger) {
  const std::string folder = fs::current_path() / (std::string(200, 'x') + "/" + std::string(200, 'y') + "/" +
                                                   std::string(200, 'z') + "/" + std::string(200, 'w'));
  fs::create_directories(folder);
  const std::string longest = folder + "/" + std::string(1023 - folder.size() - 1, 'n');
  fs::copy_file("base.raw", longest);
  take(request(longest, "o"));
  expect_good("o", "base.raw");
  fs::rename(longest, longest + "n");
  const auto refused = take_snapshot(request(longest + "n", "p"));
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().kind, ErrorKind::limit);
  EXPECT_EQ(describe(refused.error()),
            "p: a backing file name of 1024 bytes has no room in its header; use a shorter path to the image");
  EXPECT_FALSE(fs::exists("p"));
}

TEST_F(Snapshot, ReplacesAnOldFileOnlyWhenItMay) {
  write_file("o", bytes_of("old"));
  SnapshotRequest asked = request("vm.qcow2", "o");
  const auto refused = take_snapshot(asked);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().kind, ErrorKind::refused);
  EXPECT_EQ(file_size("o"), 3U);
  asked.existing = Existing::replace;
  take(asked);
  expect_good("o", "vm.qcow2");
}

TEST_F(Snapshot, SnapshotsOfSnapshots) {
  take(request("vm.qcow2", "1"));
  for (int i = 1; i < 40; ++i) {
    take(request(std::to_string(i), std::to_string(i + 1)));
  }
  expect_good("40", "vm.qcow2");
}

/// A guest's writes go into the overlay; a commit merges them into the image again.
class WrittenSnapshot : public SnapshotFolder, public testing::WithParamInterface<std::uint32_t> {};

TEST_P(WrittenSnapshot, TakesWritesAndIsCommittedBack) {
  SnapshotRequest asked = request("vm.qcow2", "o");
  asked.cluster_bits = GetParam();
  take(asked);
  const auto image = read_file("vm.qcow2");
  qemu_io("o",
          {"write -P 9 50k 200k", "write -z 0 13k", "write -P 8 1M 1k", "discard 700k 100k", "write -P 7 777k 1k"});
  EXPECT_TRUE(same_bytes(image, read_file("vm.qcow2")));
  EXPECT_EQ(run({"qemu-img", "check", "-q", "o"}).status, 0);
  const auto written = qemu_bytes("o");
  EXPECT_NE(written, qemu_bytes("vm.qcow2"));

  const auto committed = run_commit(request_for("o", "2"));
  ASSERT_TRUE(committed) << describe(committed.error());
  EXPECT_TRUE(same_bytes(written, qemu_bytes("vm.qcow2")));
  EXPECT_TRUE(same_bytes(written, qemu_bytes("o")));
  EXPECT_EQ(run({"qemu-img", "check", "-q", "vm.qcow2"}).status, 0);
}

INSTANTIATE_TEST_SUITE_P(ClusterBits, WrittenSnapshot, testing::Range(9U, 22U));

TEST_F(Snapshot, IsRelinkedWhenWhatIsUnderItIsMerged) {
  take(request("vm.qcow2", "o"));
  qemu_io("o", {"write -P 9 50k 20k"});
  const auto before = qemu_bytes("o");
  ASSERT_TRUE(run_commit(request_for("o", "base.raw", "vm.qcow2")));
  EXPECT_EQ(qemu_chain("o").size(), 2U);
  EXPECT_TRUE(same_bytes(before, qemu_bytes("o")));
}

}  // namespace
}  // namespace qchain::test
