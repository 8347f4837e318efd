#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "qcow/chain/chain.h"
#include "qcow/check/image_check.h"
#include "qcow/storage/allowed_folders.h"

namespace qchain {

/// What a check found of one layer.
struct LayerCheck {
  std::size_t index = 0;  ///< 1 = bottom of the chain, or the lowest layer that can be opened
  std::string file;
  ImageFormat format = ImageFormat::raw;
  std::optional<ImageCheck> metadata;  ///< qcow2 only
  std::vector<Finding> about_chain;    ///< how it fits to the others; from its header; offsets are not set
};

struct ChainCheck {
  std::vector<LayerCheck> layers;  ///< active first
  std::optional<Error> below;      ///< why what lies under the lowest of them can't be opened

  [[nodiscard]] bool damaged() const;
  [[nodiscard]] std::uint64_t leaks() const;
};

/// What `qemu-img check` does not look at: that the chain is whole, sizes, a backing file changed after its overlay,
/// images elsewhere that hang on the layers (in the layers' folders), a commit left unfinished, dirty and corrupt bits.
/// All that needs a file to be opened, and none that is elsewhere than `allowed` says; reads only.
[[nodiscard]] ChainCheck check_surroundings(const PartialChain& opened, const AllowedFolders& allowed = {});

/// Adds what each layer's own metadata say. Opens nothing. Progress is in guest bytes of all qcow2 layers together.
/// Errors: interrupted, io.
[[nodiscard]] Result<void> check_metadata(const PartialChain& opened, const CheckOptions& options, ChainCheck& check);

}  // namespace qchain
