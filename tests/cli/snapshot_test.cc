#include <gmock/gmock.h>

#include <filesystem>
#include <nlohmann/json.hpp>

#include "tests/cli/run_cli.h"
#include "tests/cli/sample_chain.h"
#include "tests/support/files.h"
#include "tests/support/process.h"
#include "tests/support/qemu.h"
#include "tests/unit/storage/qemu_io_session.h"

namespace qchain::test {
namespace {

using nlohmann::json;
using testing::HasSubstr;

class Snapshot : public SampleChain {
 protected:
  void SetUp() override {
    SampleChain::SetUp();
    std::filesystem::remove_all("out");
  }
};

TEST_F(Snapshot, says_what_it_made) {
  EXPECT_EQ(output_of({"snapshot", "c.qcow2", "out"}),
            "out: 10 MiB, clusters of 64 KiB, backed by 'c.qcow2' (qcow2)\n");
  EXPECT_EQ(qemu_bytes("out"), qemu_bytes("c.qcow2"));
}

TEST_F(Snapshot, json_has_the_promised_keys) {
  const json result = json_of({"snapshot", "--output=json", "base.raw", "out"});
  EXPECT_EQ(result, json({{"filename", "out"},
                          {"format", "qcow2"},
                          {"virtual-size", 8 << 20},
                          {"cluster-size", 65536},
                          {"backing-filename", "base.raw"},
                          {"backing-filename-format", "raw"}}));
}

TEST_F(Snapshot, names_the_image_from_the_folder_of_the_overlay) {
  std::filesystem::create_directory("out");
  EXPECT_THAT(output_of({"snapshot", "c.qcow2", "out/o"}), HasSubstr("backed by '../c.qcow2' (qcow2)"));
  EXPECT_EQ(qemu_bytes("out/o"), qemu_bytes("c.qcow2"));
}

TEST_F(Snapshot, takes_sizes_as_qemu_img_does) {
  const json result = json_of({"snapshot", "--output=json", "--size=1.5M", "--cluster-size", "4K", "c.qcow2", "out"});
  EXPECT_EQ(result["virtual-size"], 3 << 19);
  EXPECT_EQ(result["cluster-size"], 4096);
  EXPECT_THAT(qemu_img({"info", "out"}), HasSubstr("virtual size: 1.5 MiB"));
}

TEST_F(Snapshot, sizes_that_are_none_are_usage_errors) {
  EXPECT_TRUE(
      fails_in_one_line(run_cli({"snapshot", "--size=big", "c.qcow2", "out"}), "--size: 'big' is not a number"));
  EXPECT_TRUE(fails_in_one_line(run_cli({"snapshot", "--cluster-size=3k", "c.qcow2", "out"}),
                                "--cluster-size: '3k' is not a power of two from 512 to 2M"));
  EXPECT_FALSE(std::filesystem::exists("out"));
}

TEST_F(Snapshot, format_is_that_of_the_image) {
  static_cast<void>(output_of({"snapshot", "--format=raw", "a.qcow2", "out"}));
  EXPECT_THAT(qemu_img({"info", "out"}), HasSubstr("backing file format: raw"));
}

TEST_F(Snapshot, refuses_an_existing_file_and_says_force) {
  write_file("out", {});
  const CliResult result = run_cli({"snapshot", "c.qcow2", "out"});
  EXPECT_TRUE(fails_in_one_line(result, "out: file exists"));
  EXPECT_THAT(result.err, HasSubstr("--force"));
  EXPECT_EQ(file_size("out"), 0U);
  static_cast<void>(output_of({"snapshot", "--force", "c.qcow2", "out"}));
  EXPECT_NE(file_size("out"), 0U);
}

TEST_F(Snapshot, never_replaces_a_layer) {
  const auto before = read_file("b.qcow2");
  EXPECT_TRUE(
      fails_in_one_line(run_cli({"snapshot", "--force", "c.qcow2", "b.qcow2"}), "b.qcow2: belongs to the chain"));
  EXPECT_EQ(read_file("b.qcow2"), before);
}

TEST_F(Snapshot, an_image_in_use_is_refused_with_what_to_do) {
  const QemuIoSession session({"-f", "qcow2", "c.qcow2"});
  const CliResult result = run_cli({"snapshot", "c.qcow2", "out"});
  EXPECT_TRUE(fails_in_one_line(result, "c.qcow2: open for writing by qemu-io (pid "));
  EXPECT_THAT(result.err, HasSubstr("virsh snapshot-create-as"));
  EXPECT_THAT(result.err, HasSubstr("blockdev-snapshot-sync"));
  EXPECT_FALSE(std::filesystem::exists("out"));
}

/// The largest file that the command may make is smaller than the overlay's refcounts lie deep.
ProcessResult snapshot_without_room(const std::string& flags) {
  return run({"sh", "-c", "trap '' XFSZ; ulimit -f 64; exec \"$0\" snapshot " + flags + " c.qcow2 out", QCHAIN_BINARY});
}

TEST_F(Snapshot, a_failure_leaves_nothing_behind) {
  const auto entries = [] {
    return std::distance(std::filesystem::directory_iterator("."), std::filesystem::directory_iterator());
  };
  const auto before = entries();
  const ProcessResult result = snapshot_without_room("");
  EXPECT_EQ(result.status, 2) << result.err;
  EXPECT_THAT(result.err, testing::StartsWith("qchain: out: cannot "));
  EXPECT_EQ(entries(), before);
}

TEST_F(Snapshot, a_failure_keeps_the_old_file) {
  write_file("out", bytes_of("old"));
  EXPECT_EQ(snapshot_without_room("--force").status, 2);
  EXPECT_EQ(read_file("out"), bytes_of("old"));
}

TEST_F(Snapshot, has_no_way_around_the_locks) {
  EXPECT_TRUE(fails_in_one_line(run_cli({"snapshot", "-U", "c.qcow2", "out"}), "unknown option '-U'"));
}

TEST_F(Snapshot, a_missing_image_is_named) {
  EXPECT_TRUE(fails_in_one_line(run_cli({"snapshot", "none", "out"}), "none: no such file"));
  EXPECT_TRUE(fails_in_one_line(run_cli({"snapshot", "c.qcow2"}), "OVERLAY is required"));
}

}  // namespace
}  // namespace qchain::test
