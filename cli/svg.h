#pragma once

#include <cstdint>
#include <iosfwd>
#include <string>
#include <vector>

namespace qchain::cli {

/// One colour of a picture and what it means; without a label it is not in the legend.
struct Swatch {
  std::string color;  ///< as SVG wants it
  std::string label;
};

/// One row of cells, left to right; a cell is an index into the picture's swatches, 0 = nothing there.
struct PictureRow {
  std::string label;
  std::uint16_t swatch = 0;  ///< colour of the small square before the label; 0 = none
  double extent = 1;         ///< share of the picture's width that exists at all, 0 … 1
  std::vector<std::uint16_t> cells;
};

/// Rows of cells over one axis of bytes.
struct Picture {
  std::string title;
  std::uint64_t size = 0;        ///< bytes that the width stands for
  std::vector<Swatch> swatches;  ///< the first one stands for nothing: the ground of the rows
  std::vector<PictureRow> rows;  ///< top to bottom; the last one is set apart
};

/// Draws the picture. The size of the result grows with rows x cells, not with `size`.
void write_svg(std::ostream& out, const Picture& picture);

}  // namespace qchain::cli
