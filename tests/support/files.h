#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "tests/support/bytes_of.h"

namespace qchain::test {

/// All throw std::system_error on failure; GoogleTest makes a failed test of that.

[[nodiscard]] ByteVector read_file(const std::string& path);
[[nodiscard]] ByteVector read_file(const std::string& path, std::uint64_t offset, std::size_t length);
[[nodiscard]] std::uint64_t file_size(const std::string& path);

/// A new file (or the old one emptied) with these bytes.
void write_file(const std::string& path, Bytes bytes);
/// A new file of this length, all hole.
void make_hole_file(const std::string& path, std::uint64_t length);
void resize_file(const std::string& path, std::uint64_t length);
/// Writes into an existing file, which grows if needed.
void poke(const std::string& path, std::uint64_t offset, Bytes bytes);
/// The lowest bit of one byte.
void flip_bit(const std::string& path, std::uint64_t offset);

template <typename T>
void poke_be(const std::string& path, std::uint64_t offset, T value) {
  poke(path, offset, big_endian(value));
}
template <typename T>
[[nodiscard]] T peek_be(const std::string& path, std::uint64_t offset) {
  return load_be<T>(read_file(path, offset, sizeof(T)), 0);
}

/// Copies bytes and holes, as they are; makes missing folders.
void copy_with_holes(const std::string& from, const std::string& to);

}  // namespace qchain::test
