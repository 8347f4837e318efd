#pragma once

#include <condition_variable>
#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <optional>
#include <thread>
#include <vector>

#include "qcow/chain/view.h"

namespace qchain {

/// Reads ranges of a view with several threads, ahead of the one that wants them, and gives them back in the order they
/// were asked for. One thread asks and takes. Memory: `depth` buffers of the largest range.
class OrderedReader {
 public:
  /// `view` outlives the reader; `threads` and `depth` are at least 1.
  OrderedReader(const View& view, unsigned threads, std::size_t depth);
  ~OrderedReader();
  OrderedReader(const OrderedReader&) = delete;
  OrderedReader& operator=(const OrderedReader&) = delete;

  /// Whether ask() may be called before the next take().
  [[nodiscard]] bool has_room() const noexcept { return pending_.size() < depth_; }
  [[nodiscard]] bool empty() const noexcept { return pending_.empty(); }

  /// Starts the reading of a range inside the view. Only while has_room().
  void ask(Range range);

  /// The oldest range asked for, with its bytes, which stay valid until the next ask() or take(). Only while not
  /// empty().
  struct Taken {
    Range range;
    Bytes bytes;
  };
  [[nodiscard]] Result<Taken> take();

 private:
  struct Job {
    Range range;
    std::vector<std::byte> bytes;
    Result<void> outcome;
    bool done = false;
  };

  void work(const std::stop_token& stop);

  const View& view_;
  std::size_t depth_;
  std::deque<std::unique_ptr<Job>> pending_;  ///< in the order asked; used by the asking thread alone
  std::vector<std::unique_ptr<Job>> spare_;   ///< with their buffers; the last one is lent to the taker
  std::mutex mutex_;                          ///< guards queue_ and Job::done
  std::condition_variable_any changed_;
  std::deque<Job*> queue_;
  std::vector<std::jthread> threads_;  ///< last: they use all of the above
};

}  // namespace qchain
