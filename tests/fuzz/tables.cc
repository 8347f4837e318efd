// Target: the tables of internal snapshots and of bitmaps, any bytes. Input: which table (1 byte), how many entries
// (2 bytes), then the table.
#include "qcow/format/tables.h"

#include <vector>

#include "qcow/format/bitmaps.h"
#include "tests/fuzz/input.h"

using namespace qchain;

namespace {

void try_snapshots(std::uint16_t count, Bytes table) {
  format::Header header;
  header.snapshot_count = count;
  const auto snapshots = format::parse_snapshots(header, table);
  if (!snapshots) {
    return;
  }
  fuzz::require(snapshots->size() == count, "as many snapshots as the header says");
  for (const auto& snapshot : *snapshots) {
    fuzz::require(snapshot.id.size() + snapshot.name.size() <= table.size(), "names come from the table");
  }
}

void try_bitmaps(std::uint16_t count, Bytes directory) {
  format::Header header;
  header.bitmaps = {.count = count, .directory_size = directory.size(), .directory_offset = 0};
  const auto bitmaps = format::parse_bitmaps(header, directory);
  if (!bitmaps) {
    return;
  }
  fuzz::require(bitmaps->size() == count, "as many bitmaps as the extension says");
  for (const auto& bitmap : *bitmaps) {
    fuzz::require(bitmap.name.size() <= format::max_bitmap_name, "bitmap name within the limits");
    fuzz::require(bitmap.granularity >= (1ULL << format::min_bitmap_granularity_bits) &&
                      bitmap.granularity <= (1ULL << format::max_bitmap_granularity_bits),
                  "granularity within the limits");
    fuzz::require(bitmap.table_entries <= format::max_bitmap_entries(header), "bitmap table within the limits");
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  fuzz::Input input(data, size);
  const bool snapshots = input.take<std::uint8_t>() % 2 == 0;
  const auto count = input.take<std::uint16_t>();
  if (snapshots) {
    try_snapshots(count, input.rest());
  } else {
    try_bitmaps(count, input.rest());
  }
  return 0;
}
