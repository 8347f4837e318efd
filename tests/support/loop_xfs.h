#pragma once

#include <gtest/gtest.h>

#include <optional>
#include <string>

#include "tests/support/process.h"
#include "tests/support/temp_dir.h"

namespace qchain::test {

/// A small XFS that shares blocks, on a loop device; unmounted at the end.
class LoopXfs {
 public:
  LoopXfs();
  ~LoopXfs();
  LoopXfs(const LoopXfs&) = delete;
  LoopXfs& operator=(const LoopXfs&) = delete;

  [[nodiscard]] bool ok() const { return mounted_.ok(); }
  [[nodiscard]] const std::string& reason() const { return mounted_.err; }
  [[nodiscard]] std::string path() const { return dir_ / "mnt"; }
  [[nodiscard]] std::string operator/(const std::string& name) const { return path() + "/" + name; }
  /// Bytes in use, with all that was written on disk.
  [[nodiscard]] std::uint64_t used() const;

 private:
  TempDir dir_;
  ProcessResult mounted_;
};

/// Tests that need an XFS with shared blocks. Where there can be none they are skipped with the reason, and fail under
/// CI=true.
class OnXfs : public testing::Test {
 protected:
  void SetUp() override;
  [[nodiscard]] const LoopXfs& xfs() const { return *xfs_; }

 private:
  std::optional<LoopXfs> xfs_;
};

}  // namespace qchain::test
