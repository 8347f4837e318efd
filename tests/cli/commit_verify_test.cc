#include <gmock/gmock.h>

#include <filesystem>
#include <nlohmann/json.hpp>

#include "tests/cli/run_cli.h"
#include "tests/support/files.h"
#include "tests/support/process.h"
#include "tests/support/qemu.h"
#include "tests/support/temp_dir.h"
#include "tests/unit/storage/loop_device.h"

namespace qchain::test {
namespace {

using testing::HasSubstr;
using testing::StartsWith;

/// base.raw <- a.qcow2 <- b.qcow2 <- c.qcow2 in a folder of its own.
class CommitVerify : public testing::Test {
 protected:
  CommitVerify() {
    make_hole_file(base, 4 << 20);
    qemu_io(base, {"write -P 1 0 1M"}, "raw");
    create_overlay(a, base, "raw");
    qemu_io(a, {"write -P 2 512k 64k"});
    create_overlay(b, a, "qcow2");
    qemu_io(b, {"write -P 3 2M 64k"});
    create_overlay(c, b, "qcow2");
    qemu_img({"convert", "-O", "raw", b, dir / "flat.raw"});
    sha256 = must_run({"sha256sum", dir / "flat.raw"}).substr(0, 64);
  }

  CliResult commit(std::vector<std::string> more = {"--verify=full"}) const {
    more.insert(more.begin(), "commit");
    more.insert(more.end(), {"--top", b, c});
    return run_cli(more);
  }

  TempDir dir;
  std::string base = dir / "base.raw";
  std::string a = dir / "a.qcow2";
  std::string b = dir / "b.qcow2";
  std::string c = dir / "c.qcow2";
  std::string record = base + ".qchain.json";
  std::string sha256;
};

TEST_F(CommitVerify, full_says_what_was_read_back) {
  const CliResult result = commit({"--verify=full", "--sha256"});
  EXPECT_EQ(result.status, 0) << result.err;
  const auto lines = lines_of(result.out);
  ASSERT_EQ(lines.size(), 3U);
  EXPECT_EQ(lines[1], base + ": same: all 4 MiB read back as they were read before the first write");
  EXPECT_EQ(lines[2], "SHA-256 " + sha256 + " of 4194304 bytes");
}

TEST_F(CommitVerify, full_as_json) {
  ASSERT_EQ(commit({"--verify=full", "--sha256"}).status, 0);
  const CliResult again = commit({"--verify=full", "--output=json"});
  ASSERT_EQ(again.status, 0) << again.err;
  const auto check = nlohmann::json::parse(again.out.substr(again.out.find("\n{") + 1));
  EXPECT_EQ(check, nlohmann::json::parse(R"({"target": ")" + base + R"(", "same": true, "by": "whole",
      "size": 4194304, "before-first-write": true, "sha256": ")" +
                                         sha256 + "\"}"));
}

TEST_F(CommitVerify, full_finds_a_difference_with_status_1_and_its_place) {
  ASSERT_EQ(commit().status, 0);
  poke(base, (2 << 20) + 5, ByteVector(3, std::byte{9}));
  const CliResult in_a_layer = commit();
  EXPECT_EQ(in_a_layer.status, 1);
  EXPECT_THAT(in_a_layer.out, HasSubstr("differs from what was read before the first write: 3 bytes in all, the first "
                                        "3 at byte 2097157\n"));
  poke(base, (2 << 20) + 5, ByteVector(3, std::byte{3}));
  EXPECT_EQ(commit().status, 0);
  poke(base, 5, ByteVector(3, std::byte{9}));
  const CliResult elsewhere = commit();
  EXPECT_EQ(elsewhere.status, 1);
  EXPECT_THAT(elsewhere.out, HasSubstr("in bytes that no merged layer holds"));
  EXPECT_THAT(output_of({"info", c}), HasSubstr("commit into it: done"));
}

TEST_F(CommitVerify, full_before_a_deletion_keeps_the_layers_where_it_finds_a_difference) {
  ASSERT_EQ(commit().status, 0);
  poke(base, 5, ByteVector(3, std::byte{9}));
  EXPECT_EQ(commit({"--verify=full", "--delete"}).status, 1);
  EXPECT_TRUE(std::filesystem::exists(b));
}

TEST_F(CommitVerify, full_and_delete_go_together) {
  const CliResult result = commit({"--verify=full", "--delete"});
  EXPECT_EQ(result.status, 0) << result.err;
  EXPECT_THAT(result.out, HasSubstr("read back as they were read before the first write"));
  EXPECT_FALSE(std::filesystem::exists(b));
  EXPECT_FALSE(std::filesystem::exists(a));
}

TEST_F(CommitVerify, words_that_do_not_fit) {
  EXPECT_TRUE(fails_in_one_line(commit({"--verify=ful"}), "--verify: takes no value, or full"));
  EXPECT_TRUE(fails_in_one_line(commit({"--verify", "--sha256"}), "say --verify=full too"));
  EXPECT_TRUE(fails_in_one_line(commit({"--sha256"}), "--sha256 requires --verify"));
  EXPECT_FALSE(std::filesystem::exists(record));
}

TEST_F(CommitVerify, full_of_a_commit_that_was_made_without_is_refused) {
  ASSERT_EQ(commit({}).status, 0);
  const CliResult result = commit();
  EXPECT_EQ(result.status, 2);
  EXPECT_THAT(result.err, HasSubstr("no digest of the whole view was read before it was merged; qchain verify"));
}

TEST_F(CommitVerify, sha256_of_a_view_is_that_of_a_flat_copy) {
  EXPECT_EQ(output_of({"verify", "--sha256", b}), "SHA-256 " + sha256 + " of 4194304 bytes\n");
  EXPECT_EQ(output_of({"verify", "--sha256", "--top", "3", c}), "SHA-256 " + sha256 + " of 4194304 bytes\n");
  const auto json = json_of({"verify", "--sha256", "--output=json", b});
  EXPECT_EQ(json, nlohmann::json({{"image", b}, {"size", 4194304}, {"sha256", sha256}}));
}

TEST_F(CommitVerify, sha256_with_a_target_comes_with_the_comparison) {
  const auto lines = lines_of(output_of({"verify", "--sha256", b, dir / "flat.raw"}));
  ASSERT_EQ(lines.size(), 2U);
  EXPECT_THAT(lines[0], StartsWith(dir / "flat.raw" + ": same"));
  EXPECT_EQ(lines[1], "SHA-256 " + sha256 + " of 4194304 bytes");
  EXPECT_EQ(json_of({"verify", "--sha256", "--output=json", b, dir / "flat.raw"})["sha256"], sha256);
}

TEST_F(CommitVerify, the_record_is_found_by_its_own_name_and_by_the_overlay) {
  ASSERT_EQ(commit().status, 0);
  for (const std::string& name : {base, record, c}) {
    EXPECT_THAT(output_of({"verify", name}), StartsWith(base + ": same")) << name;
  }
  EXPECT_THAT(output_of({"retire", record}), HasSubstr("deleted " + a));
  EXPECT_TRUE(fails_in_one_line(run_cli({"verify", dir / "flat.raw"}), "there is no record of a commit beside it"));
}

TEST_F(CommitVerify, of_a_block_device_the_message_says_where_the_record_is) {
  const LoopDevice device(base, LoopDevice::Mode::writable);
  if (!device.ok()) {
    GTEST_SKIP() << device.reason();
  }
  qemu_img({"rebase", "-q", "-u", "-b", device.path(), "-F", "raw", a});
  const CliResult result = commit();
  ASSERT_EQ(result.status, 0) << result.err;
  const std::string name = std::filesystem::path(device.path()).filename().string() + ".qchain.json";
  EXPECT_THAT(result.out, HasSubstr("record: " + dir / name + "\n"));
  EXPECT_TRUE(fails_in_one_line(run_cli({"verify", device.path()}), "name it instead, DIR/" + name));
  EXPECT_TRUE(fails_in_one_line(run_cli({"retire", device.path()}), "name it instead, DIR/" + name));
  EXPECT_THAT(output_of({"info", c}), HasSubstr("commit into it: verified"));
  EXPECT_THAT(output_of({"verify", c}), StartsWith(device.path() + ": same"));
  EXPECT_THAT(output_of({"verify", dir / name}), StartsWith(device.path() + ": same"));
  EXPECT_THAT(output_of({"retire", dir / name}), HasSubstr("deleted " + a));
}

TEST_F(CommitVerify, a_deletion_that_was_cut_off_after_the_active_image_is_completed) {
  ASSERT_EQ(run_cli({"commit", "--verify", c}).status, 0);
  std::filesystem::remove(c);
  const CliResult result = run_cli({"commit", "--delete", c});
  EXPECT_EQ(result.status, 0) << result.err;
  EXPECT_THAT(result.out, HasSubstr("deleted " + b));
  EXPECT_FALSE(std::filesystem::exists(a));
  const CliResult again = run_cli({"commit", "--delete", c});
  EXPECT_EQ(again.status, 0) << "the very end may be missed too: " << again.err;
  EXPECT_THAT(again.out, HasSubstr("nothing left to delete"));
}

TEST_F(CommitVerify, an_image_that_is_gone_is_not_taken_for_another_commits) {
  ASSERT_EQ(run_cli({"commit", "--verify", c}).status, 0);
  std::filesystem::remove(c);
  EXPECT_TRUE(fails_in_one_line(run_cli({"commit", c}), "no such file"));
  EXPECT_TRUE(fails_in_one_line(run_cli({"commit", "--delete", "--shallow", c}), "qchain retire BASE goes on"));
  EXPECT_TRUE(fails_in_one_line(run_cli({"commit", "--delete", dir / "other.qcow2"}), "no such file"));
  EXPECT_TRUE(std::filesystem::exists(a));
}

}  // namespace
}  // namespace qchain::test
