#include "qcow/commit/qcow2/sector_table.h"

#include <algorithm>

#include "qcow/format/limits.h"

namespace qchain::qcow2_base {

SectorTable::SectorTable(std::vector<std::byte> bytes)
    : bytes_(std::move(bytes)), changed_((bytes_.size() + format::sector - 1) / format::sector) {}

MutableBytes SectorTable::edit(std::uint64_t offset, std::uint64_t length) noexcept {
  const std::uint64_t sector = offset / format::sector;
  if (!changed_[sector]) {
    changed_[sector] = true;
    ++changed_count_;
  }
  return MutableBytes(bytes_).subspan(offset, length);
}

Result<void> SectorTable::write_changed(GrowingFile& file, std::uint64_t place) {
  for (auto first = std::ranges::find(changed_, true); changed() && first != changed_.end();) {
    const auto last = std::find(first, changed_.end(), false);
    const auto start = static_cast<std::uint64_t>(first - changed_.begin()) * format::sector;
    const auto end = static_cast<std::uint64_t>(last - changed_.begin()) * format::sector;
    // A table may end inside a sector, and what follows it there is not ours to write.
    QC_TRY(file.write(place + start, bytes().subspan(start, std::min<std::uint64_t>(end, bytes_.size()) - start)));
    first = std::find(last, changed_.end(), true);
  }
  all_written();
  return {};
}

Result<void> SectorTable::write_all(GrowingFile& file, std::uint64_t place) {
  QC_TRY(file.write(place, bytes_));
  all_written();
  return {};
}

void SectorTable::all_written() noexcept {
  changed_.assign(changed_.size(), false);
  changed_count_ = 0;
}

}  // namespace qchain::qcow2_base
