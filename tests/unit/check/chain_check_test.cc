#include "qcow/check/chain_check.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <utility>
#include <vector>

#include "tests/support/files.h"
#include "tests/support/qcow2_places.h"
#include "tests/support/qemu.h"
#include "tests/support/temp_dir.h"

namespace qchain::test {
namespace {

namespace fs = std::filesystem;
using testing::Contains;
using testing::Field;
using testing::HasSubstr;
using testing::IsEmpty;

/// base.raw <- a.qcow2 <- b.qcow2, each 1 MiB.
class ChainCheckTest : public testing::Test {
 protected:
  ChainCheckTest() {
    make_hole_file(folder_ / "base.raw", 1 << 20);
    create_overlay(folder_ / "a.qcow2", "base.raw", "raw");
    create_overlay(folder_ / "b.qcow2", "a.qcow2", "qcow2");
  }
  [[nodiscard]] ChainCheck check(const std::string& image = "b.qcow2", const AllowedFolders& allowed = {}) const {
    FileGate gate(Locking::shared_read);
    const PartialChain opened = Chain::open_what_can_be(folder_ / image, gate).value();
    ChainCheck found = check_surroundings(opened, allowed);
    EXPECT_TRUE(check_metadata(opened, {}, found));
    return found;
  }
  [[nodiscard]] static auto says(const char* words, Severity severity = Severity::notice) {
    return Contains(AllOf(Field(&Finding::what, HasSubstr(words)), Field(&Finding::severity, severity)));
  }

  TempDir folder_;
};

TEST_F(ChainCheckTest, SoundChain) {
  const ChainCheck found = check();
  EXPECT_FALSE(found.damaged());
  EXPECT_EQ(found.leaks(), 0U);
  ASSERT_EQ(found.layers.size(), 3U);
  EXPECT_EQ(found.layers[0].index, 3U);
  for (const LayerCheck& layer : found.layers) {
    EXPECT_THAT(layer.about_chain, IsEmpty()) << layer.file;
  }
  EXPECT_FALSE(found.layers[2].metadata);
}

TEST_F(ChainCheckTest, TellsHowManyGuestBytesOfAllLayersAreDone) {
  constexpr std::uint64_t size = 512 << 20;
  for (const auto& [image, backing] : {std::pair("a.qcow2", "base.raw"), std::pair("b.qcow2", "a.qcow2")}) {
    create_qcow2(folder_ / image, {.options = "cluster_size=512",  // the more L1 entries
                                   .backing = backing,
                                   .backing_format = fs::path(backing).extension().string().substr(1),
                                   .size = size});
  }
  FileGate gate(Locking::shared_read);
  const PartialChain opened = Chain::open_what_can_be(folder_ / "b.qcow2", gate).value();
  ChainCheck found = check_surroundings(opened);
  std::vector<std::uint64_t> done;
  const auto note = [&done](std::uint64_t now, std::uint64_t total) {
    done.push_back(now);
    EXPECT_EQ(total, 2 * size);
  };
  ASSERT_TRUE(check_metadata(opened, {.progress = note, .stop = {}, .counter_pages = 2}, found));
  ASSERT_THAT(done, Contains(size));
  EXPECT_EQ(done.back(), 2 * size);
  EXPECT_TRUE(std::ranges::is_sorted(done)) << "also where the counters don't fit, and all is gone through again";
}

TEST_F(ChainCheckTest, MissingBackingFileIsDamage) {
  fs::remove(folder_ / "base.raw");
  const ChainCheck found = check();
  EXPECT_TRUE(found.damaged());
  ASSERT_TRUE(found.below);
  EXPECT_EQ(found.below->kind, ErrorKind::not_found);
  EXPECT_EQ(found.layers.size(), 2U);
}

TEST_F(ChainCheckTest, UnrecordedFormatIsDamage) {
  poke_be<std::uint32_t>(folder_ / "a.qcow2", 112, 0x12345678);  // the first extension was the backing format
  const ChainCheck found = check();
  ASSERT_TRUE(found.below);
  EXPECT_EQ(found.below->kind, ErrorKind::missing_format);
  EXPECT_EQ(found.layers.size(), 2U);
}

TEST_F(ChainCheckTest, ShortMiddleLayer) {
  create_qcow2(folder_ / "a.qcow2", {.options = {}, .backing = "base.raw", .backing_format = "raw", .size = 512 << 10});
  create_qcow2(folder_ / "b.qcow2", {.options = {}, .backing = "a.qcow2", .backing_format = "qcow2", .size = 1 << 20});
  const ChainCheck found = check();
  EXPECT_THAT(found.layers[1].about_chain, says("524288 bytes shorter than the layer above: it hides"));
  EXPECT_FALSE(found.damaged());
}

TEST_F(ChainCheckTest, BaseChangedAfterItsOverlay) {
  fs::last_write_time(folder_ / "base.raw", fs::file_time_type::clock::now() + std::chrono::hours(1));
  EXPECT_THAT(check().layers[2].about_chain, says("was changed after the layer above"));
}

TEST_F(ChainCheckTest, SiblingThatALinkLeadsToIsLookedAtOnlyWhereItIsAllowed) {
  const TempDir elsewhere;
  create_overlay(elsewhere / "other.qcow2", folder_ / "a.qcow2", "qcow2");
  fs::create_symlink(elsewhere / "other.qcow2", folder_ / "link.qcow2");
  EXPECT_THAT(check().layers[1].about_chain, says("link.qcow2' hangs on it too"));
  const AllowedFolders here = AllowedFolders::only({folder_.path()}).value();
  EXPECT_THAT(check("b.qcow2", here).layers[1].about_chain, IsEmpty());
}

TEST_F(ChainCheckTest, SiblingOfALayer) {
  create_overlay(folder_ / "other.qcow2", "a.qcow2", "qcow2");
  EXPECT_THAT(check().layers[1].about_chain, says("other.qcow2' hangs on it too"));
}

TEST_F(ChainCheckTest, ImageThatIsABackingFileItself) {
  EXPECT_THAT(check("a.qcow2").layers[0].about_chain, says("is the backing file of"));
}

TEST_F(ChainCheckTest, CorruptAndDirtyBits) {
  poke_be<std::uint64_t>(folder_ / "a.qcow2", field::incompatible, 2);
  EXPECT_TRUE(check().damaged());
  EXPECT_THAT(check().layers[1].about_chain, says("marked corrupt", Severity::damage));
  poke_be<std::uint64_t>(folder_ / "a.qcow2", field::incompatible, 1);
  EXPECT_FALSE(check().damaged());
  EXPECT_THAT(check().layers[1].about_chain, says("marked dirty"));
}

}  // namespace
}  // namespace qchain::test
