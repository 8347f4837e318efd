#pragma once

#include "qcow/commit/base_writer.h"
#include "qcow/storage/writable_storage.h"

namespace qchain {

/// A raw base: guest bytes are the file's bytes, zeros are holes.
class RawBase final : public BaseWriter {
 public:
  explicit RawBase(SharedWritable storage) : storage_(std::move(storage)), block_(storage_->clone_unit()) {}

  [[nodiscard]] std::uint64_t size() const noexcept override;
  [[nodiscard]] Result<void> grow(std::uint64_t size) override;
  [[nodiscard]] Result<void> write(std::uint64_t guest_offset, Bytes bytes) override;
  [[nodiscard]] Result<void> write_all(std::span<const WritePiece> pieces) override {
    return storage_->write_all(pieces);
  }
  [[nodiscard]] bool takes_any_order() const noexcept override { return true; }
  [[nodiscard]] Result<CloneAnswer> clone(const Storage& source, std::uint64_t source_offset, Range guest) override;
  [[nodiscard]] std::uint64_t sharing_unit(const Storage& source) const noexcept override;
  [[nodiscard]] Result<CloneAnswer> clone_all(std::span<const SharedRun> runs) override;
  [[nodiscard]] Result<void> zero(Range guest) override;
  [[nodiscard]] Result<void> flush() override { return storage_->sync(); }

 private:
  void forget_cached(std::span<const SharedRun> runs);
  [[nodiscard]] bool is_in_fewer_pieces_than(std::span<const SharedRun> runs) const;
  [[nodiscard]] Result<void> make_room(std::span<const SharedRun> runs);

  SharedWritable storage_;
  std::uint64_t block_;  ///< bytes; of the file system
};

}  // namespace qchain
