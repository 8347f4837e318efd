#pragma once

#include <cstdint>
#include <vector>

#include "fusefs/partitions.h"
#include "tests/support/bytes_of.h"

namespace qchain::test {

/// A disk in memory on which partition tables are written by hand, byte by byte as the standards say.
class PartitionBuilder {
 public:
  explicit PartitionBuilder(std::size_t size) : bytes(size) {}

  struct MbrEntry {
    std::uint8_t type = 0;
    std::uint32_t first = 0;
    std::uint32_t sectors = 0;
    std::uint8_t status = 0;
  };
  /// A boot record in sector `sector` with these entries, from the first slot on.
  void boot_record(std::uint64_t sector, const std::vector<MbrEntry>& entries);

  struct GptEntry {
    std::uint64_t first = 0;
    std::uint64_t last = 0;
    std::uint8_t type = 1;  ///< 0: unused
  };
  struct GptPlace {
    std::uint64_t header_lba = 1;
    std::uint64_t table_lba = 2;
    std::uint64_t sector = 512;
  };
  /// A header and a table of 128-byte entries with right checksums.
  void gpt(GptPlace place, const std::vector<GptEntry>& entries);

  template <typename T>
  void put(std::uint64_t offset, T value) {
    for (std::size_t i = 0; i < sizeof value; ++i) {
      bytes.at(offset + i) = static_cast<std::byte>(value >> (8 * i));
    }
  }
  /// Sets the checksum of a GPT header again after a change to it.
  void seal(GptPlace place);

  [[nodiscard]] fusefs::DiskReader reader() const;

  ByteVector bytes;
};

}  // namespace qchain::test
