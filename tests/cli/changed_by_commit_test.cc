// Reading where a commit has changed what is below: the user is told.
#include <gmock/gmock.h>

#include "tests/cli/run_cli.h"
#include "tests/support/files.h"
#include "tests/support/qemu.h"
#include "tests/support/temp_dir.h"

namespace qchain::test {
namespace {

using testing::HasSubstr;
using testing::IsEmpty;

/// base.raw <- a.qcow2 <- b.qcow2 <- c.qcow2
class ChangedByCommit : public testing::Test {
 protected:
  ChangedByCommit() {
    make_hole_file(base, 4 << 20);
    create_overlay(a, base, "raw");
    qemu_io(a, {"write -P 2 512k 64k"});
    create_overlay(b, a, "qcow2");
    qemu_io(b, {"write -P 3 2M 64k"});
    create_overlay(c, b, "qcow2");
  }

  void commit() const { ASSERT_EQ(run_cli({"commit", "--top", b, c}).status, 0); }
  /// As if a run had been cut off.
  void unfinish() const {
    std::string text = text_of(read_file(record));
    const std::string done = "\"state\": \"done\"";
    ASSERT_NE(text.find(done), std::string::npos) << text;
    text.replace(text.find(done), done.size(), "\"state\": \"copying\"");
    write_file(record, std::as_bytes(std::span(text)));
    qemu_img({"rebase", "-u", "-b", b, "-F", "qcow2", c});
  }
  static std::string text_of(const ByteVector& bytes) {
    return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
  }
  /// What reading up to `top` says beside the result.
  [[nodiscard]] std::string said_of(const std::string& top) const { return run_cli({"map", "--top", top, b}).err; }

  TempDir dir;
  std::string base = dir / "base.raw";
  std::string a = dir / "a.qcow2";
  std::string b = dir / "b.qcow2";
  std::string c = dir / "c.qcow2";
  std::string record = base + ".qchain.json";
};

TEST_F(ChangedByCommit, BelowTheMergedTopIsTold) {
  EXPECT_THAT(said_of(a), IsEmpty());
  commit();
  EXPECT_EQ(said_of(a),
            "qchain: note: " + a + " does not read as it did before the commit of " + b + " into " + base + "\n");
}

TEST_F(ChangedByCommit, WhatReadsAsBeforeIsNot) {
  commit();
  EXPECT_THAT(said_of(b), IsEmpty());
  EXPECT_THAT(said_of(base), IsEmpty()) << "the base is what it was merged for";
  EXPECT_THAT(run_cli({"map", c}).err, IsEmpty());
}

TEST_F(ChangedByCommit, AMixtureIsTold) {
  commit();
  unfinish();
  EXPECT_THAT(said_of(a), HasSubstr("which is not finished"));
  EXPECT_THAT(said_of(base), HasSubstr("which is not finished"));
  EXPECT_THAT(said_of(b), IsEmpty());
}

TEST_F(ChangedByCommit, AfterRetirementThereIsNothingToTell) {
  commit();
  ASSERT_EQ(run_cli({"retire", base}).status, 0);
  EXPECT_THAT(run_cli({"map", c}).err, IsEmpty());
}

}  // namespace
}  // namespace qchain::test
