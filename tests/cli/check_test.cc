#include <gmock/gmock.h>

#include <filesystem>
#include <nlohmann/json.hpp>

#include "tests/cli/run_cli.h"
#include "tests/cli/sample_chain.h"
#include "tests/support/files.h"
#include "tests/support/qcow2_places.h"
#include "tests/support/qemu.h"

namespace qchain::test {
namespace {

using testing::HasSubstr;

constexpr std::uint64_t cluster = 65536;
constexpr std::uint64_t copied = std::uint64_t{1} << 63;

class Check : public SampleChain {};

TEST_F(Check, a_sound_chain_ends_with_0) {
  const std::string text = output_of({"check", "c.qcow2"});
  EXPECT_THAT(text, HasSubstr("LAYER  FORMAT  CLUSTERS  CORRUPT  LEAKED  UNREADABLE  FILE"));
  EXPECT_THAT(text, HasSubstr("[4]  qcow2"));
  EXPECT_THAT(text, HasSubstr("[1]  raw"));
  EXPECT_THAT(text, HasSubstr("no damage found"));
}

TEST_F(Check, json_has_the_keys_of_qemu_img) {
  const auto json = json_of({"check", "--output=json", "c.qcow2"});
  EXPECT_EQ(json["status"], "clean");
  ASSERT_EQ(json["layers"].size(), 4U);
  EXPECT_FALSE(json["layers"][3].contains("corruptions"));
  for (std::size_t i = 0; i < 3; ++i) {
    const auto& ours = json["layers"][i];
    const auto theirs = nlohmann::json::parse(qemu_img({"check", "--output=json", std::string(ours["filename"])}));
    for (const char* key : {"total-clusters", "allocated-clusters", "image-end-offset", "check-errors"}) {
      EXPECT_EQ(ours[key], theirs[key]) << key;
    }
    EXPECT_EQ(ours["corruptions"], 0);
    EXPECT_EQ(ours["leaks"], 0);
  }
}

TEST_F(Check, a_layer_that_may_not_be_looked_at_is_an_error_and_no_damage) {
  std::filesystem::create_directory("elsewhere");
  const CliResult result = run_cli({"check", "--allow", "elsewhere", "c.qcow2"});
  EXPECT_EQ(result.status, 2);
  EXPECT_EQ(result.out, "");
  EXPECT_EQ(lines_of(result.err).size(), 1U) << result.err;
}

TEST_F(Check, no_backing_looks_at_the_image_alone) {
  EXPECT_EQ(json_of({"check", "--no-backing", "--output=json", "c.qcow2"})["layers"].size(), 1U);
}

/// An image that a test may break.
class DamagedImage : public testing::Test {
 protected:
  DamagedImage() {
    create_qcow2(image_, {.options = {}, .backing = {}, .backing_format = {}, .size = 1 << 20});
    qemu_io(image_, {"write -P 1 0 64k", "write -P 2 64k 64k", "write -c -P 3 128k 64k", "write -P 4 192k 64k"});
  }

  TempDir folder_;
  std::string image_ = folder_ / "x.qcow2";
  std::string out_ = folder_ / "out.raw";
};

TEST_F(DamagedImage, check_ends_with_1_and_says_where) {
  poke_l2_entry(image_, cluster, copied | far_away);
  const CliResult result = run_cli({"check", image_});
  EXPECT_EQ(result.status, 1);
  EXPECT_EQ(result.err, "");
  EXPECT_THAT(result.out, HasSubstr("damage: guest cluster lies past the end of the file at 0x10000000000"));
  EXPECT_THAT(result.out, HasSubstr("damage found"));
}

TEST_F(DamagedImage, leaks_alone_are_told_as_leaks) {
  poke_l2_entry(image_, cluster, 0);
  const CliResult result = run_cli({"check", "--output=json", image_});
  EXPECT_EQ(result.status, 1);
  const auto json = nlohmann::json::parse(result.out);
  EXPECT_EQ(json["status"], "leaks");
  EXPECT_EQ(json["layers"][0]["leaks"], 1);
}

TEST_F(DamagedImage, check_says_that_the_backing_file_is_gone_and_checks_the_rest) {
  write_file(folder_ / "base.raw", ByteVector(1 << 20));
  create_overlay(folder_ / "over.qcow2", "base.raw", "raw");
  std::filesystem::remove(folder_ / "base.raw");
  const CliResult result = run_cli({"check", folder_ / "over.qcow2"});
  EXPECT_EQ(result.status, 1);
  EXPECT_THAT(result.out, HasSubstr("what lies below can't be opened: "));
  EXPECT_THAT(result.out, HasSubstr("base.raw: no such file"));
}

TEST_F(DamagedImage, check_of_what_is_no_image_ends_with_2) {
  resize_file(image_, 50);
  EXPECT_TRUE(fails_in_one_line(run_cli({"check", image_}), "x.qcow2"));
}

TEST_F(DamagedImage, info_tells_of_overlapping_metadata) {
  poke_l2_entry(image_, cluster, copied | cluster);  // the refcount table
  EXPECT_THAT(output_of({"info", image_}), HasSubstr("metadata share 1 clusters with something else"));
  EXPECT_EQ(json_of({"info", "--output=json", image_})[0]["overlaps"], 1);
}

TEST_F(DamagedImage, commit_into_overlapping_metadata_is_refused) {
  poke_l2_entry(image_, cluster, copied | cluster);
  create_overlay(folder_ / "over.qcow2", "x.qcow2", "qcow2");
  qemu_io(folder_ / "over.qcow2", {"write -P 9 512k 64k"});
  const ByteVector before = read_file(image_);
  for (const Arguments& words :
       {Arguments{"commit", folder_ / "over.qcow2"}, Arguments{"commit", "--dry-run", folder_ / "over.qcow2"}}) {
    const CliResult result = run_cli(words);
    EXPECT_EQ(result.status, 2);
    EXPECT_THAT(result.err, HasSubstr("metadata share 1 clusters with something else"));
  }
  EXPECT_EQ(read_file(image_), before);
}

TEST_F(DamagedImage, relink_of_overlapping_metadata_is_refused) {
  create_overlay(folder_ / "a.qcow2", "x.qcow2", "qcow2");
  qemu_io(folder_ / "a.qcow2", {"write -P 8 512k 64k"});
  create_overlay(folder_ / "b.qcow2", "a.qcow2", "qcow2");
  qemu_io(folder_ / "b.qcow2", {"write -P 9 512k 64k"});
  poke_l2_entry(folder_ / "b.qcow2", 512 << 10, copied | cluster);  // its own refcount table
  const ByteVector before = read_file(folder_ / "b.qcow2");
  const CliResult result = run_cli({"commit", "--top", folder_ / "a.qcow2", folder_ / "b.qcow2"});
  EXPECT_EQ(result.status, 2);
  EXPECT_THAT(result.err, HasSubstr("b.qcow2: metadata share"));
  EXPECT_EQ(read_file(folder_ / "b.qcow2"), before);
}

TEST_F(DamagedImage, copy_fails_at_the_broken_range_and_names_it) {
  poke_l2_entry(image_, cluster, copied | far_away);
  const CliResult result = run_cli({"copy", image_, out_});
  EXPECT_TRUE(fails_in_one_line(result, "x.qcow2: cannot read guest bytes 65536 to 131071: host cluster lies past"));
  EXPECT_FALSE(std::filesystem::exists(out_));
}

TEST_F(DamagedImage, salvage_saves_the_rest_and_lists_what_is_lost) {
  const ByteVector whole = qemu_bytes(image_);
  poke_l2_entry(image_, cluster, copied | far_away);
  const std::uint64_t packed = l2_entry(image_, 2 * cluster) & 0x00ffffffffffff;
  poke(image_, packed, ByteVector(16, std::byte{0xff}));
  const CliResult result = run_cli({"copy", "--salvage", image_, out_});
  EXPECT_EQ(result.status, 1);
  EXPECT_THAT(result.err, HasSubstr("lost guest bytes 65536 to 131071: host cluster lies past the end of the file"));
  EXPECT_THAT(result.err, HasSubstr("lost guest bytes 131072 to 196607: compressed data does not inflate"));
  EXPECT_THAT(result.out, HasSubstr("128 KiB lost, zeros in their place"));
  ByteVector expected = whole;
  std::fill_n(expected.begin() + cluster, 2 * cluster, std::byte{0});
  EXPECT_EQ(read_file(out_), expected);
}

TEST_F(DamagedImage, salvage_tells_programs_what_is_lost) {
  poke_l2_entry(image_, cluster, copied | far_away);
  const CliResult result = run_cli({"copy", "--salvage", "--output=json", image_, out_});
  EXPECT_EQ(result.status, 1);
  EXPECT_EQ(result.err, "");
  const auto json = nlohmann::json::parse(result.out);
  EXPECT_EQ(json["lost-bytes"], cluster);
  ASSERT_EQ(json["lost"].size(), 1U);
  EXPECT_EQ(json["lost"][0]["start"], cluster);
  EXPECT_EQ(json["lost"][0]["length"], cluster);
  EXPECT_EQ(json["lost"][0]["layer"], 1);
}

TEST_F(DamagedImage, salvage_of_a_sound_image_ends_with_0) {
  const CliResult result = run_cli({"copy", "--salvage", "--output=json", image_, out_});
  EXPECT_EQ(result.status, 0);
  EXPECT_EQ(nlohmann::json::parse(result.out)["lost-bytes"], 0);
}

class NoBacking : public SampleChain {};

TEST_F(NoBacking, info_says_so) {
  const std::string text = output_of({"info", "--no-backing", "c.qcow2"});
  EXPECT_THAT(text, HasSubstr("1 layer,"));
  EXPECT_THAT(text, HasSubstr("its backing file is left out: what this image does not have reads as zeros"));
  EXPECT_EQ(json_of({"info", "--no-backing", "--output=json", "c.qcow2"})[0]["backing-left-out"], true);
}

TEST_F(NoBacking, map_says_so) {
  EXPECT_THAT(output_of({"map", "--no-backing", "c.qcow2"}), HasSubstr("- (backing file left out)"));
  EXPECT_EQ(json_of({"map", "--no-backing", "--output=json", "c.qcow2"})[0]["backing-left-out"], true);
}

TEST_F(NoBacking, a_missing_backing_file_does_not_matter) {
  const TempDir folder;
  std::filesystem::copy_file("c.qcow2", folder / "alone.qcow2");
  EXPECT_EQ(run_cli({"info", folder / "alone.qcow2"}).status, 2);
  EXPECT_EQ(run_cli({"copy", "--no-backing", folder / "alone.qcow2", folder / "out.raw"}).status, 0);
  const ByteVector bytes = read_file(folder / "out.raw");
  EXPECT_EQ(bytes[0], std::byte{0});
  EXPECT_EQ(bytes[9 << 20], std::byte{0x44});
}

}  // namespace
}  // namespace qchain::test
