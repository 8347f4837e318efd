#include "cli/raster.h"

#include <algorithm>

namespace qchain::cli {

__extension__ using Wide = unsigned __int128;  // a size times a number of cells

std::uint64_t Raster::border(std::size_t cell) const noexcept {
  return static_cast<std::uint64_t>(Wide{size_} * cell / cells_.size());
}

std::size_t Raster::cell_of(std::uint64_t offset) const noexcept {
  auto cell = static_cast<std::size_t>(Wide{offset} * cells_.size() / size_);
  while (cell + 1 < cells_.size() && border(cell + 1) <= offset) {
    ++cell;
  }
  return cell;
}

void Raster::close_cell() {
  const auto bytes = [](const auto& entry) { return entry.second; };
  if (const auto most = std::ranges::max_element(tally_, {}, bytes); most != tally_.end()) {
    cells_[current_] = most->first;
  }
  tally_.clear();
}

void Raster::add(Range range, std::uint16_t value) {
  if (value == 0 || range.empty()) {
    return;
  }
  for (std::size_t cell = cell_of(range.start); cell < cells_.size() && border(cell) < range.end(); ++cell) {
    if (cell != current_) {
      close_cell();
      current_ = cell;
    }
    tally_[value] += intersect(range, range_between(border(cell), border(cell + 1))).length;
  }
}

std::vector<std::uint16_t> Raster::finish() {
  close_cell();
  return std::move(cells_);
}

}  // namespace qchain::cli
