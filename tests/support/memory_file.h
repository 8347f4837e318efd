#pragma once

#include <memory>
#include <string>

#include "qcow/storage/writable_storage.h"
#include "tests/support/bytes_of.h"

namespace qchain::test {

/// A file in memory. "Shares" blocks of 512 bytes with any storage, by copying them. Not thread-safe.
class MemoryFile final : public WritableStorage {
 public:
  explicit MemoryFile(ByteVector bytes, std::string name = "memory")
      : bytes_(std::move(bytes)), name_(std::move(name)) {}

  [[nodiscard]] const ByteVector& bytes() const noexcept { return bytes_; }

  [[nodiscard]] const std::string& name() const noexcept override { return name_; }
  [[nodiscard]] std::uint64_t size() const noexcept override { return bytes_.size(); }
  [[nodiscard]] FileIdentity identity() const noexcept override;
  [[nodiscard]] StorageFacts facts() const noexcept override { return {}; }
  [[nodiscard]] Result<std::size_t> read(std::uint64_t offset, MutableBytes into) const override;
  [[nodiscard]] Result<StoredRun> run_at(std::uint64_t offset, std::uint64_t end) const override;
  void will_need(Range) const noexcept override {}
  [[nodiscard]] int descriptor() const noexcept override { return -1; }

  [[nodiscard]] Result<void> write(std::uint64_t offset, Bytes bytes) override;
  [[nodiscard]] Result<void> zero(Range range) override;
  [[nodiscard]] Result<CloneAnswer> clone(const Storage& source, std::uint64_t source_offset, Range target) override;
  [[nodiscard]] std::uint64_t clone_unit() const noexcept override { return 512; }
  [[nodiscard]] Result<void> resize(std::uint64_t length) override;
  [[nodiscard]] Result<void> sync() override { return {}; }

 private:
  ByteVector bytes_;
  std::string name_;
};

}  // namespace qchain::test
