#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>

#include "qcow/chain/view.h"

namespace qchain::fusefs {

/// The extents ahead of where an open file was last sought in. Who walks a sparse file from data to hole to data has
/// each part of the view resolved once, however large and deep it is. Thread-safe.
class Horizon {
 public:
  /// What is resolved at once: some 80 KiB for an open file at the most.
  static constexpr std::size_t extents_ahead = 1024;

  /// The extent that holds `offset`, from there on; ends at `end` at the latest. offset < end <= view.size().
  [[nodiscard]] Extent extent_at(const View& view, std::uint64_t offset, std::uint64_t end);

 private:
  using SharedExtents = std::shared_ptr<const Extents>;
  [[nodiscard]] SharedExtents around(const View& view, std::uint64_t offset, std::uint64_t end);

  std::mutex mutex_;
  SharedExtents known_;  ///< ascending, without gaps; guarded by mutex_
};

}  // namespace qchain::fusefs
