#pragma once

#include <cstdint>
#include <functional>
#include <future>
#include <map>
#include <mutex>
#include <optional>

#include "fusefs/tree.h"
#include "qcow/chain/view.h"

namespace qchain::fusefs {

/// Guest bytes of `range` that some layer stores, packed or not. Walks all extents: seconds for a huge full disk.
[[nodiscard]] std::uint64_t count_stored(const View& view, Range range);

/// Remembers a count for each file: it is costly, and never changes. Thread-safe; two who ask for the same file at once
/// make one count.
class StoredBytes {
 public:
  /// What is known without counting.
  [[nodiscard]] std::optional<std::uint64_t> known(Inode inode) const;
  /// What is known, else what `count` says.
  [[nodiscard]] std::uint64_t of(Inode inode, const std::function<std::uint64_t()>& count);

 private:
  mutable std::mutex mutex_;
  std::map<Inode, std::shared_future<std::uint64_t>> counts_;  ///< guarded by mutex_
};

}  // namespace qchain::fusefs
