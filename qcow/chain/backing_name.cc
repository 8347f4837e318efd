#include "qcow/chain/backing_name.h"

#include <fmt/format.h>

#include "qcow/chain/json_name.h"

namespace qchain {

namespace {

/// Folder part of a path with its slash, or nothing.
std::string_view folder_of(std::string_view path) {
  const auto slash = path.rfind('/');
  return slash == std::string_view::npos ? std::string_view{} : path.substr(0, slash + 1);
}

/// "nbd" of nbd://host: what stands before a colon, when no slash comes first. That is how QEMU tells protocols.
std::optional<std::string_view> protocol_of(std::string_view name) {
  const auto end = name.find_first_of(":/");
  if (end == std::string_view::npos || name[end] != ':') {
    return std::nullopt;
  }
  return name.substr(0, end);
}

Result<std::string> resolve_name(std::string_view name, std::string_view image) {
  if (name.find('\0') != std::string_view::npos) {
    return fail(ErrorKind::unsupported, "a file name in its header holds a NUL byte");
  }
  const auto protocol = protocol_of(name);
  if (protocol == "file") {
    return std::string(name.substr(5));
  }
  if (protocol) {
    return fail(ErrorKind::unsupported, fmt::format("its header names '{}': protocol '{}' is not opened from inside a "
                                                    "header",
                                                    name, *protocol));
  }
  return name.starts_with('/') ? std::string(name) : std::string(folder_of(image)) + std::string(name);
}

Error missing_format(std::string_view name, const std::string& image) {
  return make_error(ErrorKind::missing_format, fmt::format("the format of its backing file '{}' is not recorded", name))
      .in(image)
      .advise(fmt::format("record it: qemu-img rebase -u -b '{}' -F raw|qcow2 '{}'", name, image));
}

}  // namespace

Result<ImageFormat> image_format(std::string_view name) {
  if (name == "qcow2") {
    return ImageFormat::qcow2;
  }
  // Old QEMU recorded the protocol's name where the backing node had no format layer: the bytes as they are.
  if (name == "raw" || name == "file" || name == "host_device") {
    return ImageFormat::raw;
  }
  return fail(ErrorKind::unsupported, fmt::format("backing format '{}' is not supported", name));
}

Result<BackingTarget> resolve_backing(const format::Header& header, const std::string& image) {
  const std::string& name = *header.backing_file;
  std::optional<ImageFormat> recorded;
  if (header.backing_format) {
    recorded = QC_TRY_IN(image, image_format(*header.backing_format));
  }
  if (name.starts_with("json:")) {
    auto json = QC_TRY_IN(image, parse_json_name(std::string_view(name).substr(5)));
    const auto format = recorded ? recorded : json.format;
    if (!format) {
      return std::unexpected(missing_format(name, image));
    }
    return BackingTarget{std::move(json.path), *format, json.overrides_next, std::move(json.next)};
  }
  std::string path = QC_TRY_IN(image, resolve_name(name, image));
  if (!recorded) {
    return std::unexpected(missing_format(name, image));
  }
  return BackingTarget{std::move(path), *recorded, false, nullptr};
}

Result<std::string> backing_path(const std::string& reference, const std::string& image) {
  if (reference.starts_with("json:")) {
    return QC_TRY(parse_json_name(std::string_view(reference).substr(5))).path;
  }
  return resolve_name(reference, image);
}

Result<std::string> resolve_data_file(std::string_view name, const std::string& image) {
  return resolve_name(name, image);
}

}  // namespace qchain
