#include <gtest/gtest.h>

#include <fstream>
#include <string>

#include "tests/commit/run_commit.h"
#include "tests/support/files.h"
#include "tests/support/qemu.h"
#include "tests/support/temp_dir.h"

namespace qchain::test {
namespace {

/// Bytes that this process has given to write calls of any kind.
std::uint64_t bytes_written() {
  std::ifstream io("/proc/self/io");
  for (std::string name; io >> name;) {
    if (name == "wchar:") {
      std::uint64_t bytes = 0;
      io >> bytes;
      return bytes;
    }
  }
  throw std::runtime_error("no wchar in /proc/self/io");
}

TEST(Amplification, OfScatteredSmallChangesIsUnderATenth) {
  constexpr std::uint64_t changes = 4096;
  constexpr std::uint64_t change = 4 << 10;
  constexpr std::uint64_t distance = 64 << 10;
  const TempDir dir;
  make_hole_file(dir / "base.raw", changes * distance);
  create_overlay(dir / "top.qcow2", "base.raw", "raw", "cluster_size=4k");
  std::vector<std::string> commands;
  for (std::uint64_t i = 0; i < changes; ++i) {
    commands.push_back("write -P " + std::to_string(1 + i % 251) + " " + std::to_string(i * distance) + " 4k");
  }
  qemu_io(dir / "top.qcow2", commands);

  const std::uint64_t before = bytes_written();
  const auto report = run_commit(request_for(dir / "top.qcow2"));
  const std::uint64_t written = bytes_written() - before;  // the record's bytes too
  ASSERT_TRUE(report) << describe(report.error());
  const CommitTotals& done = report->record.outcome;
  EXPECT_EQ(done.copied + done.cloned, changes * change);
  EXPECT_GE(written, done.copied) << "else nothing is counted here";
  EXPECT_LE(written * 10, changes * change * 11);
}

}  // namespace
}  // namespace qchain::test
