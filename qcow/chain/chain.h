#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "qcow/chain/image.h"
#include "qcow/core/error.h"
#include "qcow/storage/gate.h"

namespace qchain {

/// One image of a chain, with the name the chain gives it.
struct Layer {
  std::string file;                              ///< path it was opened by; may hold any bytes
  std::optional<std::string> backing_reference;  ///< what its header says of the layer below, as written
  SharedImage image;
};

/// What is done about the backing file of the image that a user names.
enum class Below : std::uint8_t {
  opened,    ///< it is opened, with all that lies under it
  left_out,  ///< the image alone: what it does not have reads as zeros
};

struct ChainOptions {
  std::optional<ImageFormat> format;  ///< of the image named by the user; else recognised by its magic
  std::size_t max_depth = 8192;       ///< layers; more is refused
  Below below = Below::opened;
};

struct PartialChain;

/// A chain of images from the bottom up. Immutable and thread-safe; copies cost nothing, they share the layers.
class Chain {
 public:
  /// Opens `image` and all that lies under it. Errors name the image at fault: not_found, loop, limit,
  /// missing_format, and all that Gate and the format give.
  [[nodiscard]] static Result<Chain> open(const std::string& image, Gate& gate, const ChainOptions& options = {});

  /// The same, but of a chain that is broken further down what lies above the break. Errors: only those of `image`
  /// itself.
  [[nodiscard]] static Result<PartialChain> open_what_can_be(const std::string& image, Gate& gate,
                                                             const ChainOptions& options = {});

  /// For tests and callers that have the images: bottom first, at least one.
  explicit Chain(std::vector<Layer> layers) : layers_(std::make_shared<const std::vector<Layer>>(std::move(layers))) {}

  [[nodiscard]] std::size_t depth() const noexcept { return layers_->size(); }
  /// `position` counts from the bottom, 0 first; the index that users see is position + 1.
  [[nodiscard]] const Layer& layer(std::size_t position) const { return (*layers_)[position]; }
  [[nodiscard]] const Layer& active() const { return layers_->back(); }
  /// Whether the lowest layer's header names a backing file that was not opened: what no layer has is then unknown, and
  /// reads as zeros.
  [[nodiscard]] bool is_cut_off() const { return layers_->front().backing_reference.has_value(); }

  /// Position of the layer that a user names: by file (as the chain names it, or any path to the same file), or by
  /// index: `3`, `[3]`, `vda[3]`. Errors: invalid_argument, with what there is or could be meant.
  [[nodiscard]] Result<std::size_t> find(std::string_view name) const;

 private:
  std::shared_ptr<const std::vector<Layer>> layers_;  ///< shared: a mount holds a slice for each of 1,000 layers
};

struct PartialChain {
  Chain chain;
  std::optional<Error> below;  ///< why what lies under the lowest layer can't be opened; nothing: all is there
};

/// The layers from `base` up to `top`, by position, both included.
struct Slice {
  Chain chain;
  std::size_t base = 0;
  std::size_t top = 0;

  /// Empty names mean bottom and active layer. Errors: invalid_argument (unknown, or base above top).
  [[nodiscard]] static Result<Slice> of(const Chain& chain, std::string_view base, std::string_view top);

  /// Virtual size of the view: that of the top layer. Bytes.
  [[nodiscard]] std::uint64_t size() const { return chain.layer(top).image->size(); }
};

}  // namespace qchain
