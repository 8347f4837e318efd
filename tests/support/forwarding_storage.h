#pragma once

#include "qcow/storage/writable_storage.h"

namespace qchain::test {

/// Hands everything to another storage; what a test wants otherwise it overrides.
class ForwardingStorage : public WritableStorage {
 public:
  explicit ForwardingStorage(SharedWritable inner) : inner_(std::move(inner)) {}

  [[nodiscard]] const std::string& name() const noexcept override { return inner_->name(); }
  [[nodiscard]] std::uint64_t size() const noexcept override { return inner_->size(); }
  [[nodiscard]] FileIdentity identity() const noexcept override { return inner_->identity(); }
  [[nodiscard]] StorageFacts facts() const noexcept override { return inner_->facts(); }
  [[nodiscard]] Result<std::size_t> read(std::uint64_t offset, MutableBytes into) const override {
    return inner_->read(offset, into);
  }
  [[nodiscard]] Result<StoredRun> run_at(std::uint64_t offset, std::uint64_t end) const override {
    return inner_->run_at(offset, end);
  }
  void will_need(Range range) const noexcept override { inner_->will_need(range); }
  [[nodiscard]] int descriptor() const noexcept override { return inner_->descriptor(); }

  [[nodiscard]] Result<void> write(std::uint64_t offset, Bytes bytes) override { return inner_->write(offset, bytes); }
  [[nodiscard]] Result<void> zero(Range range) override { return inner_->zero(range); }
  [[nodiscard]] Result<CloneAnswer> clone(const Storage& source, std::uint64_t offset, Range target) override {
    return inner_->clone(source, offset, target);
  }
  [[nodiscard]] std::uint64_t clone_unit() const noexcept override { return inner_->clone_unit(); }
  [[nodiscard]] Result<void> resize(std::uint64_t length) override { return inner_->resize(length); }
  [[nodiscard]] Result<void> sync() override { return inner_->sync(); }

 protected:
  [[nodiscard]] WritableStorage& inner() const noexcept { return *inner_; }

 private:
  SharedWritable inner_;
};

}  // namespace qchain::test
