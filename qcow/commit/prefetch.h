#pragma once

#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <thread>

#include "qcow/chain/view.h"

namespace qchain {

/// Has the stored bytes of a view read into the page cache ahead of the one who walks it in guest order, in the order
/// in which they lie in the files. An overlay's clusters lie in the order in which they were written: by guest offset
/// they would be read in small pieces from all over the file. Hints only: nothing depends on them.
class Prefetch {
 public:
  /// Stored bytes asked for at once. At most two windows are ahead of the walk.
  static constexpr std::uint64_t window = std::uint64_t{256} << 20;

  /// Begins at guest offset `start` (at most its size). `view` outlives it.
  Prefetch(const View& view, std::uint64_t start);
  ~Prefetch();
  Prefetch(const Prefetch&) = delete;
  Prefetch& operator=(const Prefetch&) = delete;

  /// The walk has come to this guest offset. Called by one thread, ascending.
  void reached(std::uint64_t position);

 private:
  void work(std::uint64_t start, const std::stop_token& stop);
  [[nodiscard]] bool wait_for(std::uint64_t position, const std::stop_token& stop);

  const View& view_;
  std::mutex mutex_;  ///< guards reached_
  std::condition_variable_any changed_;
  std::uint64_t reached_;
  std::jthread thread_;  ///< last: it uses all of the above
};

}  // namespace qchain
