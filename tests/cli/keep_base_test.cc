#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <nlohmann/json.hpp>

#include "tests/cli/run_cli.h"
#include "tests/support/files.h"
#include "tests/support/qemu.h"
#include "tests/support/temp_dir.h"

namespace qchain::test {
namespace {

using testing::HasSubstr;

/// base.raw <- a.qcow2 <- b.qcow2
class KeepBaseCommand : public testing::Test {
 protected:
  KeepBaseCommand() {
    make_hole_file(base, 1 << 20);
    poke(base, 0, telling_bytes(64 << 10, 1));
    create_overlay(dir / "a.qcow2", "base.raw", "raw");
    qemu_io(dir / "a.qcow2", {"write -P 3 0 64k"});
    create_overlay(top, "a.qcow2", "qcow2");
  }

  [[nodiscard]] std::vector<std::string> commit(std::vector<std::string> more) const {
    more.insert(more.begin(), {"commit", "--top", "2"});
    more.push_back(top);
    return more;
  }

  TempDir dir;
  std::string base = dir / "base.raw";
  std::string top = dir / "b.qcow2";
  std::string kept = dir / "old.raw";
};

TEST_F(KeepBaseCommand, DryRunSaysHowItWouldBeKept) {
  const auto text = output_of(commit({"--dry-run", "--keep-base", kept, "--keep-base-copy"}));
  EXPECT_THAT(text, HasSubstr("  keep base    as " + kept + ": "));
  const auto json = json_of(commit({"--dry-run", "--keep-base", kept, "--keep-base-copy", "--output=json"}));
  EXPECT_EQ(json["kept-base"]["filename"], kept);
  EXPECT_EQ(json["kept-base"]["complete"], false);
  EXPECT_THAT(std::string(json["kept-base"]["by"]), testing::AnyOf("sharing", "copying"));
  EXPECT_FALSE(std::filesystem::exists(kept));
  EXPECT_TRUE(json_of(commit({"--dry-run", "--output=json"}))["kept-base"].is_null());
}

TEST_F(KeepBaseCommand, CommitSaysWhereItIsKeptAndInfoShowsIt) {
  EXPECT_THAT(output_of(commit({"--keep-base", kept, "--keep-base-copy"})),
              HasSubstr("; as it was, it is kept as " + kept));
  EXPECT_THAT(output_of({"info", top}), HasSubstr("    as it was before that commit, it is kept as " + kept));
  EXPECT_EQ(json_of({"info", "--output=json", top})[1]["commit"]["kept-base"], kept);
}

TEST_F(KeepBaseCommand, RefusesAnExistingFileInOneLine) {
  EXPECT_TRUE(fails_in_one_line(run_cli(commit({"--keep-base", base})), "file exists"));
  EXPECT_FALSE(std::filesystem::exists(base + ".qchain.json"));
}

TEST_F(KeepBaseCommand, CopyAloneIsAWrongCommandLine) {
  EXPECT_TRUE(fails_in_one_line(run_cli(commit({"--keep-base-copy"})), "--keep-base-copy requires --keep-base"));
}

}  // namespace
}  // namespace qchain::test
