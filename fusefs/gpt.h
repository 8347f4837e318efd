#pragma once

#include <optional>
#include <vector>

#include "fusefs/partitions.h"

namespace qchain::fusefs {

/// The partitions of a disk's GUID partition table (UEFI specification, chapter 5), with sectors of 512 or 4,096 bytes;
/// the primary one, or the copy at the end of the disk. Nothing where neither passes its checksums.
[[nodiscard]] Result<std::optional<std::vector<Partition>>> read_gpt(const DiskReader& disk);

}  // namespace qchain::fusefs
