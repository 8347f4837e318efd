#include <algorithm>

#include "cli/listing.h"

namespace qchain::cli {
namespace {

/// An image whose line, and those of all that hangs on it, are still to come.
struct Waiting {
  std::size_t image;
  std::string lead;          ///< of its own line
  std::string lead_of_rest;  ///< of the lines below it
};

void add_overlays(const std::vector<std::size_t>& overlays, const std::string& lead, std::vector<Waiting>& waiting) {
  for (std::size_t i = overlays.size(); i-- > 0;) {  // a stack: the first one goes on last
    const bool is_last = i + 1 == overlays.size();
    if (overlays.size() == 1) {
      waiting.push_back({overlays[i], lead, lead});
    } else {
      waiting.push_back({overlays[i], lead + (is_last ? "└─ " : "├─ "), lead + (is_last ? "   " : "│  ")});
    }
  }
}

bool is_root(const CatalogImage& image) {
  return !image.backing || image.state == ImageState::loop;
}

}  // namespace

std::vector<TreeLine> tree_lines(const Catalog& catalog) {
  const auto& images = catalog.images;
  std::vector<Waiting> waiting;
  for (std::size_t i = 0; i < images.size(); ++i) {
    if (is_root(images[i])) {
      waiting.push_back({i, {}, {}});
    }
  }
  std::ranges::sort(waiting, std::greater(),
                    [&](const Waiting& root) -> const std::string& { return images[root.image].file; });
  std::vector<TreeLine> lines;
  while (!waiting.empty()) {
    const Waiting next = std::move(waiting.back());
    waiting.pop_back();
    lines.push_back({next.image, next.lead});
    add_overlays(images[next.image].overlays, next.lead_of_rest, waiting);
  }
  return lines;
}

}  // namespace qchain::cli
