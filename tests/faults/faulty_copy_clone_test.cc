#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>

#include "tests/faults/faulty_run.h"
#include "tests/support/files.h"
#include "tests/support/loop_xfs.h"
#include "tests/support/qemu.h"

namespace qchain::test {
namespace {

constexpr std::uint64_t cluster = 65536;
constexpr unsigned clusters = 64;
constexpr unsigned trials = 2;  ///< one for each layer, before anything is shared

/// base.raw <- top.qcow2 with every other cluster, written from the last to the first, on an XFS where sharing of
/// blocks fails once.
class FaultyCopyClone : public OnXfs {
 protected:
  void make_chain() const {
    write_file(xfs() / "base.raw", telling_bytes(clusters * cluster, 1));
    create_overlay(top(), "base.raw", "raw");
    std::vector<std::string> writes;
    for (unsigned number = clusters; number > 0; number -= 2) {
      writes.push_back("write -P " + std::to_string(number) + " " + std::to_string((number - 1) * cluster) + " 64k");
    }
    qemu_io(top(), writes);
  }

  [[nodiscard]] ProcessResult copy_failing_at(unsigned clone, int error) const {
    Arguments command = with_fault({.at = {}, .error = error, .always = {}, .clone = clone}, report_);
    command.insert(command.end(), {QCHAIN_BINARY, "copy", top(), out()});
    const ProcessResult done = run(command);
    EXPECT_EQ(take_report(report_), "clone") << "nothing failed";
    return done;
  }

  [[nodiscard]] std::string top() const { return xfs() / "top.qcow2"; }
  [[nodiscard]] std::string out() const { return xfs() / "out.raw"; }

 private:
  TempDir elsewhere_;
  std::string report_ = elsewhere_ / "report";
};

TEST_F(FaultyCopyClone, WhatCannotBeSharedIsCopied) {
  make_chain();
  for (const unsigned clone : {trials, trials + 7, trials + clusters - 1}) {
    SCOPED_TRACE(clone);
    const ProcessResult done = copy_failing_at(clone, EOPNOTSUPP);
    ASSERT_EQ(done.status, 0) << done.err;
    EXPECT_THAT(done.out, testing::HasSubstr(", 64 KiB copied, 3.94 MiB cloned"));
    EXPECT_TRUE(read_file(out()) == qemu_bytes(top()));
    std::filesystem::remove(out());
  }
}

TEST_F(FaultyCopyClone, OnAFullDiskIsOneLineAndNothingIsLeft) {
  make_chain();
  const ProcessResult failed = copy_failing_at(trials + 7, ENOSPC);
  EXPECT_EQ(failed.status, 2);
  EXPECT_EQ(std::ranges::count(failed.err, '\n'), 1) << failed.err;
  EXPECT_THAT(failed.err, testing::HasSubstr("No space left on device"));
  EXPECT_FALSE(std::filesystem::exists(out()));
}

}  // namespace
}  // namespace qchain::test
