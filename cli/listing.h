#pragma once

#include <iosfwd>
#include <string>
#include <vector>

#include "qcow/catalog/catalog.h"
#include "qcow/storage/lock_holder.h"

namespace qchain::cli {

/// What `list` shows: the images that folders lead to, and who has them open.
struct Listing {
  Catalog catalog;
  std::vector<std::vector<LockHolder>> holders;  ///< of each image of the catalog
};

/// An image in its place.
struct TreeLine {
  std::size_t image = 0;  ///< its place in the catalog
  std::string lead;       ///< what a text shows before its name: branches
};

/// All images, trees by the files of their roots; each image comes after the one it hangs on. A branch is drawn only
/// where several images hang on one: a chain of a thousand layers goes straight down.
[[nodiscard]] std::vector<TreeLine> tree_lines(const Catalog& catalog);

void print_list_text(std::ostream& out, const Listing& listing);
void print_list_json(std::ostream& out, const Listing& listing);

}  // namespace qchain::cli
