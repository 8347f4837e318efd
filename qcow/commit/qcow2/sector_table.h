#pragma once

#include <cstdint>
#include <vector>

#include "qcow/commit/qcow2/growing_file.h"
#include "qcow/core/bytes.h"

namespace qchain::qcow2_base {

/// A table of metadata in memory which knows which of its 512-byte sectors differ from the file: only those are
/// written, since a sector is what a crash leaves old or new as a whole.
class SectorTable {
 public:
  /// As it is in the file.
  explicit SectorTable(std::vector<std::byte> bytes);

  [[nodiscard]] Bytes bytes() const noexcept { return bytes_; }
  [[nodiscard]] bool changed() const noexcept { return changed_count_ != 0; }
  [[nodiscard]] std::uint64_t load(std::uint64_t offset) const noexcept {
    return load_be<std::uint64_t>(bytes_, offset);
  }
  void store(std::uint64_t offset, std::uint64_t value) noexcept { store_be(edit(offset, sizeof value), 0, value); }
  /// `length` bytes from `offset` on (inside one sector), to be changed by the caller at once.
  [[nodiscard]] MutableBytes edit(std::uint64_t offset, std::uint64_t length) noexcept;

  /// Writes the changed sectors of the table that lies at `place` in `file`.
  [[nodiscard]] Result<void> write_changed(GrowingFile& file, std::uint64_t place);
  /// Writes all of it.
  [[nodiscard]] Result<void> write_all(GrowingFile& file, std::uint64_t place);

 private:
  void all_written() noexcept;

  std::vector<std::byte> bytes_;
  std::vector<bool> changed_;  ///< by sector
  std::size_t changed_count_ = 0;
};

}  // namespace qchain::qcow2_base
