#include <gtest/gtest.h>

#include <filesystem>

#include "tests/commit/run_commit.h"
#include "tests/support/dirty_sectors.h"
#include "tests/support/files.h"
#include "tests/support/qcow2_places.h"
#include "tests/support/qemu.h"
#include "tests/support/temp_dir.h"
#include "tests/support/views.h"

namespace qchain::test {
namespace {

void set_in_use(const std::string& image) {
  const auto directory = peek_be<std::uint64_t>(image, extension_place(image, bitmaps_extension).place + 16);
  poke_be<std::uint32_t>(image, directory + 12, peek_be<std::uint32_t>(image, directory + 12) | 1);
}

std::string flags_in_info(const std::string& image) {
  return qemu_img({"info", "-U", image});
}

/// base.qcow2 <- a.qcow2 <- b.qcow2, without bitmaps yet.
class CommitBitmaps : public testing::Test {
 protected:
  CommitBitmaps() {
    create_qcow2(base, {.options = {}, .backing = {}, .backing_format = {}, .size = 8 << 20});
    qemu_io(base, {"write -P 1 0 1M"});
  }
  void make_layers() const {
    create_overlay(a, "base.qcow2", "qcow2");
    qemu_io(a, {"write -P 3 512k 192k", "write -z 3M 128k"});
    create_overlay(b, "a.qcow2", "qcow2");
    qemu_io(b, {"write -P 4 5M 100k"});
  }
  static void add_bitmap(const std::string& image, const std::string& name, Arguments more = {}) {
    more.insert(more.begin(), {"bitmap", "--add"});
    more.insert(more.end(), {image, name});
    qemu_img(more);
  }
  [[nodiscard]] Result<CommitReport> commit(BitmapChoice choice, const std::stop_token& stop = {}) const {
    auto request = request_for(b);
    request.plan.bitmaps = choice;
    return run_commit(request, stop);
  }
  void expect_refusal(BitmapChoice choice, std::string_view words) const {
    const auto before = read_file(base);
    const auto report = commit(choice);
    ASSERT_FALSE(report);
    EXPECT_NE(describe(report.error()).find(words), std::string::npos) << describe(report.error());
    EXPECT_TRUE(same_bytes(before, read_file(base)));
    EXPECT_FALSE(std::filesystem::exists(base + ".qchain.json"));
  }
  void expect_clean() const {
    EXPECT_TRUE(run({"qemu-img", "check", "-q", base}).ok());
    EXPECT_EQ(flags_in_info(base).find("in-use"), std::string::npos);
  }

  TempDir dir;
  std::string base = dir / "base.qcow2";
  std::string a = dir / "a.qcow2";
  std::string b = dir / "b.qcow2";
};

TEST_F(CommitBitmaps, AnEnabledOneRecordsWhatQemuRecords) {
  add_bitmap(base, "daily");
  add_bitmap(base, "off", {"--disable"});
  make_layers();
  const std::string folder = dir / "qemu";
  std::filesystem::create_directory(folder);
  for (const char* name : {"base.qcow2", "a.qcow2", "b.qcow2"}) {
    std::filesystem::copy_file(dir / name, folder + "/" + name);
  }
  qemu_img({"commit", "-q", folder + "/b.qcow2"});
  qemu_img({"commit", "-q", folder + "/a.qcow2"});

  ASSERT_TRUE(commit(BitmapChoice::refuse));
  expect_clean();
  const DirtySectors recorded = qemu_dirty_sectors(base, "daily");
  EXPECT_EQ(recorded, qemu_dirty_sectors(folder + "/base.qcow2", "daily"));
  EXPECT_NE(std::ranges::find(recorded, true), recorded.end());
  const DirtySectors off = qemu_dirty_sectors(base, "off");
  EXPECT_EQ(std::ranges::find(off, true), off.end());
}

TEST_F(CommitBitmaps, MergingGivesWhatQemuMerges) {
  add_bitmap(base, "same", {"--disable", "-g", "1M"});
  make_layers();
  add_bitmap(a, "same", {"-g", "4k"});
  add_bitmap(a, "new", {"-g", "32k"});
  qemu_io(a, {"write -P 9 7M 8k"});
  add_bitmap(b, "same", {"--disable"});
  add_bitmap(b, "new", {"--disable", "-g", "128k"});
  qemu_img({"bitmap", "--enable", b, "same"});
  qemu_io(b, {"write -P 9 2M 8k"});
  const std::string copy = dir / "copy.qcow2";
  std::filesystem::copy_file(base, copy);
  qemu_img({"bitmap", "--add", "--disable", "-g", "128k", copy, "new"});
  for (const auto& layer : {a, b}) {
    for (const char* name : {"same", "new"}) {
      qemu_img({"bitmap", "--merge", name, "-F", "qcow2", "-b", layer, copy, name});
    }
  }

  ASSERT_TRUE(commit(BitmapChoice::merge));
  expect_clean();
  for (const char* name : {"same", "new"}) {
    EXPECT_EQ(qemu_dirty_sectors(base, name), qemu_dirty_sectors(copy, name)) << name;
    EXPECT_EQ(dirty_sectors(base, name), qemu_dirty_sectors(base, name)) << name;
  }
}

TEST_F(CommitBitmaps, ABaseWithoutAnyTakesTheMergedOnes) {
  create_qcow2(base, {.options = "cluster_size=512", .backing = {}, .backing_format = {}, .size = 8 << 20});
  make_layers();
  add_bitmap(a, "new", {"-g", "512"});
  qemu_io(a, {"write -P 9 7M 8k"});
  const DirtySectors expected = qemu_dirty_sectors(a, "new");
  ASSERT_TRUE(commit(BitmapChoice::merge));
  expect_clean();
  EXPECT_EQ(qemu_dirty_sectors(base, "new"), expected);
  EXPECT_NE(flags_in_info(base).find("auto"), std::string::npos) << "enabled, as in the layer";
}

TEST_F(CommitBitmaps, ABaseWithABackingFileKeepsItsNameWhenItTakesSome) {
  make_hole_file(dir / "root.raw", 8 << 20);
  poke(dir / "root.raw", 6 << 20, telling_bytes(100000, 5));
  for (const char* options : {"cluster_size=512", "cluster_size=1k", "cluster_size=4k", "cluster_size=64k"}) {
    SCOPED_TRACE(options);
    std::filesystem::remove(base + ".qchain.json");
    create_overlay(base, "root.raw", "raw", options);
    make_layers();
    add_bitmap(a, "new", {"-g", "64k"});
    qemu_io(a, {"write -P 9 7M 8k"});
    const DirtySectors expected = qemu_dirty_sectors(a, "new");
    const ByteVector view = qemu_bytes(b);
    auto request = request_for(b, base, b);
    request.plan.bitmaps = BitmapChoice::merge;
    const auto report = run_commit(request);
    ASSERT_TRUE(report) << describe(report.error());
    expect_clean();
    EXPECT_TRUE(same_bytes(view, qemu_bytes(base)));
    EXPECT_EQ(qemu_dirty_sectors(base, "new"), expected);
    EXPECT_NE(flags_in_info(base).find("root.raw"), std::string::npos);
  }
}

TEST_F(CommitBitmaps, ACommitThatWasStoppedAndRunAgainGivesTheSame) {
  add_bitmap(base, "daily");
  add_bitmap(base, "off", {"--disable"});
  make_layers();
  add_bitmap(a, "merged");
  qemu_io(a, {"write -P 9 7M 8k"});
  DirtySectors expected = qemu_dirty_sectors(base, "daily");
  for (const Range range :
       {Range{512 << 10, 192 << 10}, Range{3 << 20, 128 << 10}, Range{5 << 20, 100 << 10}, Range{7 << 20, 8 << 10}}) {
    set_dirty(expected, range, 65536);
  }
  const DirtySectors merged = qemu_dirty_sectors(a, "merged");
  auto request = request_for(b);
  request.plan.bitmaps = BitmapChoice::merge;
  ASSERT_FALSE(run_commit_until(request, 1));
  EXPECT_NE(flags_in_info(base).find("in-use"), std::string::npos);

  ASSERT_TRUE(commit(BitmapChoice::refuse)) << "what was begun goes on, without the words";
  expect_clean();
  EXPECT_EQ(qemu_dirty_sectors(base, "daily"), expected);
  EXPECT_EQ(qemu_dirty_sectors(base, "merged"), merged);
}

/// As after a commit under a running guest that was cancelled: its record tells of no bitmaps, as QEMU kept them.
TEST_F(CommitBitmaps, ACommitThatGoesOnFromOneThatKnewOfNoneRecordsInThem) {
  add_bitmap(base, "daily");
  make_layers();
  DirtySectors expected = qemu_dirty_sectors(base, "daily");
  for (const Range range : {Range{512 << 10, 192 << 10}, Range{3 << 20, 128 << 10}, Range{5 << 20, 100 << 10}}) {
    set_dirty(expected, range, 65536);
  }
  ASSERT_FALSE(run_commit_until_begun(request_for(b)));
  CommitRecord record = record_of(base);
  record.bitmaps.clear();
  ASSERT_TRUE(FileRecordStore(base).save(record));
  ASSERT_TRUE(commit(BitmapChoice::refuse));
  expect_clean();
  EXPECT_EQ(qemu_dirty_sectors(base, "daily"), expected);
}

TEST_F(CommitBitmaps, TheyGrowWithTheBase) {
  create_qcow2(base, {.options = "cluster_size=512", .backing = {}, .backing_format = {}, .size = 1 << 20});
  add_bitmap(base, "daily", {"-g", "512"});
  add_bitmap(base, "off", {"--disable", "-g", "512"});
  create_qcow2(a, {.options = {}, .backing = "base.qcow2", .backing_format = "qcow2", .size = 8 << 20});
  create_overlay(b, "a.qcow2", "qcow2");
  qemu_io(b, {"write -P 4 5M 64k"});
  DirtySectors expected((8 << 20) / 512);
  set_dirty(expected, {5 << 20, 64 << 10}, 512);
  ASSERT_TRUE(commit(BitmapChoice::refuse));
  expect_clean();
  EXPECT_EQ(qemu_dirty_sectors(base, "daily"), expected);
  EXPECT_EQ(qemu_dirty_sectors(base, "off"), DirtySectors((8 << 20) / 512));
}

TEST_F(CommitBitmaps, AnInconsistentOneOfTheBaseStaysSo) {
  add_bitmap(base, "broken");
  make_layers();
  set_in_use(base);
  const auto report = commit(BitmapChoice::refuse);
  ASSERT_TRUE(report);
  EXPECT_NE(flags_in_info(base).find("in-use"), std::string::npos);
  ASSERT_EQ(report->record.bitmaps.size(), 1U);
  EXPECT_EQ(report->record.bitmaps[0].fate, BitmapFate::inconsistent);
}

TEST_F(CommitBitmaps, AnInconsistentOneIsNotMerged) {
  make_layers();
  add_bitmap(a, "broken");
  set_in_use(a);
  expect_refusal(BitmapChoice::merge, "'broken' is inconsistent");
  EXPECT_TRUE(commit(BitmapChoice::drop));
}

TEST_F(CommitBitmaps, NoneIsMergedIntoAnInconsistentOne) {
  add_bitmap(base, "same");
  make_layers();
  add_bitmap(a, "same");
  set_in_use(base);
  expect_refusal(BitmapChoice::merge, "the one there is inconsistent");
}

TEST_F(CommitBitmaps, AVersion2BaseTakesNone) {
  create_qcow2(base, {.options = "compat=0.10", .backing = {}, .backing_format = {}, .size = 8 << 20});
  make_layers();
  add_bitmap(a, "daily");
  expect_refusal(BitmapChoice::merge, "qemu-img amend");
}

TEST_F(CommitBitmaps, ARawBaseTakesNone) {
  make_layers();
  make_hole_file(dir / "base.raw", 8 << 20);
  create_overlay(a, "base.raw", "raw");
  add_bitmap(a, "daily");
  const auto report = commit(BitmapChoice::merge);
  ASSERT_FALSE(report);
  EXPECT_NE(describe(report.error()).find("raw base"), std::string::npos) << describe(report.error());
}

}  // namespace
}  // namespace qchain::test
