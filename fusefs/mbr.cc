#include "fusefs/mbr.h"

#include <algorithm>
#include <set>
#include <span>

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

enum class StatusByte : std::uint8_t { must_fit, ignored };

std::optional<BootRecord> decode_record(Bytes sector, StatusByte status) {
  if (sector[510] != std::byte{0x55} || sector[511] != std::byte{0xaa}) {
    return std::nullopt;
  }
  BootRecord record;
  for (std::size_t i = 0; i < record.size(); ++i) {
    const Bytes entry = sector.subspan(table_offset + i * entry_size, entry_size);
    if (status == StatusByte::must_fit && (entry[0] & std::byte{0x7f}) != std::byte{0}) {
      return std::nullopt;
    }
    record[i] = decode_entry(entry);
  }
  return record;
}

Result<std::optional<BootRecord>> read_record(const DiskReader& disk, std::uint64_t offset, StatusByte status) {
  if (!fits(offset, mbr_sector, disk.size)) {
    return std::nullopt;
  }
  std::array<std::byte, mbr_sector> sector{};
  if (auto read = disk.read(offset, sector); !read) {
    return std::unexpected(std::move(read).error());
  }
  return decode_record(sector, status);
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

/// The logical partitions that one record of the list names; the third and the fourth entry may hold anything.
void add_logical(const BootRecord& record, std::uint64_t here, std::uint32_t& number, const DiskReader& disk,
                 std::vector<Partition>& out) {
  for (const BootEntry& entry : std::span(record).first<2>()) {
    if (entry.used() && !entry.extended()) {
      add(out, number++, bytes_of(entry, here), disk.size);
    }
  }
}

// Links of the list are relative to the extended partition, logical partitions to the record that names them. As Linux
// has it: the list need not be in the order of the disk, and a record without a partition takes no number.
Result<void> follow_list(const DiskReader& disk, const BootEntry& extended, std::vector<Partition>& out) {
  std::uint32_t number = first_logical_number;
  std::set<std::uint64_t> seen;
  for (std::uint64_t here = extended.first; seen.size() < max_logical && seen.insert(here).second;) {
    const auto record = QC_TRY(read_record(disk, here * mbr_sector, StatusByte::ignored));
    if (!record) {
      return {};
    }
    add_logical(*record, here, number, disk, out);
    const auto* const onward =
        std::ranges::find_if(*record, [](const BootEntry& entry) { return entry.used() && entry.extended(); });
    if (onward == record->end()) {
      return {};
    }
    here = extended.first + onward->first;
  }
  return {};
}

}  // namespace

Result<std::optional<BootRecord>> read_boot_record(const DiskReader& disk, std::uint64_t offset) {
  return read_record(disk, offset, StatusByte::must_fit);
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
    if (auto done = follow_list(disk, *extended, partitions); !done) {
      return std::unexpected(std::move(done).error());
    }
  }
  return partitions;
}

}  // namespace qchain::fusefs
