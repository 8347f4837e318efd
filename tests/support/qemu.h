#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "tests/support/bytes_of.h"
#include "tests/support/process.h"

namespace qchain::test {

/// Runs qemu-img, which must succeed; returns what it printed.
std::string qemu_img(const Arguments& arguments);

/// How an image is made; what is empty is left to qemu-img.
struct ImageSpec {
  std::string options;                ///< for -o, "cluster_size=4k,compat=0.10"
  std::string backing;                ///< for -b, as it is to be written
  std::string backing_format;         ///< for -F
  std::optional<std::uint64_t> size;  ///< bytes; else the backing file's
};
/// The command that makes a qcow2 image at `path`.
[[nodiscard]] Arguments create_command(const std::string& path, const ImageSpec& spec);
void create_qcow2(const std::string& path, const ImageSpec& spec);
/// A qcow2 overlay of `backing` (absolute, or as seen from the overlay's folder) with its format recorded.
void create_overlay(const std::string& path, const std::string& backing, const std::string& backing_format,
                    const std::string& options = {});

/// The command that opens `path` for writing once and does all `commands` in order ("write -P 1 0 64k", …).
[[nodiscard]] Arguments qemu_io_command(const std::string& path, const std::string& format,
                                        const std::vector<std::string>& commands);
/// Runs it; every command of it must succeed.
void qemu_io(const std::string& path, const std::vector<std::string>& commands, const std::string& format = "qcow2");

/// What QEMU reads of the whole disk. `format` empty: recognised by QEMU.
[[nodiscard]] ByteVector qemu_bytes(const std::string& path, const std::string& format = {});
/// The same, or nothing when QEMU cannot read it all.
[[nodiscard]] std::optional<ByteVector> try_qemu_bytes(const std::string& path, const std::string& format = {});

/// An entry of qemu-img map --output=json.
struct MapEntry {
  std::uint64_t start = 0;
  std::uint64_t length = 0;
  std::uint64_t depth = 0;
  bool present = false;
  bool zero = false;
  bool data = false;
  std::optional<std::uint64_t> offset;
};
[[nodiscard]] std::string to_string(const MapEntry& entry);
/// Reads the JSON that qemu-img map and qchain map print.
[[nodiscard]] std::vector<MapEntry> parse_map(const std::string& json);
[[nodiscard]] std::vector<MapEntry> qemu_map(const std::string& path, const std::string& format = {});

}  // namespace qchain::test
