#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "tests/live/guest/workload.h"

namespace qchain::guest {

/// The guest's disk, past its page cache, and what each of its blocks must hold. Nothing here throws but for want of
/// memory; every difference and every failed request is an error that is counted.
class Disk {
 public:
  /// Waits a few seconds for the device. `ok()` is false where it does not come.
  explicit Disk(const char* device);
  [[nodiscard]] bool ok() const noexcept { return descriptor_ >= 0 && !table_.empty(); }
  [[nodiscard]] std::uint64_t blocks() const noexcept { return table_.size(); }

  /// Expects what operation `number` leaves, without doing it.
  void expect(const Operation& operation, Generation number);
  /// Expects what is on the disk, wherever that is a block's own content or zeros; all else is an error.
  void learn();
  /// Does it. A read is checked.
  void perform(const Operation& operation, Generation number);
  /// Reads and checks the whole disk.
  void verify();
  void flush();

  [[nodiscard]] std::uint64_t errors() const noexcept { return errors_; }
  /// Of the first error since it was asked for last; empty without one.
  [[nodiscard]] std::string take_first_error();

 private:
  void fail(std::uint64_t block, const std::string& what);
  void check(std::uint64_t first, std::span<const std::byte> bytes);
  [[nodiscard]] std::span<std::byte> read(std::uint64_t first, std::uint64_t count);
  [[nodiscard]] std::span<std::byte> buffer(std::uint64_t count) const noexcept;

  int descriptor_ = -1;
  std::vector<Generation> table_;
  std::byte* memory_ = nullptr;  ///< as long as the machine: the guest never ends but with it
  std::uint64_t errors_ = 0;
  std::string first_error_;
};

}  // namespace qchain::guest
