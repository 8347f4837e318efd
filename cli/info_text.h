#pragma once

#include <iosfwd>
#include <vector>

#include "cli/layer_facts.h"

namespace qchain::cli {

/// A table with one line a layer, then what there is to note of each.
void print_info_text(std::ostream& out, const InfoToPrint& info);

}  // namespace qchain::cli
