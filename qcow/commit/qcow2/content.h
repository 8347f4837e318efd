#pragma once

#include <cstdint>

#include "qcow/commit/qcow2/growing_file.h"
#include "qcow/core/bytes.h"
#include "qcow/storage/storage.h"

namespace qchain::qcow2_base {

/// What a guest range is to hold: bytes, zeros, or the blocks of another file.
class Content {
 public:
  [[nodiscard]] static Content of(Bytes bytes) noexcept {
    Content content(Kind::bytes);
    content.bytes_ = bytes;
    return content;
  }
  [[nodiscard]] static Content zeros() noexcept { return Content(Kind::zeros); }
  /// `source` outlives it.
  [[nodiscard]] static Content blocks_of(const Storage& source, std::uint64_t offset) noexcept {
    Content content(Kind::blocks);
    content.source_ = &source;
    content.offset_ = offset;
    return content;
  }

  /// Puts the part from `position` on to `target`. Only blocks may turn out to be impossible.
  [[nodiscard]] Result<CloneAnswer> put(std::uint64_t position, GrowingFile& file, Range target) const;

 private:
  enum class Kind : std::uint8_t { bytes, zeros, blocks };
  explicit Content(Kind kind) noexcept : kind_(kind) {}

  Kind kind_;
  Bytes bytes_;
  const Storage* source_ = nullptr;
  std::uint64_t offset_ = 0;
};

}  // namespace qchain::qcow2_base
