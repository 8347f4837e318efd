#pragma once

#include <cstdint>
#include <mutex>

#include "qcow/core/range.h"

namespace qchain::fusefs {

/// Tells whether an open file is read from front to back, and what to fetch ahead then. A sequential reader of the view
/// is a random reader of the layers' files, so their own read-ahead doesn't see it. Thread-safe: requests of one reader
/// arrive on several threads, a little out of order.
class ReadAhead {
 public:
  static constexpr std::uint64_t distance = std::uint64_t{4} << 20;  ///< bytes fetched ahead of the reader
  static constexpr std::uint64_t slack = std::uint64_t{2} << 20;     ///< bytes by which requests may be out of order
  static constexpr std::uint32_t run_length = 3;                     ///< requests in a row that make a stream

  /// What to fetch now; empty ranges: nothing.
  struct Fetch {
    Range request;  ///< the request itself, or nothing of it: it was fetched ahead
    Range ahead;    ///< always past the request, in steps of a quarter of `distance` at least; none twice in a stream
  };
  /// Notes a request that ends at or below `limit`.
  [[nodiscard]] Fetch next(Range request, std::uint64_t limit);

 private:
  std::mutex mutex_;
  std::uint64_t front_ = 0;  ///< end of the furthest request of the run
  Range fetched_;            ///< ahead, in this run
  std::uint32_t run_ = 0;    ///< requests in a row
};

}  // namespace qchain::fusefs
