#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "qcow/core/bytes.h"
#include "qcow/core/error.h"
#include "qcow/format/header.h"

namespace qchain::format {

/// An internal snapshot, as its table entry says.
struct Snapshot {
  std::string id;    ///< any bytes
  std::string name;  ///< any bytes
  std::uint64_t l1_offset = 0;
  std::uint32_t l1_entries = 0;
  std::uint64_t date_seconds = 0;
  std::uint32_t date_nanoseconds = 0;
  std::uint64_t vm_clock_nanoseconds = 0;
  std::uint64_t vm_state_size = 0;  ///< bytes
  std::uint64_t virtual_size = 0;   ///< bytes; the image's own where the entry does not say
  std::uint32_t extra_size = 0;     ///< bytes of extra data in its entry
  std::uint64_t entry_end = 0;      ///< where its entry ends, in bytes from the table's start
};

/// Extra data that an entry of a version 3 image has at least.
inline constexpr std::uint32_t snapshot_extra_of_version_3 = 16;  // bytes

/// Parses `header.snapshot_count` entries. `table`: the image's bytes from header.snapshots_offset on, as many as there
/// are up to max_snapshot_table_bytes; where the file ends early the entries read as zeros, as in QEMU. The snapshots'
/// own L1 tables are not checked here. Errors: limit.
[[nodiscard]] Result<std::vector<Snapshot>> parse_snapshots(const Header& header, Bytes table);

/// Whether the snapshot's L1 table is where one can be, and no larger than one may be.
[[nodiscard]] bool has_possible_l1(const Header& header, const Snapshot& snapshot) noexcept;

}  // namespace qchain::format
