#pragma once

#include <cstdint>
#include <map>
#include <vector>

#include "qcow/core/range.h"

namespace qchain::cli {

/// Sums up runs of bytes into a fixed number of cells: each cell gets the value that most of its bytes have. Value 0
/// means nothing, and wins only where nothing else is: a lone cluster in a terabyte stays visible.
class Raster {
 public:
  /// `size` bytes over `cells` cells; cells is at least 1 and at most `size`, unless that is 0.
  Raster(std::uint64_t size, std::size_t cells) : size_(size), cells_(cells, 0) {}

  /// Runs come in ascending order, inside [0, size).
  void add(Range range, std::uint16_t value);

  /// The cells, after the last run.
  [[nodiscard]] std::vector<std::uint16_t> finish();

 private:
  [[nodiscard]] std::uint64_t border(std::size_t cell) const noexcept;
  [[nodiscard]] std::size_t cell_of(std::uint64_t offset) const noexcept;
  void close_cell();

  std::uint64_t size_;
  std::vector<std::uint16_t> cells_;
  std::size_t current_ = 0;
  std::map<std::uint16_t, std::uint64_t> tally_;  ///< bytes in the current cell by value
};

}  // namespace qchain::cli
