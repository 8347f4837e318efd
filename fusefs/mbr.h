#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <vector>

#include "fusefs/partitions.h"

namespace qchain::fusefs {

inline constexpr std::uint64_t mbr_sector = 512;  ///< unit of all numbers in a boot record

struct BootEntry {
  std::uint8_t type = 0;  ///< 0: unused
  std::uint64_t first = 0;
  std::uint64_t sectors = 0;
  [[nodiscard]] bool used() const noexcept { return type != 0 && sectors != 0; }
  [[nodiscard]] bool extended() const noexcept { return type == 0x05 || type == 0x0f || type == 0x85; }
};
using BootRecord = std::array<BootEntry, 4>;

/// The master boot record in the sector at `offset` of the disk; nothing if there is none: no signature,
/// past the end, or a status byte other than 0x00 and 0x80 (a file system's boot sector has code there).
[[nodiscard]] Result<std::optional<BootRecord>> read_boot_record(const DiskReader& disk, std::uint64_t offset);

/// An entry says that the disk has a GPT.
[[nodiscard]] bool is_protective(const BootRecord& record) noexcept;

/// Primary and logical partitions under the master boot record.
[[nodiscard]] Result<std::vector<Partition>> read_mbr(const DiskReader& disk, const BootRecord& record);

}  // namespace qchain::fusefs
