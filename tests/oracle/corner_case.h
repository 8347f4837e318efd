#pragma once

#include <gtest/gtest.h>

#include <string>

#include "tests/support/bytes_of.h"
#include "tests/support/files.h"
#include "tests/support/qcow2_places.h"
#include "tests/support/qemu.h"
#include "tests/support/temp_dir.h"
#include "tests/support/views.h"

namespace qchain::test {

inline constexpr std::uint64_t KiB = 1024;
inline constexpr std::uint64_t MiB = 1024 * KiB;

/// A folder of images for one of the numbered cases in which readers of qcow2 tend to go wrong.
class CornerCase : public testing::Test {
 protected:
  [[nodiscard]] std::string path(std::string_view name) const { return folder_ / name; }

  /// A raw image full of bytes that tell their place.
  std::string raw(std::string_view name, std::uint64_t size, unsigned salt = 0) const {
    write_file(path(name), telling_bytes(size, salt));
    return path(name);
  }

  /// An empty qcow2 image without backing file.
  std::string qcow2(std::string_view name, std::uint64_t size, const std::string& options = {}) const {
    create_qcow2(path(name), {.options = options, .backing = {}, .backing_format = {}, .size = size});
    return path(name);
  }

  /// A qcow2 overlay of an image in the same folder, named relatively; the size is the backing file's unless given.
  std::string overlay(std::string_view name, const std::string& backing, const std::string& backing_format,
                      const std::string& options = {}, std::optional<std::uint64_t> size = {}) const {
    create_qcow2(path(name), {.options = options, .backing = backing, .backing_format = backing_format, .size = size});
    return path(name);
  }

  /// An overlay whose header names what qemu-img would not open.
  std::string unchecked_overlay(std::string_view name, const std::string& backing, const std::string& backing_format,
                                std::uint64_t size) const {
    Arguments command{"create", "-q", "-f", "qcow2", "-u", "-b", backing};
    if (!backing_format.empty()) {
      command.insert(command.end(), {"-F", backing_format});
    }
    command.insert(command.end(), {path(name), std::to_string(size)});
    qemu_img(command);
    return path(name);
  }

  [[nodiscard]] const std::string& folder() const noexcept { return folder_.path(); }

 private:
  TempDir folder_;
};

/// Kind of the extent that holds `offset` in the whole chain's view.
[[nodiscard]] inline ExtentKind kind_at(const std::string& image, std::uint64_t offset) {
  const auto view = open_view(image);
  return view ? (*view)->extent_at(offset).kind : ExtentKind::broken;
}

/// Does QEMU read this range without an error?
[[nodiscard]] inline bool qemu_can_read(const std::string& image, Range range) {
  const std::string command = "read " + std::to_string(range.start) + " " + std::to_string(range.length);
  return run({"qemu-io", "-r", "-f", "qcow2", image, "-c", command}).ok();
}

/// Does qchain?
[[nodiscard]] inline bool can_read(const std::string& image, Range range) {
  const auto view = open_view(image);
  ByteVector bytes(range.length);
  return view && (*view)->read(range.start, bytes).has_value();
}

/// Both fail on exactly the same pieces of `unit` bytes, and at least one piece is broken and one is not.
[[nodiscard]] inline testing::AssertionResult fails_where_qemu_fails(const std::string& image, std::uint64_t size,
                                                                     std::uint64_t unit) {
  int broken = 0;
  int good = 0;
  for (std::uint64_t start = 0; start < size; start += unit) {
    const Range piece{start, std::min(unit, size - start)};
    const bool expected = qemu_can_read(image, piece);
    if (can_read(image, piece) != expected) {
      return testing::AssertionFailure() << "at " << start << " QEMU " << (expected ? "reads" : "fails");
    }
    ++(expected ? good : broken);
  }
  if (broken == 0 || good == 0) {
    return testing::AssertionFailure() << broken << " broken, " << good << " good pieces";
  }
  return testing::AssertionSuccess();
}

}  // namespace qchain::test
