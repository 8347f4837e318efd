#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "tests/oracle/recipe.h"

namespace qchain::test {

/// How an overlay's header names its backing file.
enum class Naming : std::uint8_t { absolute, relative, file_prefix, json };

struct MadeLayer {
  std::string file;        ///< relative to the chain's folder
  std::string format;      ///< "raw" or "qcow2"
  std::uint64_t size = 0;  ///< guest bytes that the recipe asked for
  std::uint64_t cluster = 0;
  Naming naming = Naming::absolute;
};

/// A chain of real files, bottom first.
struct MadeChain {
  std::string folder;
  std::vector<MadeLayer> layers;
  Recipe recipe;
  [[nodiscard]] std::string path(std::size_t position) const { return folder + "/" + layers[position].file; }
};

/// An overlay that the chain is to have next.
struct OverlayWish {
  std::string image;  ///< absolute, or relative to the process's folder
  std::string image_format;
  std::string overlay;
  std::uint64_t size = 0;
  std::uint64_t cluster = 0;
};
/// Makes one; throws where it can't.
using OverlayMaker = std::function<void(const OverlayWish&)>;

/// Makes a chain in `folder` with qemu-img and qemu-io. All that it does depends on `seed` alone: formats, options,
/// sizes, names and guest writes over every feature that qchain reads. Throws std::runtime_error when QEMU does not
/// do what the recipe expects. `maker`: makes some of the overlays, those without special features, instead of
/// qemu-img.
[[nodiscard]] MadeChain make_random_chain(const std::string& folder, std::uint64_t seed,
                                          const OverlayMaker& maker = {});

}  // namespace qchain::test
