#pragma once

#include <string>
#include <vector>

#include "qcow/commit/selection.h"
#include "qcow/storage/allowed_folders.h"

namespace qchain {

/// An image that is not in the chain, but whose backing file is one of its layers.
struct Sibling {
  std::string file;
  std::size_t hangs_on = 0;  ///< position of the layer
};

/// Images in `folders` (not below them) whose header names the base or a merged layer of the selection. Reads headers
/// only, takes no locks; what can't be read, or is really elsewhere than `allowed` says, is passed over. An empty
/// answer does not prove that there are none.
[[nodiscard]] std::vector<Sibling> find_siblings(const Selection& selection, const std::vector<std::string>& folders,
                                                 const AllowedFolders& allowed = {});

/// Images in `folders` whose header names this file as their backing file, sorted. As find_siblings() otherwise.
[[nodiscard]] std::vector<std::string> images_backed_by(FileIdentity file, const std::vector<std::string>& folders);

/// Adds the folder of a file's name, and that in which it really lies, where the name leads through a link to another.
void add_folders_of(const std::string& file, std::vector<std::string>& folders);

/// The folders in which the base and the merged layers lie, by name and really, each once.
[[nodiscard]] std::vector<std::string> folders_of(const Selection& selection);

}  // namespace qchain
