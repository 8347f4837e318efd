#include <gmock/gmock.h>

#include <nlohmann/json.hpp>

#include "tests/cli/run_cli.h"
#include "tests/cli/sample_chain.h"
#include "tests/support/files.h"
#include "tests/support/qemu.h"

namespace qchain::test {
namespace {

using nlohmann::json;
using testing::ContainsRegex;
using testing::HasSubstr;

class Map : public SampleChain {};

json one_entry_at(const json& entries, std::uint64_t start) {
  for (const json& entry : entries) {
    if (entry["start"] == start) {
      return entry;
    }
  }
  return {};
}

TEST_F(Map, json_is_qemu_img_s) {
  const json ours = json_of({"map", "--output=json", "c.qcow2"});
  const json theirs = json::parse(qemu_img({"map", "--output=json", "c.qcow2"}));
  ASSERT_EQ(ours.size(), theirs.size()) << ours.dump(1) << theirs.dump(1);
  for (std::size_t i = 0; i < theirs.size(); ++i) {
    for (const auto& [key, value] : theirs[i].items()) {
      EXPECT_EQ(ours[i].value(key, json()), value) << i << ' ' << key;
    }
    EXPECT_EQ(ours[i].contains("offset"), theirs[i].contains("offset")) << i;
  }
}

TEST_F(Map, json_prints_one_object_a_line) {
  const auto lines = lines_of(output_of({"map", "--output=json", "c.qcow2"}));
  EXPECT_THAT(lines.front(),
              testing::StartsWith("[{ \"start\": 0, \"length\": 65536, \"depth\": 3, \"present\": true, "));
  EXPECT_THAT(lines.back(), testing::EndsWith("}]"));
  EXPECT_EQ(lines.size(), json_of({"map", "--output=json", "c.qcow2"}).size());
}

TEST_F(Map, json_adds_layer_and_file) {
  const json entries = json_of({"map", "--output=json", "c.qcow2"});
  const json from_a = one_entry_at(entries, 128 << 10);
  EXPECT_EQ(from_a["layer"], 2);
  EXPECT_EQ(from_a["filename"], "a.qcow2");
  const json packed = one_entry_at(entries, 1 << 20);
  EXPECT_EQ(packed["compressed"], true);
  EXPECT_EQ(packed["layer"], 3);
  EXPECT_FALSE(packed.contains("offset"));
  const json past_a = one_entry_at(entries, 6 << 20);
  EXPECT_EQ(past_a["present"], false);
  EXPECT_EQ(past_a["layer"], 3) << "the layer above the short one";
  EXPECT_FALSE(past_a.contains("filename"));
}

TEST_F(Map, depth_counts_from_the_top_of_the_slice_and_layer_from_the_bottom_of_the_chain) {
  const json entry = one_entry_at(json_of({"map", "--output=json", "--base=2", "--top=3", "c.qcow2"}), 128 << 10);
  EXPECT_EQ(entry["depth"], 1);
  EXPECT_EQ(entry["layer"], 2);
}

TEST_F(Map, what_lies_below_the_slice_is_a_hole) {
  const json entries = json_of({"map", "--output=json", "--base=2", "--top=2", "c.qcow2"});
  EXPECT_EQ(entries[0]["length"], 128 << 10);
  EXPECT_EQ(entries[0]["present"], false);
  EXPECT_EQ(entries[0]["zero"], true);
}

TEST_F(Map, text_names_kind_and_layer) {
  const std::string text = output_of({"map", "c.qcow2"});
  EXPECT_THAT(text, ContainsRegex("^ +START +LENGTH +KIND +OFFSET +LAYER\n"));
  EXPECT_THAT(text, ContainsRegex("\n +0 +65536 +data +0 +\\[1\\] base.raw\n"));
  EXPECT_THAT(text, ContainsRegex("\n +131072 +65536 +data +[0-9]+ +\\[2\\] a.qcow2\n"));
  EXPECT_THAT(text, ContainsRegex("\n +262144 +65536 +zero +- +\\[2\\] a.qcow2\n"));
  EXPECT_THAT(text, ContainsRegex("\n +1048576 +65536 +compressed +- +\\[3\\] b.qcow2\n"));
  EXPECT_THAT(text, ContainsRegex("\n +6291456 +3145728 +past end +- +\\[2\\] a.qcow2 is shorter\n"));
  EXPECT_THAT(text, ContainsRegex("\n +65536 +65536 +hole +65536 +\\[1\\] base.raw\n"));
}

TEST_F(Map, a_broken_range_is_marked_and_the_rest_is_there) {
  copy_with_holes("c.qcow2", path("broken.qcow2"));
  const auto l1 = peek_be<std::uint64_t>("broken.qcow2", 40);
  const auto l2 = peek_be<std::uint64_t>("broken.qcow2", l1) & 0x00fffffffffffe00U;
  const std::uint64_t entry = l2 + (9 << 20) / 65536 * 8;
  poke_be<std::uint64_t>("broken.qcow2", entry, peek_be<std::uint64_t>("broken.qcow2", entry) | 0x200);
  const json entries = json_of({"map", "--output=json", "broken.qcow2"});
  const json bad = one_entry_at(entries, 9 << 20);
  EXPECT_EQ(bad["broken"], true);
  EXPECT_EQ(bad["data"], true);
  EXPECT_FALSE(bad["fault"].get<std::string>().empty());
  EXPECT_FALSE(bad.contains("offset"));
  EXPECT_EQ(one_entry_at(entries, 1 << 20)["layer"], 3);
  EXPECT_THAT(output_of({"map", "broken.qcow2"}), ContainsRegex("broken +- +\\[4\\] broken.qcow2: "));
}

TEST_F(Map, neighbours_that_lie_apart_in_the_file_stay_apart_and_others_are_joined) {
  qemu_img({"create", "-q", "-f", "qcow2", "order.qcow2", "1M"});
  qemu_io("order.qcow2", {"write 64k 64k", "write 0 64k", "write 256k 64k", "write 320k 64k"});
  const json entries = json_of({"map", "--output=json", "order.qcow2"});
  EXPECT_EQ(one_entry_at(entries, 0)["length"], 64 << 10);
  EXPECT_EQ(one_entry_at(entries, 64 << 10)["length"], 64 << 10);
  EXPECT_EQ(one_entry_at(entries, 256 << 10)["length"], 128 << 10);
}

TEST_F(Map, an_image_without_bytes_is_an_empty_array) {
  qemu_img({"create", "-q", "-f", "qcow2", path("empty.qcow2"), "0"});
  EXPECT_EQ(output_of({"map", "--output=json", "empty.qcow2"}), "[]\n");
  EXPECT_EQ(lines_of(output_of({"map", "empty.qcow2"})).size(), 1U);
}

TEST_F(Map, a_data_file_is_what_offsets_count_in) {
  qemu_img({"create", "-q", "-f", "qcow2", "-o", "data_file=e.raw", "e.qcow2", "1M"});
  qemu_io("e.qcow2", {"write -P 1 64k 64k"});
  const json entry = one_entry_at(json_of({"map", "--output=json", "e.qcow2"}), 65536);
  EXPECT_EQ(entry["filename"], "e.raw");
  EXPECT_EQ(entry["offset"], 65536);
}

}  // namespace
}  // namespace qchain::test
