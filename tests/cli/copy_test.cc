#include <gmock/gmock.h>

#include <filesystem>
#include <nlohmann/json.hpp>

#include "tests/cli/run_cli.h"
#include "tests/cli/sample_chain.h"
#include "tests/support/files.h"
#include "tests/support/qemu.h"

namespace qchain::test {
namespace {

using nlohmann::json;
using testing::HasSubstr;

class Copy : public SampleChain {
 protected:
  void SetUp() override {
    SampleChain::SetUp();
    std::filesystem::remove("out");
  }
};

TEST_F(Copy, writes_raw_by_default_and_says_what_it_did) {
  EXPECT_EQ(output_of({"copy", "c.qcow2", "out"}), "out: 10 MiB, 256 KiB copied, 0 B cloned, rest holes\n");
  EXPECT_EQ(read_file("out"), qemu_bytes("c.qcow2"));
}

TEST_F(Copy, writes_qcow2_without_a_backing_file) {
  static_cast<void>(output_of({"copy", "--format=qcow2", "--top=3", "c.qcow2", "out"}));
  EXPECT_EQ(qemu_bytes("out", "qcow2"), qemu_bytes("b.qcow2"));
  EXPECT_THAT(qemu_img({"info", "out"}), testing::Not(HasSubstr("backing")));
  EXPECT_THAT(qemu_img({"check", "out"}), HasSubstr("No errors"));
}

TEST_F(Copy, json_has_the_promised_keys) {
  const json result = json_of({"copy", "--output=json", "c.qcow2", "out"});
  EXPECT_EQ(result["filename"], "out");
  EXPECT_EQ(result["format"], "raw");
  EXPECT_EQ(result["virtual-size"], 10 << 20);
  EXPECT_EQ(result["copied"].get<std::uint64_t>() + result["cloned"].get<std::uint64_t>() +
                result["zero"].get<std::uint64_t>(),
            10U << 20);
}

TEST_F(Copy, refuses_an_existing_file_and_says_force) {
  write_file("out", {});
  const CliResult result = run_cli({"copy", "c.qcow2", "out"});
  EXPECT_TRUE(fails_in_one_line(result, "out: "));
  EXPECT_THAT(result.err, HasSubstr("--force"));
  EXPECT_EQ(file_size("out"), 0U);
  static_cast<void>(output_of({"copy", "--force", "c.qcow2", "out"}));
  EXPECT_EQ(file_size("out"), 10U << 20);
}

TEST_F(Copy, never_writes_over_a_layer) {
  const auto before = read_file("base.raw");
  EXPECT_TRUE(fails_in_one_line(run_cli({"copy", "--force", "c.qcow2", "base.raw"}), "base.raw: belongs to the chain"));
  EXPECT_EQ(read_file("base.raw"), before);
}

TEST_F(Copy, image_format_is_that_of_the_source) {
  static_cast<void>(output_of({"copy", "--image-format=raw", "a.qcow2", "out"}));
  EXPECT_EQ(read_file("out", 0, 4), read_file("a.qcow2", 0, 4));
}

TEST_F(Copy, progress_lines_go_to_stderr) {
  const CliResult result = run_cli({"copy", "--verbose", "c.qcow2", "out"});
  EXPECT_EQ(result.status, 0);
  EXPECT_THAT(result.err, testing::EndsWith("Copy: [100 %]\n"));
  EXPECT_EQ(lines_of(result.out).size(), 1U);
}

TEST_F(Copy, json_progress_leaves_stdout_to_the_result) {
  const CliResult result = run_cli({"copy", "--progress=json", "--output=json", "c.qcow2", "out"});
  EXPECT_EQ(json::parse(result.out)["filename"], "out");
  const json last = json::parse(lines_of(result.err).back());
  EXPECT_EQ(last["progress"], "Copy");
  EXPECT_EQ(last["done"], last["total"]);
}

TEST_F(Copy, a_terminal_gets_a_bar_that_is_gone_at_the_end) {
  const CliResult result = run_cli({"copy", "c.qcow2", "out"}, 80);
  EXPECT_THAT(result.err, testing::StartsWith("\rCopy "));
  EXPECT_THAT(result.err, testing::EndsWith("\r\x1b[K"));
}

TEST_F(Copy, the_advice_names_the_flags_of_copy) {
  write_file("luks", {});
  poke("luks", 0, bytes_of("LUKS\xba\xbe"));
  resize_file("luks", 4096);
  const CliResult result = run_cli({"copy", "luks", "out"});
  EXPECT_THAT(result.err, testing::Not(HasSubstr(" --format=")));
  EXPECT_FALSE(std::filesystem::exists("out") && result.status != 0);
}

}  // namespace
}  // namespace qchain::test
