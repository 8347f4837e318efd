#include "qcow/copy/raw_writer.h"

#include <fmt/format.h>

namespace qchain {

Result<std::unique_ptr<ImageWriter>> RawWriter::create(const WritableFile& file, std::uint64_t guest_size) {
  QC_TRY(file.resize(guest_size));
  return std::unique_ptr<ImageWriter>(new RawWriter(file));
}

Result<std::unique_ptr<ImageWriter>> DeviceWriter::create(const WritableFile& file, std::uint64_t device_size,
                                                          std::uint64_t guest_size) {
  if (device_size < guest_size) {
    const std::string what = fmt::format("the device has {} bytes, the disk {}", device_size, guest_size);
    return std::unexpected(make_error(ErrorKind::refused, what).in(file.name()));
  }
  return std::unique_ptr<ImageWriter>(new DeviceWriter(file));
}

}  // namespace qchain
