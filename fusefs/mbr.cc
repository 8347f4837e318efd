#include "fusefs/mbr.h"

#include <algorithm>

namespace qchain::fusefs {
namespace {

constexpr std::size_t table_offset = 446;
constexpr std::size_t entry_size = 16;
constexpr std::size_t max_logical = 128;
constexpr std::uint32_t first_logical_number = 5;
constexpr std::uint8_t protective_type = 0xee;

std::uint64_t load_le32(Bytes bytes, std::size_t offset) {
  std::uint64_t value = 0;
  for (std::size_t i = 4; i > 0; --i) {
    value = value << 8 | static_cast<std::uint64_t>(bytes[offset + i - 1]);
  }
  return value;
}

BootEntry decode_entry(Bytes entry) {
  return {static_cast<std::uint8_t>(entry[4]), load_le32(entry, 8), load_le32(entry, 12)};
}

std::optional<BootRecord> decode_record(Bytes sector) {
  if (sector[510] != std::byte{0x55} || sector[511] != std::byte{0xaa}) {
    return std::nullopt;
  }
  BootRecord record;
  for (std::size_t i = 0; i < record.size(); ++i) {
    const Bytes entry = sector.subspan(table_offset + i * entry_size, entry_size);
    if ((entry[0] & std::byte{0x7f}) != std::byte{0}) {
      return std::nullopt;
    }
    record[i] = decode_entry(entry);
  }
  return record;
}

// 32-bit sector numbers: nothing here can overflow 64 bits.
Range bytes_of(const BootEntry& entry, std::uint64_t origin) {
  return {(origin + entry.first) * mbr_sector, entry.sectors * mbr_sector};
}

void add(std::vector<Partition>& out, std::uint32_t number, Range range, std::uint64_t disk_size) {
  const Range inside = intersect(range, {0, disk_size});
  if (!inside.empty() && inside.start != 0) {
    out.push_back({number, inside});
  }
}

// Links of the list are relative to the extended partition, logical partitions to the record that names them.
Result<void> add_logical(const DiskReader& disk, const BootEntry& extended, std::vector<Partition>& out) {
  std::uint64_t next = 0;
  for (std::size_t link = 0; link < max_logical; ++link) {
    const std::uint64_t here = extended.first + next;
    const auto record = QC_TRY(read_boot_record(disk, here * mbr_sector));
    if (!record) {
      return {};
    }
    const BootEntry& logical = (*record)[0];
    if (logical.used() && !logical.extended()) {
      add(out, first_logical_number + static_cast<std::uint32_t>(link), bytes_of(logical, here), disk.size);
    }
    const BootEntry& onward = (*record)[1];
    if (!onward.used() || !onward.extended() || onward.first <= next) {
      return {};
    }
    next = onward.first;
  }
  return {};
}

}  // namespace

Result<std::optional<BootRecord>> read_boot_record(const DiskReader& disk, std::uint64_t offset) {
  if (!fits(offset, mbr_sector, disk.size)) {
    return std::nullopt;
  }
  std::array<std::byte, mbr_sector> sector{};
  if (auto read = disk.read(offset, sector); !read) {
    return std::unexpected(std::move(read).error());
  }
  return decode_record(sector);
}

bool is_protective(const BootRecord& record) noexcept {
  return std::ranges::any_of(record, [](const BootEntry& entry) { return entry.type == protective_type; });
}

Result<std::vector<Partition>> read_mbr(const DiskReader& disk, const BootRecord& record) {
  std::vector<Partition> partitions;
  for (std::uint32_t i = 0; i < record.size(); ++i) {
    if (record[i].used() && !record[i].extended() && record[i].type != protective_type) {
      add(partitions, i + 1, bytes_of(record[i], 0), disk.size);
    }
  }
  const auto* const extended =
      std::ranges::find_if(record, [](const BootEntry& entry) { return entry.used() && entry.extended(); });
  if (extended != record.end()) {
    if (auto done = add_logical(disk, *extended, partitions); !done) {
      return std::unexpected(std::move(done).error());
    }
  }
  return partitions;
}

}  // namespace qchain::fusefs
