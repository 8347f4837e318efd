#pragma once

#include <cstdint>
#include <functional>
#include <vector>

#include "qcow/core/bytes.h"
#include "qcow/core/error.h"
#include "qcow/core/range.h"

namespace qchain::fusefs {

/// A partition, by the number that Linux gives it.
struct Partition {
  std::uint32_t number = 0;  ///< GPT: entry + 1. MBR: 1..4, logical ones from 5 on
  Range range;               ///< bytes of the disk, not empty, inside it
  friend bool operator==(const Partition&, const Partition&) = default;
};

/// Fills the buffer from `offset` of the disk on; only asked for what lies inside the disk.
using ReadDisk = std::function<Result<void>(std::uint64_t offset, MutableBytes into)>;

/// A disk whose partition table is looked for.
struct DiskReader {
  std::uint64_t size = 0;  ///< bytes
  ReadDisk read;
};

/// The partitions of a disk by its GPT, else by its MBR with logical partitions; none if it has neither. The table is
/// untrusted: what lies outside the disk is left out or cut, a damaged GPT falls back to its copy at the disk's end,
/// numbers of entries are bounded (128 logical, 1,024 in a GPT). An extended partition itself is not listed, only what
/// it holds. Errors: those of `read`.
[[nodiscard]] Result<std::vector<Partition>> find_partitions(const DiskReader& disk);

}  // namespace qchain::fusefs
