#include "tests/mount/partition_builder.h"

#include <zlib.h>

#include <cstring>

namespace qchain::test {
namespace {

std::uint32_t crc(Bytes bytes) {
  return static_cast<std::uint32_t>(
      crc32(0, reinterpret_cast<const unsigned char*>(bytes.data()), static_cast<unsigned>(bytes.size())));
}

}  // namespace

void PartitionBuilder::boot_record(std::uint64_t sector, const std::vector<MbrEntry>& entries) {
  const std::uint64_t start = sector * 512;
  for (std::size_t i = 0; i < entries.size(); ++i) {
    const std::uint64_t at = start + 446 + 16 * i;
    put(at, entries[i].status);
    put(at + 4, entries[i].type);
    put(at + 8, entries[i].first);
    put(at + 12, entries[i].sectors);
  }
  put<std::uint16_t>(start + 510, 0xaa55);
}

void PartitionBuilder::gpt(GptPlace place, const std::vector<GptEntry>& entries) {
  const std::uint64_t table = place.table_lba * place.sector;
  for (std::size_t i = 0; i < entries.size(); ++i) {
    put(table + i * 128, entries[i].type);
    put(table + i * 128 + 32, entries[i].first);
    put(table + i * 128 + 40, entries[i].last);
  }
  const std::uint64_t header = place.header_lba * place.sector;
  std::memcpy(bytes.data() + header, "EFI PART", 8);
  put<std::uint32_t>(header + 8, 0x10000);
  put<std::uint32_t>(header + 12, 92);
  put(header + 24, place.header_lba);
  put(header + 72, place.table_lba);
  put(header + 80, static_cast<std::uint32_t>(entries.size()));
  put<std::uint32_t>(header + 84, 128);
  put(header + 88, crc(Bytes(bytes).subspan(table, entries.size() * 128)));
  seal(place);
}

void PartitionBuilder::seal(GptPlace place) {
  const std::uint64_t header = place.header_lba * place.sector;
  put<std::uint32_t>(header + 16, 0);
  put(header + 16, crc(Bytes(bytes).subspan(header, 92)));
}

fusefs::DiskReader PartitionBuilder::reader() const {
  return {bytes.size(), [this](std::uint64_t offset, MutableBytes into) -> Result<void> {
            if (!fits(offset, into.size(), bytes.size())) {
              return fail(ErrorKind::io, "asked past the end of the disk");
            }
            std::memcpy(into.data(), bytes.data() + offset, into.size());
            return {};
          }};
}

}  // namespace qchain::test
