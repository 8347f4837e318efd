#pragma once

#include <cstdint>
#include <map>
#include <mutex>
#include <optional>
#include <vector>

#include "fusefs/remembered.h"
#include "fusefs/tree.h"
#include "fusefs/views.h"

namespace qchain::fusefs {

/// Guest bytes of `range` that some layer stores, packed or not. Walks all extents: seconds for a huge full disk.
[[nodiscard]] std::uint64_t count_stored(const View& view, Range range);

/// The stored bytes behind each file of a mount, counted when first asked for. The files of layers/ are counted
/// together, as who asks for one mostly asks for all. Thread-safe.
class StoredBytes {
 public:
  explicit StoredBytes(Views& views) : views_(views) {}

  /// What is known of a file without counting.
  [[nodiscard]] std::optional<std::uint64_t> known(const Node& file);
  [[nodiscard]] std::uint64_t of(const Node& file);

 private:
  [[nodiscard]] Remembered<std::uint64_t>& own(Inode inode);

  Views& views_;
  Remembered<std::vector<std::uint64_t>> layers_;  ///< by position above the slice's base
  std::mutex mutex_;
  std::map<Inode, Remembered<std::uint64_t>> others_;  ///< entries are made under mutex_, and stay
};

}  // namespace qchain::fusefs
