#pragma once

#include <cstddef>
#include <memory>
#include <mutex>
#include <vector>

#include "qcow/chain/view.h"

namespace qchain::fusefs {

using SharedView = std::shared_ptr<const View>;

/// The views of a slice, one for each layer in it, made when first asked for. The slice's own view stays; that of a
/// lower layer lives as long as somebody holds it, so that 1,000 layers don't mean 1,000 views. Thread-safe.
class Views {
 public:
  Views(Slice slice, ViewCaches caches);

  [[nodiscard]] const Slice& slice() const noexcept { return whole_->slice(); }
  /// The view from the slice's base up to the layer at position `top` of the chain, base <= top <= slice.top.
  [[nodiscard]] SharedView up_to(std::size_t top);

 private:
  ViewCaches caches_;
  SharedView whole_;
  std::mutex mutex_;
  std::vector<std::weak_ptr<const View>> lower_;  ///< by position above the slice's base; guarded by mutex_
};

}  // namespace qchain::fusefs
