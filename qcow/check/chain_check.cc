#include "qcow/check/chain_check.h"

#include <fmt/format.h>

#include <algorithm>
#include <tuple>
#include <utility>

#include "qcow/commit/find_record.h"
#include "qcow/commit/siblings.h"

namespace qchain {
namespace {

void tell(LayerCheck& layer, Severity severity, std::string what) {
  layer.about_chain.push_back({severity, std::move(what), {}});
}

void check_flags(const Layer& layer, LayerCheck& check) {
  const format::Header* header = layer.image->header();
  if (header == nullptr) {
    return;
  }
  if (header->has(format::Incompatible::corrupt)) {
    tell(check, Severity::damage, "is marked corrupt: qemu-img check -r all repairs it");
  }
  if (header->has(format::Incompatible::dirty)) {
    tell(check, Severity::notice, "is marked dirty: it was not closed properly, its refcounts may be behind");
  }
}

/// A layer shorter than the one above reads as zeros behind its end, and hides what lies deeper.
void check_size(const Chain& chain, std::size_t position, LayerCheck& check) {
  const std::uint64_t size = chain.layer(position).image->size();
  if (position + 1 == chain.depth() || chain.layer(position + 1).image->size() <= size) {
    return;
  }
  const std::uint64_t missing = chain.layer(position + 1).image->size() - size;
  std::uint64_t deepest = 0;
  for (std::size_t below = 0; below < position; ++below) {
    deepest = std::max(deepest, chain.layer(below).image->size());
  }
  if (deepest > size) {
    tell(check, Severity::notice,
         fmt::format("is {} bytes shorter than the layer above: it hides what deeper layers have there", missing));
  } else {
    tell(check, Severity::notice,
         fmt::format("is {} bytes shorter than the layer above, which reads as zeros there", missing));
  }
}

auto time_of(const Layer& layer) {
  const StorageFacts facts = layer.image->storage().facts();
  return std::tuple(facts.modified_seconds, facts.modified_nanoseconds);
}

void check_commit(const Chain& chain, std::size_t position, LayerCheck& check) {
  const auto found = record_of_layer(chain, position);
  if (found && found->record.state < CommitState::done) {
    tell(check, Severity::notice,
         fmt::format("a commit into it is unfinished ({}): the same qchain commit again goes on",
                     name_of(found->record.state)));
    return;
  }
  const bool has_overlay = position + 1 < chain.depth();
  if (!found && has_overlay && time_of(chain.layer(position)) > time_of(chain.layer(position + 1))) {
    tell(check, Severity::notice,
         "was changed after the layer above: if a guest wrote to it, all above reads a mixture of both");
  }
}

LayerCheck layer_check(const Chain& chain, std::size_t position) {
  const Layer& layer = chain.layer(position);
  LayerCheck check{
      .index = position + 1, .file = layer.file, .format = layer.image->format(), .metadata = {}, .about_chain = {}};
  check_flags(layer, check);
  check_size(chain, position, check);
  check_commit(chain, position, check);
  return check;
}

/// One pass over the folders, whatever the depth.
void check_siblings(const Chain& chain, const AllowedFolders& allowed, std::vector<LayerCheck>& layers) {
  const Selection all{.chain = chain, .base = 0, .top = chain.depth() - 1};
  for (const Sibling& sibling : find_siblings(all, folders_of(all), allowed)) {
    LayerCheck& check = layers[chain.depth() - 1 - sibling.hangs_on];
    const bool is_top = sibling.hangs_on + 1 == chain.depth();
    tell(check, Severity::notice,
         is_top
             ? fmt::format("is the backing file of '{}': it must not be written", sibling.file)
             : fmt::format("'{}' hangs on it too: a commit into it or below it would break that image", sibling.file));
  }
}

/// Says of the layers one after the other how far they are together. Outlives the checks that it gives options for.
class ProgressOfAll {
 public:
  ProgressOfAll(const Chain& chain, const CheckOptions& options) : options_(options) {
    for (std::size_t i = 0; i < chain.depth(); ++i) {
      total_ = sum(total_, chain.layer(i).image->header() != nullptr ? chain.layer(i).image->size() : 0);
    }
  }

  [[nodiscard]] CheckOptions of_next(const Image& image) {
    before_ = sum(before_, std::exchange(size_, image.size()));
    CheckOptions options = options_;
    if (options_.progress) {
      options.progress = [this](std::uint64_t done, std::uint64_t) {
        done_ = std::max(done_, sum(before_, done));  // an image of very many clusters is gone through again
        options_.progress(std::min(done_, total_), total_);
      };
    }
    return options;
  }

  /// The last of them may be cut off.
  void finish() const {
    if (options_.progress) {
      options_.progress(total_, total_);
    }
  }

 private:
  /// Of sizes just below 2^63 there may be many.
  static std::uint64_t sum(std::uint64_t a, std::uint64_t b) noexcept { return a + std::min(b, UINT64_MAX - a); }

  const CheckOptions& options_;
  std::uint64_t total_ = 0;
  std::uint64_t before_ = 0;  ///< of the layers that are done
  std::uint64_t size_ = 0;    ///< of the one at hand
  std::uint64_t done_ = 0;
};

}  // namespace

bool ChainCheck::damaged() const {
  return below.has_value() || std::ranges::any_of(layers, [](const LayerCheck& layer) {
           return (layer.metadata && layer.metadata->damaged()) ||
                  std::ranges::any_of(layer.about_chain,
                                      [](const Finding& finding) { return finding.severity == Severity::damage; });
         });
}

std::uint64_t ChainCheck::leaks() const {
  std::uint64_t sum = 0;
  for (const LayerCheck& layer : layers) {
    sum += layer.metadata ? layer.metadata->leaks : 0;
  }
  return sum;
}

ChainCheck check_surroundings(const PartialChain& opened, const AllowedFolders& allowed) {
  const Chain& chain = opened.chain;
  ChainCheck result;
  result.below = opened.below;
  for (std::size_t position = chain.depth(); position-- > 0;) {
    result.layers.push_back(layer_check(chain, position));
  }
  check_siblings(chain, allowed, result.layers);
  return result;
}

Result<void> check_metadata(const PartialChain& opened, const CheckOptions& options, ChainCheck& check) {
  ProgressOfAll progress(opened.chain, options);
  for (LayerCheck& layer : check.layers) {
    const Image& image = *opened.chain.layer(layer.index - 1).image;
    if (image.header() != nullptr) {
      layer.metadata = QC_TRY_IN(layer.file, check_image(image, progress.of_next(image)));
    }
  }
  progress.finish();
  return {};
}

}  // namespace qchain
