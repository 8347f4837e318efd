#include "qcow/commit/siblings.h"

#include <sys/stat.h>

#include <algorithm>
#include <filesystem>
#include <optional>

#include "qcow/chain/open_image.h"

namespace qchain {

namespace {

namespace fs = std::filesystem;

std::optional<FileIdentity> identity_of(const std::string& path) {
  struct stat status{};
  if (::stat(path.c_str(), &status) != 0) {
    return std::nullopt;
  }
  return FileIdentity{.device = status.st_dev, .inode = status.st_ino};
}

bool is_in_chain(const Chain& chain, FileIdentity identity) {
  for (std::size_t i = 0; i < chain.depth(); ++i) {
    if (chain.layer(i).image->storage().identity() == identity) {
      return true;
    }
  }
  return false;
}

/// The file that an image's own header names as its backing file, or nothing.
std::optional<FileIdentity> backing_of(const std::string& path, const AllowedFolders& allowed) {
  FileGate gate(Locking::none, allowed);
  // The user named the folder at the most: a link in it may lead anywhere.
  const auto below = file_under({.path = path, .role = OpenRole::backing_file, .named_by = {}}, gate);
  return below && *below ? identity_of(**below) : std::nullopt;
}

/// Position of the base or merged layer that `backing` is, or nothing.
std::optional<std::size_t> layer_of(const Selection& selection, FileIdentity backing) {
  for (std::size_t i = selection.base; i <= selection.top; ++i) {
    if (selection.chain.layer(i).image->storage().identity() == backing) {
      return i;
    }
  }
  return std::nullopt;
}

template <typename Look>
void for_each_file(const std::vector<std::string>& folders, Look&& look) {
  for (const std::string& folder : folders) {
    std::error_code error;
    for (fs::directory_iterator entry(folder, error), end; !error && entry != end; entry.increment(error)) {
      std::error_code ignored;
      if (entry->is_regular_file(ignored)) {
        look(entry->path().string());
      }
    }
  }
}

void look_at(const Selection& selection, const std::string& path, const AllowedFolders& allowed,
             std::vector<Sibling>& found) {
  const auto identity = identity_of(path);
  if (!identity || is_in_chain(selection.chain, *identity)) {
    return;
  }
  const auto backing = backing_of(path, allowed);
  const auto layer = backing ? layer_of(selection, *backing) : std::nullopt;
  if (layer) {
    found.push_back({.file = path, .hangs_on = *layer});
  }
}

}  // namespace

std::vector<Sibling> find_siblings(const Selection& selection, const std::vector<std::string>& folders,
                                   const AllowedFolders& allowed) {
  std::vector<Sibling> found;
  for_each_file(folders, [&](const std::string& path) { look_at(selection, path, allowed, found); });
  std::ranges::sort(found, {}, &Sibling::file);
  return found;
}

std::vector<std::string> images_backed_by(FileIdentity file, const std::vector<std::string>& folders) {
  std::vector<std::string> found;
  for_each_file(folders, [&](const std::string& path) {
    if (backing_of(path, {}) == file) {
      found.push_back(path);
    }
  });
  std::ranges::sort(found);
  return found;
}

void add_folders_of(const std::string& file, std::vector<std::string>& folders) {
  std::error_code error;
  const std::string named = fs::path(file).parent_path().string();
  const fs::path real = fs::canonical(file, error);
  folders.push_back(named.empty() ? "." : named);
  if (!error && fs::weakly_canonical(folders.back(), error) != real.parent_path()) {
    folders.push_back(real.parent_path().string());
  }
}

std::vector<std::string> folders_of(const Selection& selection) {
  std::vector<std::string> folders;
  for (std::size_t i = selection.base; i <= selection.top; ++i) {
    add_folders_of(selection.chain.layer(i).file, folders);
  }
  std::ranges::sort(folders);
  const auto repeated = std::ranges::unique(folders);
  folders.erase(repeated.begin(), repeated.end());
  return folders;
}

}  // namespace qchain
