#pragma once

#include <iosfwd>

#include "qcow/check/chain_check.h"

namespace qchain::cli {

/// What a check found, for people: a table of the layers, then what there is to say of each.
void print_check_text(std::ostream& out, const ChainCheck& check);
/// For programs: an object; the counts of a layer have the keys of `qemu-img check`.
void print_check_json(std::ostream& out, const ChainCheck& check);

}  // namespace qchain::cli
