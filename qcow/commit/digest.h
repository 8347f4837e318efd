#pragma once

#include <optional>
#include <string>
#include <vector>

#include "qcow/core/bytes.h"
#include "qcow/core/range.h"
#include "qcow/verify/sector_sum.h"

namespace qchain {

/// A run of guest bytes that a commit gave the base.
struct MergedRun {
  Range range;
  bool zero = false;  ///< zeros, else data
  friend bool operator==(const MergedRun&, const MergedRun&) = default;
};

/// What a commit moved, so that it can be checked later without the layers.
struct MergedContent {
  std::vector<MergedRun> runs;  ///< ascending; neighbours of one kind are one run
  std::string digest;           ///< the SectorSum of all runs' data
  /// Guest bytes in all runs.
  [[nodiscard]] std::uint64_t bytes() const noexcept;
  friend bool operator==(const MergedContent&, const MergedContent&) = default;
};

/// Digest of what a commit moved. Runs are noted in ascending order, however they were cut; their bytes may come in any
/// order.
class MergedDigest {
 public:
  void note_data(Range range) { extend(range, false); }
  void note_zero(Range range) { extend(range, true); }
  /// Bytes of noted data. `sum`: sectors of it.
  void add(const SectorSum& sum) noexcept { sum_.add(sum); }
  void add(std::uint64_t offset, Bytes bytes) { sum_.add(offset, bytes); }
  /// Over all that was added; nothing where that were more runs than a record should hold (max_runs).
  [[nodiscard]] std::optional<MergedContent> finish();

  static constexpr std::size_t max_runs = std::size_t{1} << 20;

 private:
  void extend(Range range, bool zero);

  SectorSum sum_;
  std::vector<MergedRun> runs_;
  bool too_many_ = false;
};

}  // namespace qchain
