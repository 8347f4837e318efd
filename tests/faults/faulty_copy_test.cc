#include <gtest/gtest.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <iostream>
#include <set>

#include "tests/faults/faulty_run.h"
#include "tests/support/files.h"
#include "tests/support/qemu.h"

namespace qchain::test {
namespace {

namespace fs = std::filesystem;

class FaultyCopy : public testing::TestWithParam<std::string> {
 protected:
  ProcessResult copy_with(const Fault& fault) const {
    Arguments command = with_fault(fault, report_);
    command.insert(command.end(), {QCHAIN_BINARY, "copy", "--format", GetParam(), image_, out_});
    return run(command);
  }

  /// Each call fails in turn, until a run has fewer.
  void fail_each_call(int error) {
    std::set<std::string> failed;
    for (unsigned number = 0;; ++number) {
      const ProcessResult copied = copy_with({.at = number, .error = error, .always = {}});
      const std::string call = take_report(report_);
      judge(copied, call + " " + std::to_string(number));
      ASSERT_FALSE(HasFailure());
      if (call.empty()) {
        EXPECT_EQ(copied.status, 0);
        break;
      }
      failed.insert(call);
    }
    std::cout << testing::PrintToString(failed) << " failed\n";
    for (const char* const call : {"pread", "pwrite", "ftruncate", "fdatasync", "fsync", "linkat"}) {
      EXPECT_TRUE(failed.contains(call)) << call;
    }
  }

  /// Done and right, or one line and no output.
  void judge(const ProcessResult& copied, const std::string& what) {
    if (copied.status == 0) {
      EXPECT_EQ(qemu_bytes(out_, GetParam()), expected_) << what;
      fs::remove(out_);
      return;
    }
    EXPECT_EQ(copied.status, 2) << what << ": " << copied.err;
    EXPECT_EQ(std::ranges::count(copied.err, '\n'), 1) << what << ": " << copied.err;
    if (what.starts_with("fsync")) {
      fs::remove(out_);  // named already, but not known to be so after a power cut
    }
    EXPECT_FALSE(fs::exists(out_)) << what;
    EXPECT_EQ(std::distance(fs::directory_iterator(dir_.path()), {}), 2) << what << " left something behind";
  }

  TempDir dir_;
  TempDir elsewhere_;
  std::string report_ = elsewhere_ / "report";
  std::string image_ = make_chain(dir_);
  std::string out_ = dir_ / "out";
  ByteVector expected_ = qemu_bytes(image_);
};

TEST_P(FaultyCopy, IsRightOrLeavesNothingWhereACallFails) {
  fail_each_call(EIO);
}

TEST_P(FaultyCopy, IsRightOrLeavesNothingWhereTheDiskIsFull) {
  fail_each_call(ENOSPC);
}

TEST_P(FaultyCopy, IsRightOrLeavesNothingWhereACallShouldBeTriedAgain) {
  fail_each_call(EAGAIN);
}

TEST_P(FaultyCopy, IsRightFromAndToADiskThatIsOdd) {
  for (const char* const always : {"short", "interrupted", "slow"}) {
    const ProcessResult copied = copy_with({.at = {}, .error = 0, .always = always});
    EXPECT_EQ(copied.status, 0) << always << ": " << copied.err;
    judge(copied, always);
  }
}

INSTANTIATE_TEST_SUITE_P(Formats, FaultyCopy, testing::Values("raw", "qcow2"),
                         [](const auto& instance) { return instance.param; });

}  // namespace
}  // namespace qchain::test
