#include "cli/raster.h"

#include <gtest/gtest.h>

namespace qchain::cli {
namespace {

using Cells = std::vector<std::uint16_t>;

TEST(Raster, a_cell_gets_the_value_of_most_bytes) {
  Raster raster(100, 2);
  raster.add({0, 10}, 1);
  raster.add({10, 30}, 2);
  raster.add({60, 21}, 1);
  raster.add({81, 19}, 2);
  EXPECT_EQ(raster.finish(), (Cells{2, 1}));
}

TEST(Raster, one_byte_of_something_is_not_lost_among_nothing) {
  Raster raster(std::uint64_t{1} << 62, 4);
  raster.add({0, std::uint64_t{1} << 61}, 0);
  raster.add({std::uint64_t{3} << 60, 1}, 5);
  raster.add({(std::uint64_t{3} << 60) + 1, 1 << 30}, 0);
  EXPECT_EQ(raster.finish(), (Cells{0, 0, 0, 5}));
}

TEST(Raster, a_run_over_many_cells_fills_them_up_to_its_last_byte) {
  Raster raster(1000, 10);
  raster.add({150, 451}, 3);
  EXPECT_EQ(raster.finish(), (Cells{0, 3, 3, 3, 3, 3, 3, 0, 0, 0}));
}

TEST(Raster, every_byte_falls_into_the_cell_of_its_share) {
  // 7 cells over 23 bytes: borders are not whole.
  for (std::uint64_t at = 0; at < 23; ++at) {
    Raster raster(23, 7);
    raster.add({at, 1}, 1);
    const Cells cells = raster.finish();
    std::size_t expected = 0;
    while ((expected + 1) * 23 / 7 <= at) {
      ++expected;
    }
    EXPECT_EQ(cells[expected], 1) << at;
  }
}

TEST(Raster, an_empty_disk_has_one_empty_cell) {
  EXPECT_EQ(Raster(0, 1).finish(), Cells{0});
}

}  // namespace
}  // namespace qchain::cli
