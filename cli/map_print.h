#pragma once

#include <iosfwd>

#include "qcow/chain/view.h"

namespace qchain::cli {

/// One line an extent: start, length, kind, offset, layer. Stops when `out` fails.
void print_map_text(std::ostream& out, const View& view);

/// An array with one object a line: the keys of `qemu-img map`, and ours. Stops when `out` fails.
void print_map_json(std::ostream& out, const View& view);

}  // namespace qchain::cli
