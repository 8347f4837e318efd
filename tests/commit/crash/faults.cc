#include "tests/commit/crash/faults.h"

#include <cerrno>

namespace qchain::test {

Result<void> FaultPlan::pass(const char* operation, const std::string& name) {
  if (count_++ != at_) {
    return {};
  }
  operation_ = std::string(operation) + " " + name;
  hit_ = true;
  return fail_errno(os_error_, operation, name);
}

Result<void> FaultPlan::pass_reading(const char* operation, const std::string& name) {
  return os_error_ == ENOSPC ? Result<void>{} : pass(operation, name);
}

Result<std::size_t> FaultyStorage::read(std::uint64_t offset, MutableBytes into) const {
  QC_TRY(plan_.pass_reading("read", name()));
  return inner().read(offset, into);
}

Result<void> FaultyStorage::write(std::uint64_t offset, Bytes bytes) {
  if (auto passed = plan_.pass("write", name()); !passed) {
    const std::size_t half = bytes.size() / 2 / 512 * 512;
    QC_TRY(half > 0 ? inner().write(offset, bytes.first(half)) : Result<void>{});
    return passed;
  }
  return inner().write(offset, bytes);
}

Result<void> FaultyStorage::zero(Range range) {
  QC_TRY(plan_.pass("zero", name()));
  return inner().zero(range);
}

Result<CloneAnswer> FaultyStorage::clone(const Storage& source, std::uint64_t offset, Range target) {
  QC_TRY(plan_.pass("clone", name()));
  return inner().clone(source, offset, target);
}

Result<void> FaultyStorage::resize(std::uint64_t length) {
  QC_TRY(plan_.pass("resize", name()));
  return inner().resize(length);
}

Result<void> FaultyStorage::sync() {
  QC_TRY(plan_.pass("sync", name()));
  return inner().sync();
}

}  // namespace qchain::test
