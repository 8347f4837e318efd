#include "qcow/chain/chain.h"

#include <fmt/format.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <unordered_set>

#include "qcow/chain/backing_name.h"
#include "qcow/chain/layer_index.h"
#include "qcow/chain/open_image.h"

namespace qchain {

namespace {

struct IdentityHash {
  std::size_t operator()(const FileIdentity& id) const noexcept {
    return std::hash<std::uint64_t>{}(id.inode * 0x9e3779b97f4a7c15ULL ^ id.device);
  }
};

/// Files that a command has open beside the layers, with room for external data files.
constexpr std::size_t files_beside_layers = 128;

/// Bytes of an L1 table that the disk is asked for when an image is opened, while the next one is: enough for 4 TiB at
/// the usual cluster size.
constexpr std::uint64_t l1_ahead = 65536;

void ask_for_l1_table(const Image& image) {
  if (const format::Header* header = image.header()) {
    image.storage().will_need({header->l1_offset, std::min(header->l1_entries * sizeof(std::uint64_t), l1_ahead)});
  }
}

/// Opens a chain from the top down and keeps what tells a loop.
class ChainOpener {
 public:
  ChainOpener(Gate& gate, const ChainOptions& options) : gate_(gate), options_(options) {}

  Result<void> open(const std::string& image) {
    std::optional<BackingTarget> target =
        QC_TRY(add({.path = image, .role = OpenRole::named_by_user, .named_by = {}}, options_.format, nullptr));
    while (target) {
      const BackingTarget below = *std::move(target);
      auto added = add_below(below, layers_.back().file);
      if (!added && added.error().os_error == EMFILE) {
        return too_many_files(std::move(added).error(), below);
      }
      target = QC_TRY(std::move(added));
    }
    return {};
  }

  /// What is open, from the bottom up.
  [[nodiscard]] std::vector<Layer> layers() && {
    std::ranges::reverse(layers_);
    return std::move(layers_);
  }

 private:
  Result<std::optional<BackingTarget>> add_below(const BackingTarget& below, const std::string& overlay) {
    return add({.path = below.path, .role = OpenRole::backing_file, .named_by = overlay}, below.format, &below);
  }

  /// All layers of a chain are open at once. How many files that takes is found out by opening the rest one by one.
  std::unexpected<Error> too_many_files(Error error, std::optional<BackingTarget> target) {
    std::size_t count = layers_.size();
    std::string overlay = layers_.back().file;
    while (target && count < options_.max_depth) {
      layers_.clear();
      const BackingTarget below = *std::move(target);
      target = add_below(below, overlay).value_or(std::nullopt);
      overlay = below.path;
      ++count;
    }
    return std::unexpected(std::move(error).advise(
        fmt::format("its chain has {} layers, which must be open at once: allow {} open files (ulimit -n, or "
                    "LimitNOFILE= of a service)",
                    count, count + files_beside_layers)));
  }

  /// Opens one image; what lies under it, if anything does.
  Result<std::optional<BackingTarget>> add(const OpenRequest& request, std::optional<ImageFormat> format,
                                           const BackingTarget* named_as) {
    if (layers_.size() == options_.max_depth) {
      return std::unexpected(
          make_error(ErrorKind::limit, fmt::format("its chain is deeper than {} images", options_.max_depth))
              .in(layers_.front().file));
    }
    auto image = QC_TRY(open_image(request, gate_, format));
    if (!seen_.insert(image->storage().identity()).second) {
      return std::unexpected(make_error(ErrorKind::loop, "the chain comes back to this file: a loop of backing files")
                                 .in(request.path)
                                 .advise(fmt::format("it is named by '{}'; nothing was read", request.named_by)));
    }
    const format::Header* header = image->header();
    ask_for_l1_table(*image);
    Layer layer{.file = request.path, .backing_reference = {}, .image = std::move(image)};
    if (header != nullptr) {
      layer.backing_reference = header->backing_file;
    }
    layers_.push_back(std::move(layer));
    if (named_as != nullptr && named_as->overrides_next) {
      if (header == nullptr && named_as->next) {
        return std::unexpected(make_error(ErrorKind::corrupt, "is raw, and its json: name gives it a backing file")
                                   .in(request.path)
                                   .advise(fmt::format("it is named so by '{}'", request.named_by)));
      }
      return named_as->next ? std::optional(*named_as->next) : std::nullopt;
    }
    if (header == nullptr || !header->backing_file || options_.below == Below::left_out) {
      return std::nullopt;
    }
    return QC_TRY(resolve_backing(*header, request.path));
  }

  Gate& gate_;
  const ChainOptions& options_;
  std::vector<Layer> layers_;  ///< top first
  std::unordered_set<FileIdentity, IdentityHash> seen_;
};

std::optional<FileIdentity> identity_of(const std::string& path) {
  struct stat info{};
  if (::stat(path.c_str(), &info) != 0) {
    return std::nullopt;
  }
  return FileIdentity{.device = info.st_dev, .inode = info.st_ino};
}

/// As they were opened, as the overlay above calls them, and what the name leads to from here.
std::vector<std::size_t> layers_called(std::string_view name, const Chain& chain) {
  const auto identity = identity_of(std::string(name));
  std::vector<std::size_t> found;
  for (std::size_t i = 0; i < chain.depth(); ++i) {
    const bool as_overlay_says = i + 1 < chain.depth() && chain.layer(i + 1).backing_reference == name;
    const bool as_found_here = identity && chain.layer(i).image->storage().identity() == *identity;
    if (chain.layer(i).file == name || as_overlay_says || as_found_here) {
      found.push_back(i);
    }
  }
  return found;
}

}  // namespace

Result<Chain> Chain::open(const std::string& image, Gate& gate, const ChainOptions& options) {
  ChainOpener opener(gate, options);
  QC_TRY(opener.open(image));
  return Chain(std::move(opener).layers());
}

Result<PartialChain> Chain::open_what_can_be(const std::string& image, Gate& gate, const ChainOptions& options) {
  ChainOpener opener(gate, options);
  const Result<void> opened = opener.open(image);
  std::vector<Layer> layers = std::move(opener).layers();
  if (layers.empty()) {
    return std::unexpected(opened.error());
  }
  return PartialChain{Chain(std::move(layers)), opened ? std::nullopt : std::optional(opened.error())};
}

// The index first: what headers call their backing files, others may have chosen. A name that fits two layers (as it
// was opened, as the overlay above calls it, what it leads to from here) could be meant as either.
Result<std::size_t> Chain::find(std::string_view name) const {
  if (const auto index = layer_index(name)) {
    if (*index >= 1 && *index <= depth()) {
      return *index - 1;
    }
    return std::unexpected(make_error(ErrorKind::invalid_argument, fmt::format("no layer has the index {}", *index))
                               .in(active().file)
                               .advise(fmt::format("its layers are 1 (the base) to {} (the active image)", depth())));
  }
  const std::vector<std::size_t> found = layers_called(name, *this);
  if (found.empty()) {
    return std::unexpected(make_error(ErrorKind::invalid_argument, fmt::format("'{}' is not in its chain", name))
                               .in(active().file)
                               .advise("qchain info shows the layers' names and indexes"));
  }
  if (found.size() > 1) {
    return std::unexpected(make_error(ErrorKind::invalid_argument, fmt::format("'{}' could be layer {} or layer {}",
                                                                               name, found[0] + 1, found[1] + 1))
                               .in(active().file)
                               .advise("name it by its index, or by its whole path"));
  }
  return found.front();
}

Result<Slice> Slice::of(const Chain& chain, std::string_view base, std::string_view top) {
  Slice slice{.chain = chain, .base = 0, .top = chain.depth() - 1};
  if (!base.empty()) {
    slice.base = QC_TRY(chain.find(base));
  }
  if (!top.empty()) {
    slice.top = QC_TRY(chain.find(top));
  }
  if (slice.base > slice.top) {
    return std::unexpected(
        make_error(ErrorKind::invalid_argument,
                   fmt::format("base (layer {}) lies above top (layer {})", slice.base + 1, slice.top + 1))
            .in(chain.active().file)
            .advise("indexes count from the bottom: the base is 1"));
  }
  return slice;
}

}  // namespace qchain
