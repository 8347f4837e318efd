#include "fusefs/gpt.h"

#include <zlib.h>

#include <array>
#include <cstring>

namespace qchain::fusefs {
namespace {

constexpr std::uint32_t min_header_size = 92;
constexpr std::uint32_t max_entries = 1024;
constexpr std::uint32_t min_entry_size = 128;
constexpr std::uint32_t max_entry_size = 4096;
constexpr std::uint64_t max_table_bytes = std::uint64_t{1} << 20;
constexpr std::size_t crc_offset = 16;

template <typename T>
T load_le(Bytes bytes, std::size_t offset) {
  T value = 0;
  for (std::size_t i = sizeof(T); i > 0; --i) {
    value = static_cast<T>(value << 8 | static_cast<T>(bytes[offset + i - 1]));
  }
  return value;
}

std::uint32_t checksum(Bytes bytes) {
  return static_cast<std::uint32_t>(
      crc32(0, reinterpret_cast<const unsigned char*>(bytes.data()), static_cast<unsigned>(bytes.size())));
}

struct GptHeader {
  std::uint64_t table_lba = 0;
  std::uint32_t entries = 0;
  std::uint32_t entry_size = 0;
  std::uint32_t table_checksum = 0;
};

bool header_checksum_fits(std::vector<std::byte> sector, std::uint32_t header_size) {
  const auto stored = load_le<std::uint32_t>(sector, crc_offset);
  std::memset(sector.data() + crc_offset, 0, sizeof stored);
  return checksum(Bytes(sector).first(header_size)) == stored;
}

bool in_bounds(const GptHeader& header) {
  return header.entries <= max_entries && header.entry_size >= min_entry_size && header.entry_size <= max_entry_size &&
         is_aligned(header.entry_size, 8) && std::uint64_t{header.entries} * header.entry_size <= max_table_bytes;
}

std::optional<GptHeader> decode_header(const std::vector<std::byte>& sector, std::uint64_t lba) {
  constexpr std::array signature{'E', 'F', 'I', ' ', 'P', 'A', 'R', 'T'};
  const Bytes bytes = sector;
  const auto size = load_le<std::uint32_t>(bytes, 12);
  if (std::memcmp(bytes.data(), signature.data(), signature.size()) != 0 || size < min_header_size ||
      size > bytes.size() || load_le<std::uint64_t>(bytes, 24) != lba || !header_checksum_fits(sector, size)) {
    return std::nullopt;
  }
  const GptHeader header{load_le<std::uint64_t>(bytes, 72), load_le<std::uint32_t>(bytes, 80),
                         load_le<std::uint32_t>(bytes, 84), load_le<std::uint32_t>(bytes, 88)};
  return in_bounds(header) ? std::optional(header) : std::nullopt;
}

/// A run of sectors as bytes, cut at the end of the disk; nothing when it starts past it or ends before it starts.
std::optional<Range> sectors(std::uint64_t first, std::uint64_t last, std::uint64_t sector, std::uint64_t disk_size) {
  const std::uint64_t disk_sectors = disk_size / sector;
  if (first == 0 || first > last || first >= disk_sectors) {
    return std::nullopt;
  }
  return range_between(first * sector, std::min(last, disk_sectors - 1) * sector + sector);
}

std::vector<Partition> decode_table(const GptHeader& header, Bytes table, std::uint64_t sector, std::uint64_t size) {
  std::vector<Partition> partitions;
  for (std::uint32_t i = 0; i < header.entries; ++i) {
    const Bytes entry = table.subspan(std::size_t{i} * header.entry_size, header.entry_size);
    if (is_zero(entry.first(16))) {
      continue;  // no type: unused
    }
    if (const auto range =
            sectors(load_le<std::uint64_t>(entry, 32), load_le<std::uint64_t>(entry, 40), sector, size)) {
      partitions.push_back({i + 1, *range});
    }
  }
  return partitions;
}

using MaybePartitions = std::optional<std::vector<Partition>>;

Result<MaybePartitions> read_table(const DiskReader& disk, const GptHeader& header, std::uint64_t sector) {
  const std::uint64_t length = std::uint64_t{header.entries} * header.entry_size;
  if (header.table_lba > disk.size / sector || !fits(header.table_lba * sector, length, disk.size)) {
    return std::nullopt;
  }
  std::vector<std::byte> table(length);
  if (auto read = disk.read(header.table_lba * sector, table); !read) {
    return std::unexpected(std::move(read).error());
  }
  if (checksum(table) != header.table_checksum) {
    return std::nullopt;
  }
  return decode_table(header, table, sector, disk.size);
}

Result<MaybePartitions> read_at(const DiskReader& disk, std::uint64_t lba, std::uint64_t sector) {
  if (!fits(lba * sector, sector, disk.size)) {
    return std::nullopt;
  }
  std::vector<std::byte> bytes(sector);
  if (auto read = disk.read(lba * sector, bytes); !read) {
    return std::unexpected(std::move(read).error());
  }
  const auto header = decode_header(bytes, lba);
  if (!header) {
    return std::nullopt;
  }
  return read_table(disk, *header, sector);
}

}  // namespace

Result<MaybePartitions> read_gpt(const DiskReader& disk) {
  for (const std::uint64_t sector : {std::uint64_t{512}, std::uint64_t{4096}}) {
    if (disk.size < 2 * sector) {
      continue;
    }
    for (const std::uint64_t lba : {std::uint64_t{1}, disk.size / sector - 1}) {
      if (auto partitions = QC_TRY(read_at(disk, lba, sector))) {
        return partitions;
      }
    }
  }
  return std::nullopt;
}

}  // namespace qchain::fusefs
