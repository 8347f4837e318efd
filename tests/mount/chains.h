#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "tests/support/bytes_of.h"
#include "tests/support/seed.h"
#include "tests/support/temp_dir.h"

namespace qchain::test {

/// A chain on disk, bottom first.
struct ChainFiles {
  std::vector<std::string> layers;  ///< absolute
  [[nodiscard]] const std::string& top() const { return layers.back(); }
};

/// Four layers with all that borders can be made of: a raw base of odd length with holes, an overlay of 4 KiB clusters,
/// a short one with compressed clusters, a longer one with subclusters; random writes of all kinds in each.
[[nodiscard]] ChainFiles make_mixed_chain(const TempDir& dir, Random& random);

/// A raw base of `size` bytes that tell their place, under one empty overlay.
[[nodiscard]] ChainFiles make_plain_chain(const TempDir& dir, std::uint64_t size);

/// `depth` qcow2 layers of 64 KiB clusters and 64 MiB each, all empty but the bottom, which is written at its start.
[[nodiscard]] ChainFiles make_deep_chain(const TempDir& dir, std::size_t depth);

/// Runs of data and holes of a raw reader, as qemu-img map sees them: starts and ends in turn, beginning with data.
struct DataRun {
  std::uint64_t start = 0;
  std::uint64_t end = 0;
  friend bool operator==(const DataRun&, const DataRun&) = default;
};
[[nodiscard]] std::vector<DataRun> qemu_data_runs(const std::string& image);

}  // namespace qchain::test
