#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "qcow/chain/image.h"
#include "qcow/core/error.h"
#include "qcow/storage/allowed_folders.h"

namespace qchain {

/// Whether an image can be had, with all that lies under it.
enum class ImageState : std::uint8_t {
  complete,    ///< it and all that lies under it are there
  orphan,      ///< its own header is sound, but something under it can't be had
  loop,        ///< its backing files lead back to it
  missing,     ///< an overlay names it, and it is not there
  unreadable,  ///< it can't be opened, or its header can't be used
};
[[nodiscard]] const char* name_of(ImageState state) noexcept;

/// What there is to know of an image from its header alone.
struct ImageFacts {
  ImageFormat format = ImageFormat::raw;
  FileIdentity identity;
  std::uint64_t virtual_size = 0;                ///< bytes
  std::uint64_t cluster_size = 0;                ///< bytes; 0 for raw
  std::uint64_t bytes_on_disk = 0;               ///< of the image file
  std::optional<std::string> backing_reference;  ///< as the header has it
  std::optional<std::string> backing_format;     ///< as the header has it
};

/// One image of a catalog, or a folder in its place that could not be read.
struct CatalogImage {
  std::string file;  ///< path that it was found by; for what lies elsewhere, the path that an overlay's header leads to
  ImageState state = ImageState::complete;
  std::optional<ImageFacts> facts;     ///< none for what is missing or unreadable
  std::optional<std::size_t> backing;  ///< the image under it: its place in the catalog
  std::vector<std::size_t> overlays;   ///< the images right on it, by file; not those of a loop, which has no top
  std::optional<Error> fault;          ///< why it, or what its header names, can't be had
};

/// All qcow2 images in folders, and what their headers lead to, wherever that lies.
struct Catalog {
  std::vector<CatalogImage> images;  ///< each once, whatever names lead to it
  std::size_t other_files = 0;       ///< in the folders: neither qcow2 nor anybody's backing file
};

/// Reads the headers of all files in `folders` and below; nothing else of an image. Takes no locks: a guest may start
/// meanwhile, and one that runs is seen too. A file is raw only because an overlay says so, and then its content says
/// nothing; if it begins as qcow2 too, it is in the catalog twice, once for each. An image that can't be used
/// is an entry with a fault, never an error of the whole.
/// `allowed` confines what headers name. Errors: those of opening one of `folders` itself.
[[nodiscard]] Result<Catalog> catalog_of(const std::vector<std::string>& folders, const AllowedFolders& allowed);

}  // namespace qchain
