#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <stop_token>

#include "qcow/chain/view.h"

namespace qchain {

struct CompareOptions {
  unsigned threads = 4;               ///< at least 1
  std::uint64_t length = UINT64_MAX;  ///< only guest bytes below this; the rest is not looked at
  /// Guest bytes looked at so far, of the longer view's size. Called by any of the threads, one at a time.
  std::function<void(std::uint64_t done, std::uint64_t total)> progress;
  std::stop_token stop;
};

/// How two disks differ. All numbers in guest bytes.
struct Comparison {
  std::optional<Range> first_difference;  ///< the first run of differing bytes; none: they read the same
  std::uint64_t different = 0;            ///< bytes that differ in all
  std::uint64_t compared = 0;             ///< bytes that were read and compared; the rest needed no reading

  [[nodiscard]] bool same() const noexcept { return different == 0; }
};

/// Compares what two views read as, with several threads. Ranges that are zeros on both sides, come from the same place
/// of the same file, or are blocks that two files share, need no reading. A view shorter than the other one reads as
/// zeros past its end, as `qemu-img compare` has it. Errors: io, corrupt (a range that can't be read), interrupted.
[[nodiscard]] Result<Comparison> compare(const View& left, const View& right, const CompareOptions& options = {});

}  // namespace qchain
