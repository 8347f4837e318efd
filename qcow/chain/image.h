#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "qcow/chain/extent.h"
#include "qcow/core/error.h"
#include "qcow/format/bitmaps.h"
#include "qcow/format/header.h"
#include "qcow/format/tables.h"
#include "qcow/storage/storage.h"

namespace qchain {

enum class ImageFormat : std::uint8_t { raw, qcow2 };
[[nodiscard]] const char* name_of(ImageFormat format) noexcept;

/// One image by itself: which guest ranges it has, and where. Immutable and thread-safe after opening.
class Image {
 public:
  Image() = default;
  Image(const Image&) = delete;
  Image& operator=(const Image&) = delete;
  virtual ~Image() = default;

  [[nodiscard]] virtual ImageFormat format() const noexcept = 0;
  /// Guest bytes, a multiple of 512.
  [[nodiscard]] virtual std::uint64_t size() const noexcept = 0;
  /// Bytes; 0 for raw.
  [[nodiscard]] virtual std::uint64_t cluster_size() const noexcept = 0;
  /// The image file itself.
  [[nodiscard]] virtual const Storage& storage() const noexcept = 0;
  /// Where extents of kind data point: the image file, or its external data file.
  [[nodiscard]] virtual const Storage& data_storage() const noexcept = 0;

  /// Appends extents that cover a prefix of `range` without gaps (all of it, unless `limit` extents were appended
  /// first; then at least one). Kinds: data, compressed, zero, broken, and hole for what this image does not have.
  /// `range` is not empty and ends at or below size(). Metadata that can't be read gives broken extents, never an
  /// error.
  virtual void map(Range range, std::size_t limit, Extents& out) const = 0;

  /// A hint that map() is asked for `range` soon: the disk is asked for up to `most` bytes of the metadata that tell of
  /// it, those of its beginning first. The guest offset up to which that holds, past range.start or range.start where
  /// `most` is too little. May read a page of metadata itself. `range` as for map().
  [[nodiscard]] virtual std::uint64_t will_map(Range range, std::uint64_t /*most*/) const { return range.end(); }

  /// Guest bytes, at least 1, of which one access to the metadata tells: map() of two ranges that begin in the same
  /// unit (counted from 0) costs no less than map() of both and what lies between.
  [[nodiscard]] virtual std::uint64_t map_unit() const noexcept = 0;

  /// The whole guest cluster of a compressed extent, inflated into `cluster` (cluster_size() bytes).
  /// Errors: io, corrupt.
  [[nodiscard]] virtual Result<void> inflate(const Extent& extent, MutableBytes cluster) const = 0;

  /// The qcow2 header, or null for raw.
  [[nodiscard]] virtual const format::Header* header() const noexcept { return nullptr; }
  [[nodiscard]] virtual Result<std::vector<format::Snapshot>> snapshots() const { return {}; }
  [[nodiscard]] virtual Result<std::vector<format::Bitmap>> bitmaps() const { return {}; }
};

using SharedImage = std::shared_ptr<const Image>;

}  // namespace qchain
