#pragma once

#include <cstddef>
#include <functional>
#include <string>

#include "qcow/core/range.h"

namespace qchain {

/// Guest bytes that no layer could give; the output reads as zeros there.
struct LostRange {
  Range guest;
  std::size_t layer = 0;  ///< position in the chain
  std::string reason;     ///< without the image's name
};
/// Called for each, by several threads but one at a time, in no order.
using LossReport = std::function<void(const LostRange& lost)>;

}  // namespace qchain
