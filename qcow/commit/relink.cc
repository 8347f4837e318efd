#include "qcow/commit/relink.h"

#include <sys/stat.h>

#include <filesystem>
#include <vector>

#include "qcow/format/relink.h"

namespace qchain {

namespace {

namespace fs = std::filesystem;

bool names_file(const std::string& path, FileIdentity identity) {
  struct stat status{};
  return ::stat(path.c_str(), &status) == 0 &&
         FileIdentity{.device = status.st_dev, .inode = status.st_ino} == identity;
}

bool is_relative_reference(std::string_view reference) {
  return !reference.starts_with('/') && !reference.starts_with("json:") && !reference.starts_with("file:");
}

/// A colon before any slash would make a protocol of what stands before it.
std::string guarded(std::string name) {
  const auto end = name.find_first_of(":/");
  return end != std::string::npos && name[end] == ':' ? "./" + name : name;
}

Result<format::BackingRewrite> plan_rewrite(const Storage& overlay, std::uint64_t cluster_size, std::string_view name,
                                            ImageFormat format) {
  std::vector<std::byte> cluster(cluster_size);
  QC_TRY(overlay.read_padded(0, cluster));
  return QC_TRY_IN(overlay.name(), format::rewrite_backing(cluster, name, name_of(format)));
}

}  // namespace

Result<std::string> backing_name_for(const std::string& overlay, std::string_view present_reference,
                                     const Storage& base) {
  const fs::path folder = fs::path(overlay).parent_path();
  std::error_code error;
  if (is_relative_reference(present_reference)) {
    std::string relative = guarded(fs::path(base.name()).lexically_relative(folder.empty() ? "." : folder));
    // Through symbolic links the shortest way on paper may lead elsewhere: only a name that arrives is taken.
    if (!relative.empty() && names_file(folder / relative, base.identity())) {
      return relative;
    }
    const fs::path real =
        fs::relative(fs::canonical(base.name(), error), fs::canonical(folder.empty() ? "." : folder, error), error);
    if (!error && !real.empty() && names_file(folder / guarded(real), base.identity())) {
      return guarded(real);
    }
  }
  const fs::path absolute = fs::canonical(base.name(), error);
  if (error || !names_file(absolute, base.identity())) {
    return std::unexpected(make_error(ErrorKind::io, "is not found by its own name any more").in(base.name()));
  }
  return absolute.string();
}

Result<void> check_relink(const Storage& overlay, std::uint64_t cluster_size, std::string_view name,
                          ImageFormat format) {
  QC_TRY(plan_rewrite(overlay, cluster_size, name, format));
  return {};
}

Result<void> relink(WritableStorage& overlay, std::uint64_t cluster_size, std::string_view name, ImageFormat format) {
  const auto rewrite = QC_TRY(plan_rewrite(overlay, cluster_size, name, format));
  if (!rewrite.name.empty()) {
    QC_TRY(overlay.write(rewrite.name_offset, rewrite.name));
    // The name lies in a place that the present header does not use; the first sector must never point to it before
    // it is there.
    QC_TRY(overlay.sync());
  }
  QC_TRY(overlay.write(0, rewrite.first_sector));
  // The record says `done` next: the new header must be found after any crash from then on.
  return overlay.sync();
}

}  // namespace qchain
