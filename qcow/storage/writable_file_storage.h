#pragma once

#include <atomic>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

#include "qcow/storage/direct_writer.h"
#include "qcow/storage/file_storage.h"
#include "qcow/storage/writable_storage.h"

namespace qchain {

/// A regular file or a block device, written in place.
class WritableFileStorage final : public WritableStorage {
 public:
  /// Takes a descriptor open for reading and writing. `name` is for messages. Errors: io; refused, where it is neither
  /// a regular file nor a block device.
  [[nodiscard]] static Result<SharedWritable> adopt(UniqueFd fd, std::string name);

  [[nodiscard]] const std::string& name() const noexcept override { return file_.name(); }
  /// Bytes, now.
  [[nodiscard]] std::uint64_t size() const noexcept override { return size_.load(std::memory_order_relaxed); }
  [[nodiscard]] FileIdentity identity() const noexcept override { return opened_->identity(); }
  /// As they were when it was opened.
  [[nodiscard]] StorageFacts facts() const noexcept override { return opened_->facts(); }
  [[nodiscard]] Result<std::size_t> read(std::uint64_t offset, MutableBytes into) const override;
  [[nodiscard]] Result<StoredRun> run_at(std::uint64_t offset, std::uint64_t end) const override;
  void will_need(Range range) const noexcept override { opened_->will_need(range); }
  [[nodiscard]] int descriptor() const noexcept override { return file_.descriptor(); }

  [[nodiscard]] Result<void> write(std::uint64_t offset, Bytes bytes) override;
  [[nodiscard]] Result<void> write_all(std::span<const WritePiece> pieces) override;
  [[nodiscard]] Result<void> zero(Range range) override;
  [[nodiscard]] Result<CloneAnswer> clone(const Storage& source, std::uint64_t source_offset, Range target) override;
  void forget_cached(Range range) const noexcept override;
  [[nodiscard]] std::uint64_t clone_unit() const noexcept override { return file_.clone_unit(); }
  [[nodiscard]] std::optional<std::uint64_t> pieces_in(Range range) const override { return file_.pieces_in(range); }
  [[nodiscard]] Result<void> resize(std::uint64_t length) override;
  [[nodiscard]] Result<void> sync() override { return file_.sync(); }

 private:
  WritableFileStorage(WritableFile file, std::shared_ptr<const FileStorage> opened)
      : file_(std::move(file)), opened_(std::move(opened)), size_(opened_->size()) {}
  void grown_to(std::uint64_t end) noexcept;
  [[nodiscard]] DirectWriter* direct_writer();
  [[nodiscard]] bool has_space(Range range);

  WritableFile file_;
  std::shared_ptr<const FileStorage> opened_;  ///< the same open file, as it was: its size and facts do not follow
  std::atomic<std::uint64_t> size_;
  std::mutex mutex_;                                     ///< guards all below
  std::optional<std::unique_ptr<DirectWriter>> direct_;  ///< made when it is first wanted; null: can't be had
  Range with_space_;                                     ///< found last
};

}  // namespace qchain
