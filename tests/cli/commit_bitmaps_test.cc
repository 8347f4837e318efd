#include <gmock/gmock.h>

#include <nlohmann/json.hpp>

#include "tests/cli/run_cli.h"
#include "tests/support/qemu.h"
#include "tests/support/temp_dir.h"

namespace qchain::test {
namespace {

using nlohmann::json;
using testing::HasSubstr;

/// base.qcow2 <- top.qcow2, each with a bitmap.
class CommitBitmapsCommand : public testing::Test {
 protected:
  CommitBitmapsCommand() {
    create_qcow2(base, {.options = {}, .backing = {}, .backing_format = {}, .size = 1 << 20});
    qemu_img({"bitmap", "--add", base, "nightly"});
    create_overlay(top, "base.qcow2", "qcow2");
    qemu_img({"bitmap", "--add", top, "weekly"});
    qemu_io(top, {"write -P 1 64k 64k"});
  }

  TempDir dir;
  std::string base = dir / "base.qcow2";
  std::string top = dir / "top.qcow2";
};

TEST_F(CommitBitmapsCommand, is_refused_until_it_is_said_what_becomes_of_them) {
  EXPECT_TRUE(fails_in_one_line(run_cli({"commit", top}), "--bitmaps=merge"));
  const CliResult dry = run_cli({"commit", "--dry-run", top});
  EXPECT_EQ(dry.status, 2);
  EXPECT_THAT(dry.out, HasSubstr("[1] 'nightly' is kept and updated"));
  EXPECT_THAT(dry.out, HasSubstr("[2] 'weekly' is dropped with its layer"));
  EXPECT_EQ(run_cli({"commit", "--bitmaps=keep", top}).status, 2);
}

TEST_F(CommitBitmapsCommand, dry_run_lists_them) {
  EXPECT_THAT(output_of({"commit", "--dry-run", "--bitmaps=merge", top}),
              HasSubstr("[2] 'weekly' is merged into the base"));
  const json plan = json_of({"commit", "--dry-run", "--bitmaps=merge", "--output=json", top});
  EXPECT_EQ(plan["bitmaps"], json::parse(R"([{"layer":1,"name":"nightly","becomes":"updated"},
                                             {"layer":2,"name":"weekly","becomes":"merged"}])"));
}

TEST_F(CommitBitmapsCommand, says_what_became_of_them) {
  const std::string text = output_of({"commit", "--bitmaps=drop", top});
  EXPECT_THAT(text, HasSubstr("base.qcow2: bitmap 'nightly' is kept and updated\n"));
  EXPECT_THAT(text, HasSubstr("top.qcow2: bitmap 'weekly' is dropped with its layer\n"));
}

TEST_F(CommitBitmapsCommand, the_record_says_it) {
  const json record = json_of({"commit", "--bitmaps=merge", "--output=json", top});
  ASSERT_EQ(record["bitmaps"].size(), 2U);
  EXPECT_EQ(record["bitmaps"][1]["name"], "weekly");
  EXPECT_EQ(record["bitmaps"][1]["becomes"], "merged");
  EXPECT_THAT(qemu_img({"info", base}), HasSubstr("weekly"));
}

}  // namespace
}  // namespace qchain::test
