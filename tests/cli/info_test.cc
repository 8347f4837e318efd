#include <fcntl.h>
#include <gmock/gmock.h>
#include <unistd.h>

#include <nlohmann/json.hpp>

#include "qcow/storage/unique_fd.h"
#include "tests/cli/run_cli.h"
#include "tests/cli/sample_chain.h"
#include "tests/support/files.h"
#include "tests/support/qemu.h"

namespace qchain::test {
namespace {

using nlohmann::json;
using testing::ContainsRegex;
using testing::HasSubstr;
using testing::Not;

class Info : public SampleChain {};

TEST_F(Info, lists_the_chain_active_first) {
  const auto lines = lines_of(output_of({"info", "c.qcow2"}));
  ASSERT_GE(lines.size(), 7U);
  EXPECT_EQ(lines[0], "4 layers, 10 MiB (10485760 bytes), active first");
  EXPECT_THAT(lines[2], ContainsRegex("^LAYER +FORMAT +VIRTUAL +ON DISK +CLUSTER +FILE +BACKING FILE$"));
  EXPECT_THAT(lines[3], ContainsRegex("^ +\\[4\\] +qcow2 +10 MiB .* 64 KiB +c.qcow2 +b.qcow2 \\(qcow2\\)$"));
  EXPECT_THAT(lines[5], ContainsRegex("^ +\\[2\\] +qcow2 +6 MiB .* a.qcow2 +base.raw \\(raw\\)$"));
  EXPECT_THAT(lines[6], ContainsRegex("^ +\\[1\\] +raw +8 MiB .* - +base.raw +-$"));
}

TEST_F(Info, notes_what_a_layer_holds) {
  const std::string text = output_of({"info", "b.qcow2"});
  EXPECT_THAT(text, HasSubstr("\n[3] b.qcow2\n"));
  EXPECT_THAT(text, HasSubstr("    compression type zstd\n"));
  EXPECT_THAT(text, ContainsRegex("    internal snapshot 1 'snap': 20[0-9-]+ [0-9:]+, 10 MiB, VM state 0 B\n"));
  EXPECT_THAT(text, HasSubstr("    bitmap 'bm': granularity 128 KiB, enabled\n"));
  EXPECT_THAT(text, Not(HasSubstr("[2] a.qcow2\n"))) << "nothing to note there";
}

TEST_F(Info, json_has_qemu_img_s_keys_with_qemu_img_s_values) {
  const json ours = json_of({"info", "--output=json", "c.qcow2"});
  const json theirs = json::parse(qemu_img({"info", "--output=json", "--backing-chain", "c.qcow2"}));
  ASSERT_EQ(ours.size(), theirs.size());
  for (std::size_t i = 0; i < theirs.size(); ++i) {
    for (const auto& [key, value] : theirs[i].items()) {
      if (key == "snapshots") {
        EXPECT_EQ(ours[i][key][0]["name"], value[0]["name"]);
        EXPECT_EQ(ours[i][key][0]["date-sec"], value[0]["date-sec"]);
      } else {
        EXPECT_EQ(ours[i][key], value) << i << ' ' << key;
      }
    }
  }
}

TEST_F(Info, json_has_the_promised_keys_in_every_layer) {
  const json layers = json_of({"info", "--output=json", "c.qcow2"});
  for (std::size_t i = 0; i < layers.size(); ++i) {
    EXPECT_EQ(layers[i]["index"], layers.size() - i);
    for (const char* key : {"snapshots", "bitmaps", "holders"}) {
      EXPECT_TRUE(layers[i][key].is_array()) << key;
    }
    for (const char* key : {"filename", "format", "virtual-size", "actual-size", "dirty-flag"}) {
      EXPECT_TRUE(layers[i].contains(key)) << key;
    }
  }
  EXPECT_EQ(layers[1]["bitmaps"], json::parse(R"([{"name":"bm","granularity":131072,"flags":["auto"]}])"));
}

TEST_F(Info, names_the_process_that_has_an_image_open) {
  // A reader's locks, by another open file description of another process: qemu-io that waits for its input.
  const std::string log = output_of({"info", "--output=json", "c.qcow2"});
  EXPECT_EQ(json::parse(log)[0]["holders"], json::array());
  const auto held = json::parse(
      must_run({"bash", "-c",
                "coproc qemu-io -r c.qcow2; echo 'length' >&${COPROC[1]}; read -ru ${COPROC[0]} _; " QCHAIN_BINARY
                " info --output=json c.qcow2; echo quit >&${COPROC[1]}; wait"}));
  ASSERT_EQ(held[0]["holders"].size(), 1U) << held[0];
  EXPECT_EQ(held[0]["holders"][0]["command"], "qemu-io");
  EXPECT_EQ(held[0]["holders"][0]["access"], "read");
  EXPECT_GT(held[0]["holders"][0]["pid"], 1);
}

TEST_F(Info, names_a_reader_at_the_layers_that_it_reads_and_at_no_other) {
  const auto layers = json::parse(
      must_run({"bash", "-c",
                "coproc qemu-io -r a.qcow2; echo length >&${COPROC[1]}; read -ru ${COPROC[0]} _; " QCHAIN_BINARY
                " info --output=json c.qcow2; echo quit >&${COPROC[1]}; wait"}));
  std::vector<std::size_t> holders;
  for (const json& layer : layers) {
    holders.push_back(layer["holders"].size());
  }
  EXPECT_THAT(holders, testing::ElementsAre(0, 0, 1, 1)) << "c, b, a, base";
}

TEST_F(Info, names_the_writer_and_reads_anyway_with_force_share) {
  const std::string script =
      "coproc qemu-io c.qcow2; echo length >&${COPROC[1]}; read -ru ${COPROC[0]} _; " QCHAIN_BINARY
      " info c.qcow2 2>&1; echo status $?; " QCHAIN_BINARY " info -U c.qcow2; echo quit >&${COPROC[1]}; wait";
  const auto lines = lines_of(must_run({"bash", "-c", script}));
  ASSERT_GE(lines.size(), 2U);
  EXPECT_THAT(lines[0], ContainsRegex("^qchain: c.qcow2: open for writing by qemu-io \\(pid [0-9]+\\); .*-U"));
  EXPECT_EQ(lines[1], "status 2");
  EXPECT_THAT(lines, testing::Contains(ContainsRegex("^    open for writing by pid [0-9]+ \\(qemu-io\\)$")));
}

TEST_F(Info, a_data_file_is_named_with_its_space) {
  qemu_img({"create", "-q", "-f", "qcow2", "-o", "data_file=d.raw,data_file_raw=on", "d.qcow2", "1M"});
  qemu_io("d.qcow2", {"write -P 1 0 64k"});
  EXPECT_THAT(output_of({"info", "d.qcow2"}), ContainsRegex("    data file .*d.raw \\(raw\\), [0-9]+ KiB on disk\n"));
  const json layer = json_of({"info", "--output=json", "d.qcow2"})[0];
  EXPECT_EQ(layer["format-specific"]["data"]["data-file"], "d.raw");
  EXPECT_EQ(layer["format-specific"]["data"]["data-file-raw"], true);
  EXPECT_EQ(layer["full-data-filename"], "d.raw");
  EXPECT_GE(layer["data-actual-size"], 65536);
}

TEST_F(Info, a_name_of_any_bytes_is_printed_and_encoded) {
  const std::string name = "odd\xff\x1b[31m.qcow2";
  create_overlay(path(name), "base.raw", "raw");
  EXPECT_THAT(output_of({"info", name}), HasSubstr("odd\xff\\x1b[31m.qcow2"));
  EXPECT_EQ(json_of({"info", "--output=json", name})[0]["filename"], "odd\xef\xbf\xbd\x1b[31m.qcow2");
}

TEST_F(Info, format_flag_reads_a_qcow2_file_as_raw) {
  const json layers = json_of({"info", "--output=json", "--format=raw", "c.qcow2"});
  ASSERT_EQ(layers.size(), 1U);
  EXPECT_EQ(layers[0]["format"], "raw");
  EXPECT_EQ(layers[0]["virtual-size"], file_size("c.qcow2") / 512 * 512);
}

TEST_F(Info, a_missing_image_is_one_line_with_its_name) {
  EXPECT_TRUE(fails_in_one_line(run_cli({"info", "none.qcow2"}), "none.qcow2: no such file"));
}

}  // namespace
}  // namespace qchain::test
