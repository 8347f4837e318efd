#pragma once

#include "qcow/commit/base_writer.h"
#include "qcow/storage/writable_storage.h"

namespace qchain {

/// A raw base: guest bytes are the file's bytes, zeros are holes.
class RawBase final : public BaseWriter {
 public:
  explicit RawBase(SharedWritable storage) : storage_(std::move(storage)) {}

  [[nodiscard]] std::uint64_t size() const noexcept override;
  [[nodiscard]] Result<void> grow(std::uint64_t size) override;
  [[nodiscard]] Result<void> write(std::uint64_t guest_offset, Bytes bytes) override;
  [[nodiscard]] Result<CloneAnswer> clone(const Storage& source, std::uint64_t source_offset, Range guest) override;
  [[nodiscard]] Result<void> zero(Range guest) override;
  [[nodiscard]] Result<void> flush() override { return storage_->sync(); }

 private:
  SharedWritable storage_;
  bool may_share_ = true;  ///< until the file system says that it can't
};

}  // namespace qchain
