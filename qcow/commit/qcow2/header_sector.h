#pragma once

#include <array>
#include <cstdint>

#include "qcow/commit/qcow2/growing_file.h"
#include "qcow/format/limits.h"

namespace qchain::qcow2_base {

/// The first 512 bytes of the image. Every change of the header is one write of this sector, so a crash leaves all its
/// fields old or all new. Field offsets: the qcow2 specification, "Header".
class HeaderSector {
 public:
  explicit HeaderSector(GrowingFile& file) : file_(file) {}

  [[nodiscard]] Result<void> read() { return file_.read(0, bytes_); }

  void set_virtual_size(std::uint64_t size) noexcept { store_be(MutableBytes(bytes_), 24, size); }
  void set_l1(std::uint64_t offset, std::uint32_t entries) noexcept {
    store_be(MutableBytes(bytes_), 36, entries);
    store_be(MutableBytes(bytes_), 40, offset);
  }
  void set_refcount_table(std::uint64_t offset, std::uint32_t clusters) noexcept {
    store_be(MutableBytes(bytes_), 48, offset);
    store_be(MutableBytes(bytes_), 56, clusters);
  }
  /// Version 3 only.
  void set_autoclear(std::uint64_t bits) noexcept { store_be(MutableBytes(bytes_), 88, bits); }

  void replace(const std::array<std::byte, format::sector>& bytes) noexcept { bytes_ = bytes; }

  [[nodiscard]] Result<void> write() { return file_.write(0, bytes_); }

 private:
  GrowingFile& file_;
  std::array<std::byte, format::sector> bytes_{};
};

}  // namespace qchain::qcow2_base
