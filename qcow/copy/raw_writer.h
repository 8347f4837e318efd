#pragma once

#include <memory>

#include "qcow/copy/image_writer.h"

namespace qchain {

/// Guest bytes at their own offsets, in a new file.
class RawWriter final : public ImageWriter {
 public:
  /// `file` is empty and outlives the writer. It gets its size at once. Errors: io, no_space.
  [[nodiscard]] static Result<std::unique_ptr<ImageWriter>> create(const WritableFile& file, std::uint64_t guest_size);

  [[nodiscard]] const WritableFile& file() const noexcept override { return file_; }
  [[nodiscard]] bool takes_any_order() const noexcept override { return true; }
  [[nodiscard]] Result<Placement> place(Range guest) override { return Placement{guest.start, guest.length}; }
  [[nodiscard]] Result<void> zero(Range) override { return {}; }
  [[nodiscard]] bool takes_clones() const noexcept override { return true; }
  [[nodiscard]] Result<void> finish() override { return {}; }

 private:
  explicit RawWriter(const WritableFile& file) noexcept : file_(file) {}
  const WritableFile& file_;
};

/// Guest bytes at their own offsets on a block device, whose old content must go. What lies past the guest's end stays.
class DeviceWriter final : public ImageWriter {
 public:
  /// `file` outlives the writer. Errors: refused where the device is smaller than the guest's disk.
  [[nodiscard]] static Result<std::unique_ptr<ImageWriter>> create(const WritableFile& file, std::uint64_t device_size,
                                                                   std::uint64_t guest_size);

  [[nodiscard]] const WritableFile& file() const noexcept override { return file_; }
  [[nodiscard]] bool takes_any_order() const noexcept override { return true; }
  [[nodiscard]] Result<Placement> place(Range guest) override { return Placement{guest.start, guest.length}; }
  [[nodiscard]] Result<void> zero(Range guest) override { return file_.zero(guest); }
  [[nodiscard]] bool takes_clones() const noexcept override { return false; }
  [[nodiscard]] Result<void> finish() override { return {}; }

 private:
  explicit DeviceWriter(const WritableFile& file) noexcept : file_(file) {}
  const WritableFile& file_;
};

}  // namespace qchain
