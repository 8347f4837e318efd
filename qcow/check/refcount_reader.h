#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "qcow/core/error.h"
#include "qcow/format/header.h"
#include "qcow/storage/storage.h"

namespace qchain {

/// The refcounts that a qcow2 file records. Memory: the refcount table (8 MiB at most) and 256 KiB. Not thread-safe.
class RefcountReader {
 public:
  /// Reads the table. Errors: io. `header` and `storage` outlive the reader.
  [[nodiscard]] static Result<RefcountReader> open(const format::Header& header, const Storage& storage);

  /// Entries of the table, as they are.
  [[nodiscard]] const std::vector<std::uint64_t>& table() const noexcept { return table_; }
  [[nodiscard]] std::uint64_t block_offset(std::uint64_t index) const noexcept {
    return index < table_.size() ? table_[index] & offset_mask : 0;
  }
  /// Clusters that one refcount block is about; a power of two, at least 64.
  [[nodiscard]] std::uint64_t block_entries() const noexcept;
  [[nodiscard]] std::uint64_t highest() const noexcept;

  /// The refcount of a cluster; 0 where there is none. Errors: corrupt (its block can't be where it should), io.
  [[nodiscard]] Result<std::uint64_t> get(std::uint64_t cluster);

  static constexpr std::uint64_t offset_mask = ~std::uint64_t{511};

 private:
  /// A part of a refcount block, as it is in the file.
  struct Piece {
    static constexpr std::size_t size = 4096;
    std::uint64_t offset = UINT64_MAX;
    std::array<std::byte, size> bytes{};
  };
  static constexpr std::size_t pieces = 64;

  RefcountReader(const format::Header& header, const Storage& storage) noexcept
      : header_(&header), storage_(&storage), cache_(pieces) {}
  [[nodiscard]] Result<const Piece*> piece_at(std::uint64_t offset);

  const format::Header* header_;
  const Storage* storage_;
  std::vector<std::uint64_t> table_;
  std::vector<Piece> cache_;  ///< by offset, modulo its size
};

}  // namespace qchain
