#pragma once

#include <atomic>
#include <cstdint>

#include "tests/support/forwarding_storage.h"

namespace qchain::test {

/// One operation of a run that fails, counted over all files and the record. Thread-safe.
class FaultPlan {
 public:
  /// `at`: number of the operation, from 0; `os_error`: EIO or ENOSPC.
  FaultPlan(std::uint64_t at, int os_error) noexcept : at_(at), os_error_(os_error) {}

  /// Counts one operation that changes something. The error, if it is the one.
  [[nodiscard]] Result<void> pass(const char* operation, const std::string& name);
  /// Counts one that only reads: it can't fail for want of space.
  [[nodiscard]] Result<void> pass_reading(const char* operation, const std::string& name);
  [[nodiscard]] bool hit() const noexcept { return hit_; }
  /// The one that failed.
  [[nodiscard]] const std::string& operation() const noexcept { return operation_; }

 private:
  std::uint64_t at_;
  int os_error_;
  std::atomic<std::uint64_t> count_ = 0;
  std::atomic<bool> hit_ = false;
  std::string operation_;
};

/// Fails as planned. A failed write has written its first half, as a full disk does.
class FaultyStorage final : public ForwardingStorage {
 public:
  FaultyStorage(SharedWritable inner, FaultPlan& plan) : ForwardingStorage(std::move(inner)), plan_(plan) {}

  [[nodiscard]] Result<std::size_t> read(std::uint64_t offset, MutableBytes into) const override;
  [[nodiscard]] Result<void> write(std::uint64_t offset, Bytes bytes) override;
  [[nodiscard]] Result<void> zero(Range range) override;
  [[nodiscard]] Result<CloneAnswer> clone(const Storage& source, std::uint64_t offset, Range target) override;
  [[nodiscard]] Result<void> resize(std::uint64_t length) override;
  [[nodiscard]] Result<void> sync() override;

 private:
  FaultPlan& plan_;
};

}  // namespace qchain::test
