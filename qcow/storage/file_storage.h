#pragma once

#include <memory>
#include <string>

#include "qcow/storage/storage.h"
#include "qcow/storage/unique_fd.h"

namespace qchain {

/// Reads from `offset` on until `into` is full or the file ends. Retries EINTR and short reads. Errors: io.
[[nodiscard]] Result<std::size_t> read_at(int fd, const std::string& name, std::uint64_t offset, MutableBytes into);

/// The error of a reader that finds less than there was when the file was opened. `offset`: the first byte missing.
[[nodiscard]] std::unexpected<Error> became_shorter(const std::string& name, std::uint64_t offset);

/// A regular file or a block device, read by pread. Thread-safe. What a file has lost since it was opened is an error,
/// not zeros: what is gone must not pass for what a guest wrote.
class FileStorage final : public Storage {
 public:
  /// Takes a descriptor open for reading. `name` is for messages only. Errors: io; refused where it is neither a
  /// regular file nor a block device.
  [[nodiscard]] static Result<std::shared_ptr<const FileStorage>> adopt(UniqueFd fd, std::string name);

  [[nodiscard]] const std::string& name() const noexcept override { return name_; }
  [[nodiscard]] std::uint64_t size() const noexcept override { return size_; }
  [[nodiscard]] FileIdentity identity() const noexcept override { return identity_; }
  [[nodiscard]] StorageFacts facts() const noexcept override { return facts_; }
  [[nodiscard]] Result<std::size_t> read(std::uint64_t offset, MutableBytes into) const override;
  [[nodiscard]] bool read_without_waiting(std::uint64_t offset, MutableBytes into) const noexcept override;
  [[nodiscard]] Result<StoredRun> run_at(std::uint64_t offset, std::uint64_t end) const override;
  void will_need(Range range) const noexcept override;
  [[nodiscard]] bool is_in_memory(Range range) const noexcept override;
  [[nodiscard]] bool is_on_disk_only(Range range) const noexcept override;
  [[nodiscard]] int descriptor() const noexcept override { return fd_.get(); }
  [[nodiscard]] SharedStorage past_cache() const override;

 private:
  FileStorage(UniqueFd fd, std::string name) noexcept : fd_(std::move(fd)), name_(std::move(name)) {}

  UniqueFd fd_;
  std::string name_;
  std::uint64_t size_ = 0;
  FileIdentity identity_;
  StorageFacts facts_;
  bool is_regular_ = false;  ///< else a block device, which is all data
};

}  // namespace qchain
