#include "qcow/catalog/catalog.h"

#include <algorithm>
#include <array>
#include <filesystem>
#include <map>
#include <set>
#include <tuple>

#include "qcow/catalog/files_in.h"
#include "qcow/catalog/states.h"
#include "qcow/chain/backing_name.h"
#include "qcow/chain/open_image.h"
#include "qcow/storage/gate.h"

namespace qchain {

namespace {

/// The same file read in two formats is two images.
struct ImageKey {
  FileIdentity file;
  ImageFormat format;
  friend bool operator<(const ImageKey& a, const ImageKey& b) {
    return std::tuple(a.file.device, a.file.inode, a.format) < std::tuple(b.file.device, b.file.inode, b.format);
  }
};

ImageFacts facts_of(const Image& image) {
  ImageFacts facts{.format = image.format(),
                   .identity = image.storage().identity(),
                   .virtual_size = image.size(),
                   .cluster_size = image.cluster_size(),
                   .bytes_on_disk = image.storage().facts().bytes_on_disk,
                   .backing_reference = {},
                   .backing_format = {}};
  if (const format::Header* header = image.header()) {
    facts.backing_reference = header->backing_file;
    facts.backing_format = header->backing_format;
  }
  return facts;
}

Result<bool> begins_as_qcow2(const Storage& storage) {
  std::array<std::byte, 4> start{};
  return QC_TRY(storage.read(0, start)) == start.size() && format::looks_like_qcow2(start);
}

class Builder {
 public:
  explicit Builder(const AllowedFolders& allowed) : gate_(Locking::none, allowed) {}

  /// A file of the folders: listed if it is qcow2, or if nobody can say.
  void add_found(const std::string& path) {
    const OpenRequest request{.path = path, .role = OpenRole::named_by_user, .named_by = {}};
    const auto storage = gate_.open(request);
    const auto qcow2 = storage ? begins_as_qcow2(**storage) : std::unexpected(storage.error());
    if (!qcow2 && qcow2.error().kind != ErrorKind::not_found) {  // not found: it has gone since the folder was read
      add_unreadable(path, Error(qcow2.error()).in(path));
    } else if (qcow2 && *qcow2) {
      image_at(request, **storage, ImageFormat::qcow2);
    } else if (qcow2) {
      others_.insert({.file = (*storage)->identity(), .format = ImageFormat::raw});
    }
  }

  void add_unreadable(const std::string& path, const Error& fault) { add_faulty(path, ImageState::unreadable, fault); }

  /// Finds what each image's header names; that may add images, whose headers are then read too, and other names of
  /// images: so what a name leads to in vain is missing only when no other one can turn up.
  void follow_headers() {
    std::vector<std::size_t> in_vain;
    for (std::size_t next = 0, found = 1; found > 0;) {
      for (; next < catalog_.images.size(); ++next) {
        if (below_[next] && !is_there(*below_[next])) {
          in_vain.push_back(next);
        } else {
          follow(next);
        }
      }
      found = std::erase_if(in_vain, [this](std::size_t image) {
        const bool is_found = is_there(*below_[image]);
        if (is_found) {
          follow(image);
        }
        return is_found;
      });
    }
    std::ranges::for_each(in_vain, [this](std::size_t image) { follow(image); });
  }

  Catalog result() && {
    catalog_.other_files = static_cast<std::size_t>(
        std::ranges::count_if(others_, [&](const ImageKey& file) { return !known_.contains(file); }));
    settle_states(catalog_);
    return std::move(catalog_);
  }

 private:
  static bool is_there(const BackingTarget& target) {
    std::error_code error;
    return std::filesystem::exists(target.path, error);
  }

  void follow(std::size_t image) {
    const auto target = below_[image];  // a copy, since the vectors grow
    if (!target) {
      return;
    }
    auto backing = backing_image(*target, std::string(catalog_.images[image].file));
    if (backing) {
      catalog_.images[image].backing = *backing;
    } else {
      catalog_.images[image].fault = std::move(backing).error();
    }
  }

  Result<std::size_t> backing_image(const BackingTarget& target, const std::string& overlay) {
    if (target.overrides_next) {
      return std::unexpected(make_error(ErrorKind::unsupported, "its json: name says what lies under its backing file")
                                 .in(overlay)
                                 .advise("qchain info shows its chain"));
    }
    const OpenRequest request{.path = target.path, .role = OpenRole::backing_file, .named_by = overlay};
    const auto storage = gate_.open(request);
    if (!storage && storage.error().kind == ErrorKind::not_found) {
      return missing_image(target.path);
    }
    if (!storage) {
      return std::unexpected(storage.error());
    }
    return image_at(request, **storage, target.format);
  }

  /// Several overlays may name it, in several ways.
  std::size_t missing_image(const std::string& path) {
    std::error_code error;
    const auto real = std::filesystem::weakly_canonical(path, error);
    const auto [known, is_new] = missing_.try_emplace(error ? path : real.string(), catalog_.images.size());
    if (is_new) {
      add_faulty(path, ImageState::missing, make_error(ErrorKind::not_found, "no such file").in(path));
    }
    return known->second;
  }

  std::size_t image_at(const OpenRequest& request, const Storage& storage, ImageFormat format) {
    const auto [known, is_new] =
        known_.try_emplace(ImageKey{.file = storage.identity(), .format = format}, catalog_.images.size());
    if (is_new) {
      auto image = open_image(request, gate_, format);
      if (image) {
        add_sound(request.path, **image);
      } else {
        add_unreadable(request.path, image.error());
      }
    } else {
      try_other_name(known->second, request);
    }
    return known->second;
  }

  /// A relative name in a header means another file by each of the image's names, if they are in other folders. It is
  /// listed by one that leads to a file.
  void try_other_name(std::size_t index, const OpenRequest& request) {
    CatalogImage& entry = catalog_.images[index];
    if (!below_[index] || is_there(*below_[index])) {
      return;
    }
    const auto image = open_image(request, gate_, entry.facts->format);
    const auto target = image ? resolve_backing(*(*image)->header(), request.path) : std::unexpected(image.error());
    if (target && is_there(*target)) {
      entry.file = request.path;
      below_[index] = *target;
    }
  }

  void add_sound(const std::string& path, const Image& image) {
    CatalogImage entry{.file = path,
                       .state = ImageState::complete,
                       .facts = facts_of(image),
                       .backing = {},
                       .overlays = {},
                       .fault = {}};
    std::optional<BackingTarget> below;
    if (entry.facts->backing_reference) {
      if (auto target = resolve_backing(*image.header(), path)) {
        below = *std::move(target);
      } else {
        entry.fault = std::move(target).error();
      }
    }
    add(std::move(entry), std::move(below));
  }

  void add_faulty(const std::string& path, ImageState state, const Error& fault) {
    add({.file = path, .state = state, .facts = {}, .backing = {}, .overlays = {}, .fault = fault}, {});
  }

  void add(CatalogImage entry, std::optional<BackingTarget> below) {
    catalog_.images.push_back(std::move(entry));
    below_.push_back(std::move(below));
  }

  FileGate gate_;
  Catalog catalog_;
  std::vector<std::optional<BackingTarget>> below_;  ///< of each image: what its header leads to
  std::map<ImageKey, std::size_t> known_;
  std::set<ImageKey> others_;  ///< files of the folders that are not qcow2: raw, if an overlay says so
  std::map<std::string, std::size_t> missing_;
};

}  // namespace

const char* name_of(ImageState state) noexcept {
  switch (state) {
    case ImageState::complete:
      return "complete";
    case ImageState::orphan:
      return "orphan";
    case ImageState::loop:
      return "loop";
    case ImageState::missing:
      return "missing";
    case ImageState::unreadable:
      break;
  }
  return "unreadable";
}

Result<Catalog> catalog_of(const std::vector<std::string>& folders, const AllowedFolders& allowed) {
  const FilesFound found = QC_TRY(files_in(folders));
  Builder builder(allowed);
  for (const std::string& file : found.files) {
    builder.add_found(file);
  }
  for (const Error& folder : found.unreadable) {
    builder.add_unreadable(folder.path, folder);
  }
  builder.follow_headers();
  return std::move(builder).result();
}

}  // namespace qchain
