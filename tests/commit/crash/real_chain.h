#pragma once

#include <map>
#include <string>

#include "tests/support/files.h"
#include "tests/support/process.h"
#include "tests/support/temp_dir.h"

namespace qchain::test {

/// base.raw <- a.qcow2 <- b.qcow2 <- c.qcow2 on a real file system, each with data of its own; a and b are to be merged
/// into the base, or all three.
class RealChain {
 public:
  /// `base_folder`: where the base lies; empty: with the others. `data`: bytes of a's data; the disk is twice that.
  explicit RealChain(std::uint64_t data, const std::string& base_folder = {});

  [[nodiscard]] std::string operator/(const std::string& name) const { return dir_ / name; }
  [[nodiscard]] const std::string& base() const noexcept { return base_; }
  [[nodiscard]] const std::string& active() const noexcept { return active_; }
  [[nodiscard]] std::string record() const { return base_ + ".qchain.json"; }
  /// `qchain commit` of a and b into the base, or of all.
  [[nodiscard]] Arguments commit_command(const Arguments& more = {}) const;
  [[nodiscard]] Arguments full_commit_command(const Arguments& more = {}) const;

  /// All files as they were made, and no record.
  void restore() const;
  [[nodiscard]] bool is_untouched() const;
  /// QEMU reads of the active image what it read at first.
  [[nodiscard]] bool view_is_the_same() const;
  /// The base reads as b did, and the active image hangs on the base.
  [[nodiscard]] bool is_merged() const;

 private:
  TempDir dir_;
  std::string base_;
  std::string active_;
  std::map<std::string, ByteVector> before_;
  ByteVector view_;
  ByteVector view_of_b_;
};

}  // namespace qchain::test
