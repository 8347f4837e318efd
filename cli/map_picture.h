#pragma once

#include "cli/svg.h"
#include "qcow/chain/view.h"

namespace qchain::cli {

/// The slice as a picture: a row a layer, the top first, with what that layer itself holds, and below them the view,
/// each part in the colour of the layer that gives it.
[[nodiscard]] Picture picture_of(const View& view);

}  // namespace qchain::cli
