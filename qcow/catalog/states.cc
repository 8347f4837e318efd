#include "qcow/catalog/states.h"

#include <algorithm>
#include <ranges>

namespace qchain {

namespace {

/// Walks from an image down to one whose state is known, so that each is looked at once, however deep the chains.
class StateWalk {
 public:
  explicit StateWalk(std::vector<CatalogImage>& images)
      : images_(images), settled_(images.size(), false), on_path_(images.size(), false) {}

  void settle(std::size_t image) {
    std::vector<std::size_t> path;
    std::optional<std::size_t> at = image;
    while (at && !settled_[*at] && !on_path_[*at]) {
      on_path_[*at] = true;
      path.push_back(*at);
      at = images_[*at].backing;
    }
    if (at && on_path_[*at]) {
      mark_loop(path, *at);
    }
    for (const std::size_t next : std::views::reverse(path)) {
      conclude(images_[next]);
      settled_[next] = true;
      on_path_[next] = false;
    }
  }

 private:
  /// The path came back to `first`: from there on it is the loop; what stands before only leads to it.
  void mark_loop(const std::vector<std::size_t>& path, std::size_t first) {
    for (auto image = std::ranges::find(path, first); image != path.end(); ++image) {
      images_[*image].state = ImageState::loop;
    }
  }

  /// `image` is sound itself, or its state says why not; what lies under it is settled.
  void conclude(CatalogImage& image) {
    const bool cut_off = image.fault || (image.backing && images_[*image.backing].state != ImageState::complete);
    if (image.state == ImageState::complete && cut_off) {
      image.state = ImageState::orphan;
    }
  }

  std::vector<CatalogImage>& images_;
  std::vector<bool> settled_;
  std::vector<bool> on_path_;
};

}  // namespace

void settle_states(Catalog& catalog) {
  auto& images = catalog.images;
  StateWalk walk(images);
  for (std::size_t i = 0; i < images.size(); ++i) {
    walk.settle(i);
  }
  for (std::size_t i = 0; i < images.size(); ++i) {
    if (images[i].backing && images[i].state != ImageState::loop) {
      images[*images[i].backing].overlays.push_back(i);
    }
  }
  for (CatalogImage& image : images) {
    std::ranges::sort(image.overlays, {}, [&](std::size_t i) -> const std::string& { return images[i].file; });
  }
}

}  // namespace qchain
