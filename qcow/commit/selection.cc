#include "qcow/commit/selection.h"

#include <fmt/format.h>

#include <algorithm>

namespace qchain {

Range Selection::hidden_tail() const {
  if (!overlay()) {
    return {};
  }
  const std::uint64_t seen = std::min(base_layer().image->size(), chain.layer(*overlay()).image->size());
  return range_between(top_layer().image->size(), seen);
}

Result<Selection> select_layers(const Chain& chain, const LayerChoice& choice) {
  const auto refuse = [&](std::string_view what, std::string_view advice) {
    return std::unexpected(make_error(ErrorKind::invalid_argument, what).in(chain.active().file).advise(advice));
  };
  if (choice.shallow && !choice.base.empty()) {
    return refuse("--shallow and --base both choose the base", "use one of them");
  }
  Selection selection{.chain = chain, .base = 0, .top = chain.depth() - 1};
  if (!choice.top.empty()) {
    selection.top = QC_TRY(chain.find(choice.top));
  }
  if (!choice.base.empty()) {
    selection.base = QC_TRY(chain.find(choice.base));
  } else if (choice.shallow && selection.top > 0) {
    selection.base = selection.top - 1;
  }
  if (selection.base == selection.top) {
    return refuse(chain.depth() == 1 ? "has no backing file: there is nothing to merge it into"
                                     : fmt::format("base and top are the same layer ({})", selection.top + 1),
                  "qchain info shows the chain");
  }
  if (selection.base > selection.top) {
    return refuse(fmt::format("base (layer {}) lies above top (layer {})", selection.base + 1, selection.top + 1),
                  "indexes count from the bottom: the base is 1");
  }
  return selection;
}

}  // namespace qchain
