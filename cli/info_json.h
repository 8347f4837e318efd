#pragma once

#include <iosfwd>
#include <vector>

#include "cli/layer_facts.h"

namespace qchain::cli {

/// An array with one object a layer, active first: the keys of `qemu-img info --backing-chain`, and ours.
void print_info_json(std::ostream& out, const InfoToPrint& info);

}  // namespace qchain::cli
