#include "qcow/chain/reference.h"

#include <sys/stat.h>

#include <filesystem>

namespace qchain {

namespace {

namespace fs = std::filesystem;

bool names_file(const std::string& path, FileIdentity identity) {
  struct stat status{};
  return ::stat(path.c_str(), &status) == 0 &&
         FileIdentity{.device = status.st_dev, .inode = status.st_ino} == identity;
}

/// A colon before any slash would make a protocol of what stands before it.
std::string guarded(std::string name) {
  const auto end = name.find_first_of(":/");
  return end != std::string::npos && name[end] == ':' ? "./" + name : name;
}

/// Absolute, through no link but a last one, which is meant: /dev/vg/lv leads to a number that may be another one after
/// the next start, and images/current to what is current.
fs::path tidy(const fs::path& name, std::error_code& error) {
  return fs::canonical(fs::absolute(name, error).parent_path(), error) / name.filename();
}

/// Nothing where no relative name arrives.
std::string relative_reference(const Storage& image, const fs::path& folder) {
  std::string relative = guarded(fs::path(image.name()).lexically_relative(folder));
  // Through symbolic links the shortest way on paper may lead elsewhere: only a name that arrives is taken.
  if (!relative.empty() && names_file(folder / relative, image.identity())) {
    return relative;
  }
  std::error_code error;
  const fs::path from = fs::canonical(folder, error);
  std::string name = guarded(tidy(image.name(), error).lexically_relative(from));
  return !error && !name.empty() && names_file(folder / name, image.identity()) ? name : std::string();
}

}  // namespace

ReferenceStyle style_of(std::string_view reference) noexcept {
  const bool relative =
      !reference.starts_with('/') && !reference.starts_with("json:") && !reference.starts_with("file:");
  return relative ? ReferenceStyle::relative : ReferenceStyle::absolute;
}

Result<std::string> reference_to(const Storage& image, const std::string& overlay, ReferenceStyle style) {
  if (style == ReferenceStyle::relative) {
    const fs::path folder = fs::path(overlay).parent_path();
    std::string name = relative_reference(image, folder.empty() ? "." : folder);
    if (!name.empty()) {
      return name;
    }
  }
  std::error_code error;
  const fs::path absolute = tidy(image.name(), error);
  if (error || !names_file(absolute, image.identity())) {
    return std::unexpected(make_error(ErrorKind::io, "is not found by its own name any more").in(image.name()));
  }
  return absolute.string();
}

}  // namespace qchain
