#pragma once

#include <memory>
#include <mutex>
#include <span>
#include <vector>

#include "qcow/storage/unique_fd.h"
#include "qcow/storage/write_ring.h"

namespace qchain {

/// Writes large pieces into a file past the page cache: half the CPU time, and what others have in it stays there.
/// Thread-safe for pieces that don't overlap.
class DirectWriter {
 public:
  /// The file behind `descriptor`, which is open for writing, opened once more. Null where it can't be written so.
  [[nodiscard]] static std::unique_ptr<DirectWriter> open(int descriptor);

  /// Whether a piece is in whole blocks, and large enough: small ones go faster through the cache, where neighbours
  /// come together.
  [[nodiscard]] static bool suits(const WritePiece& piece) noexcept;

  /// Writes pieces that suit. False: write them all again through the cache; that will do, or says what is wrong.
  [[nodiscard]] bool write(std::span<const WritePiece> pieces);

 private:
  explicit DirectWriter(UniqueFd file) noexcept : file_(std::move(file)) {}
  [[nodiscard]] std::unique_ptr<WriteRing> take_ring();
  [[nodiscard]] bool write_one_by_one(std::span<const WritePiece> pieces) const noexcept;

  UniqueFd file_;
  std::mutex mutex_;                                ///< guards all below
  std::vector<std::unique_ptr<WriteRing>> unused_;  ///< each thread that writes has one meanwhile
  bool may_have_rings_ = true;                      ///< until the system says no
};

}  // namespace qchain
