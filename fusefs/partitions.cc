#include "fusefs/partitions.h"

#include "fusefs/gpt.h"
#include "fusefs/mbr.h"

namespace qchain::fusefs {

Result<std::vector<Partition>> find_partitions(const DiskReader& disk) {
  const auto record = QC_TRY(read_boot_record(disk, 0));
  if (!record) {
    return {};
  }
  if (is_protective(*record)) {
    if (auto partitions = QC_TRY(read_gpt(disk))) {
      return *std::move(partitions);
    }
  }
  return read_mbr(disk, *record);
}

}  // namespace qchain::fusefs
