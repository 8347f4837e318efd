#pragma once

#include <cstdint>
#include <functional>
#include <iosfwd>

#include "cli/progress.h"
#include "qcow/check/chain_check.h"

namespace qchain::cli {

/// What a check found, for people: a table of the layers, then what there is to say of each.
void print_check_text(std::ostream& out, const ChainCheck& check);
/// For programs: an object; the counts of a layer have the keys of `qemu-img check`.
void print_check_json(std::ostream& out, const ChainCheck& check);

/// One bar for all layers of a chain: each counts as many parts as its L1 table has entries.
class LayersProgress {
 public:
  LayersProgress(const Chain& chain, Progress& progress);
  [[nodiscard]] std::function<void(std::uint64_t done, std::uint64_t total)> of_layer();

 private:
  Progress& progress_;
  std::uint64_t total_ = 0;
  std::uint64_t before_ = 0;  ///< of the layers that are done
};

}  // namespace qchain::cli
