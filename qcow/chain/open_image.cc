#include "qcow/chain/open_image.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <span>
#include <string_view>
#include <vector>

#include "qcow/chain/backing_name.h"
#include "qcow/chain/qcow2_image.h"
#include "qcow/chain/raw_image.h"

namespace qchain {

namespace {

struct Signature {
  std::size_t offset;
  std::string_view bytes;
  const char* name;
};

/// Formats that QEMU would recognise: as raw disks their metadata would be taken for the guest's data.
constexpr std::array foreign_signatures{
    Signature{0, "KDMV", "vmdk"},
    Signature{0, "vhdxfile", "vhdx"},
    Signature{0, "conectix", "vpc"},
    Signature{0, std::string_view("QED\0", 4), "qed"},
    Signature{0, "LUKS\xba\xbe", "luks"},
    Signature{64, "\x7f\x10\xda\xbe", "vdi"},
    Signature{0, "WithoutFreeSpace", "parallels"},
    Signature{0, "WithouFreSpacExt", "parallels"},
};

bool matches(const Signature& signature, Bytes start) {
  return start.size() >= signature.offset + signature.bytes.size() &&
         std::ranges::equal(start.subspan(signature.offset, signature.bytes.size()),
                            std::as_bytes(std::span(signature.bytes)));
}

Result<ImageFormat> recognise(Bytes start) {
  if (format::looks_like_qcow2(start)) {
    return ImageFormat::qcow2;
  }
  const auto* foreign = std::ranges::find_if(foreign_signatures, [&](const auto& s) { return matches(s, start); });
  if (foreign != foreign_signatures.end()) {
    return std::unexpected(make_error(ErrorKind::unsupported, fmt::format("looks like a {} image", foreign->name))
                               .advise("convert it with qemu-img, or say --format=raw if its bytes are the disk"));
  }
  return ImageFormat::raw;
}

Result<std::vector<std::byte>> read_start(const Storage& storage, std::uint64_t length) {
  std::vector<std::byte> start(std::min(length, storage.size()));
  start.resize(QC_TRY(storage.read(0, start)));
  return start;
}

Result<SharedStorage> open_data_file(const format::Header& header, const std::string& image, Gate& gate) {
  if (!header.has(format::Incompatible::data_file)) {
    return SharedStorage{};
  }
  if (!header.data_file) {
    return fail(ErrorKind::unsupported, "its external data file has no name in the header");
  }
  const std::string path = QC_TRY(resolve_data_file(*header.data_file, image));
  return gate.open({.path = path, .role = OpenRole::data_file, .named_by = image});
}

/// The usual size of a first cluster.
constexpr std::uint64_t usual_start = 65536;

Result<format::Header> header_of(const Storage& storage) {
  storage.will_need({0, usual_start});  // else the kernel takes the two reads for the beginning of many, and reads on
  const auto start = QC_TRY(read_start(storage, format::full_header_length));
  const auto cluster_size = QC_TRY(format::header_cluster_size(start));
  const auto first_cluster = QC_TRY(read_start(storage, cluster_size));
  return format::parse_header(first_cluster);
}

Result<SharedImage> open_qcow2(SharedStorage storage, const std::string& path, Gate& gate) {
  auto header = QC_TRY_IN(path, header_of(*storage));
  auto data_file = QC_TRY_IN(path, open_data_file(header, path, gate));
  return std::make_shared<const Qcow2Image>(std::move(header), std::move(storage), std::move(data_file));
}

Result<SharedImage> open_raw(SharedStorage storage, const std::string& path) {
  if (storage->size() > format::max_virtual_size) {
    return std::unexpected(make_error(ErrorKind::limit, "raw image longer than the longest disk").in(path));
  }
  return std::make_shared<const RawImage>(std::move(storage));
}

}  // namespace

const char* name_of(ImageFormat format) noexcept {
  return format == ImageFormat::raw ? "raw" : "qcow2";
}

Result<SharedImage> open_image(const OpenRequest& request, Gate& gate, std::optional<ImageFormat> format) {
  auto storage = QC_TRY(gate.open(request));
  if (!format) {
    const auto start = QC_TRY(read_start(*storage, format::sector));
    format = QC_TRY_IN(request.path, recognise(start));
  }
  return *format == ImageFormat::qcow2 ? open_qcow2(std::move(storage), request.path, gate)
                                       : open_raw(std::move(storage), request.path);
}

Result<std::optional<std::string>> file_under(const OpenRequest& request, Gate& gate) {
  const auto storage = QC_TRY(gate.open(request));
  const auto start = QC_TRY(read_start(*storage, format::sector));
  const Range place = format::looks_like_qcow2(start) ? format::backing_name_place(start) : Range{};
  std::string name(place.length, '\0');
  name.resize(QC_TRY(storage->read(place.start, std::as_writable_bytes(std::span(name)))));
  name.resize(std::min(name.find('\0'), name.size()));  // as QEMU reads it
  const auto path = name.empty() ? fail(ErrorKind::unsupported, "no name") : backing_path(name, request.path);
  return path ? std::optional(*path) : std::nullopt;
}

}  // namespace qchain
