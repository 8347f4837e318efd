#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "qcow/chain/chain.h"

namespace qchain {

/// Which layers a user wants merged. Names as Chain::find() takes them; empty: the default.
struct LayerChoice {
  std::string base;      ///< default: the bottom of the chain, or with `shallow` the layer just under the top
  std::string top;       ///< default: the active image
  bool shallow = false;  ///< excludes `base`
};

/// The layers of a commit, by position in the chain.
struct Selection {
  Chain chain;
  std::size_t base = 0;
  std::size_t top = 0;  ///< above base

  /// The layers that are merged: above base, up to top.
  [[nodiscard]] Slice above() const { return {.chain = chain, .base = base + 1, .top = top}; }
  /// The image whose backing file becomes base; none where the top is the active image.
  [[nodiscard]] std::optional<std::size_t> overlay() const {
    return top + 1 < chain.depth() ? std::optional(top + 1) : std::nullopt;
  }
  /// Guest bytes of a longer base that a shorter top hides from the overlay above, where they read as zeros: they must
  /// be zeros in the base before the overlay is backed by it. Empty without an overlay: then nobody looks there.
  [[nodiscard]] Range hidden_tail() const;
  [[nodiscard]] const Layer& base_layer() const { return chain.layer(base); }
  [[nodiscard]] const Layer& top_layer() const { return chain.layer(top); }
};

/// Errors: invalid_argument (unknown layer, nothing above the base, contradicting choices).
[[nodiscard]] Result<Selection> select_layers(const Chain& chain, const LayerChoice& choice);

}  // namespace qchain
