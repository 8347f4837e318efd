#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "qcow/core/bytes.h"
#include "qcow/core/range.h"

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
  std::string digest;           ///< XXH3-128 over each run's data bytes, place and kind: 32 hexadecimal digits
  friend bool operator==(const MergedContent&, const MergedContent&) = default;
};

/// Digest of what a commit moved. Ranges are added in ascending order, however they were cut.
class MergedDigest {
 public:
  MergedDigest();
  ~MergedDigest();
  MergedDigest(const MergedDigest&) = delete;
  MergedDigest& operator=(const MergedDigest&) = delete;

  void add_data(Range range, Bytes bytes);
  void add_zero(Range range);
  /// Over all that was added; nothing where that were more runs than a record should hold (max_runs).
  [[nodiscard]] std::optional<MergedContent> finish();

  static constexpr std::size_t max_runs = std::size_t{1} << 20;

 private:
  void extend(Range range, bool zero);
  void close_run();

  struct State;
  std::unique_ptr<State> state_;
  std::vector<MergedRun> runs_;
  bool too_many_ = false;
};

}  // namespace qchain
