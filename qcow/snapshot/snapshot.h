#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "qcow/chain/chain.h"
#include "qcow/storage/output_file.h"

namespace qchain {

/// An external snapshot: `image` stays as it is from now on, what is written goes to `overlay`.
struct SnapshotRequest {
  std::string image;                  ///< a relative path gives a relative name in the overlay's header
  std::optional<ImageFormat> format;  ///< of `image`; else recognised
  std::string overlay;                ///< may hold any bytes but NUL
  std::optional<std::uint64_t> size;  ///< guest bytes, rounded up to a sector; else those of `image`
  std::uint32_t cluster_bits = 16;    ///< 9 to 21
  Existing existing = Existing::refuse;
};

/// What the header of the new overlay says.
struct SnapshotReport {
  std::uint64_t size = 0;          ///< guest bytes
  std::uint64_t cluster_size = 0;  ///< bytes
  std::string backing_name;
  ImageFormat backing_format = ImageFormat::raw;
};

/// Makes an empty qcow2 overlay on top of `image`. It has its name only when it is whole and durable; where it replaces
/// a file, that stays as it was until then. Opens the chain under `image` with locks, and holds them until the end.
/// Errors: those of Chain::open() and OutputFile; locked, where anybody has a layer open for writing (a guest's QEMU
/// has to make the snapshot itself); refused (`overlay` belongs to the chain, is a block device or a symbolic link; a
/// commit into a layer is unfinished); limit (size, length of the name).
[[nodiscard]] Result<SnapshotReport> take_snapshot(const SnapshotRequest& request);

}  // namespace qchain
