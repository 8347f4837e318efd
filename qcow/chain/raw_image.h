#pragma once

#include "qcow/chain/image.h"

namespace qchain {

/// A raw image: the file's bytes, padded with zeros to a sector, as QEMU shows it. Holes of the file are holes.
class RawImage final : public Image {
 public:
  explicit RawImage(SharedStorage storage);

  [[nodiscard]] ImageFormat format() const noexcept override { return ImageFormat::raw; }
  [[nodiscard]] std::uint64_t size() const noexcept override { return size_; }
  [[nodiscard]] std::uint64_t cluster_size() const noexcept override { return 0; }
  [[nodiscard]] const Storage& storage() const noexcept override { return *storage_; }
  [[nodiscard]] const Storage& data_storage() const noexcept override { return *storage_; }
  void map(Range range, std::size_t limit, Extents& out) const override;
  /// As a qcow2 image of the usual cluster size: near gaps are seldom worth two looks for holes.
  [[nodiscard]] std::uint64_t map_unit() const noexcept override { return std::uint64_t{32} << 20; }
  /// Never asked for: a raw image has no compressed extents.
  [[nodiscard]] Result<void> inflate(const Extent& extent, MutableBytes cluster) const override;

 private:
  SharedStorage storage_;
  std::uint64_t size_;
};

}  // namespace qchain
