#include "qcow/core/error.h"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <system_error>
#include <utility>

namespace qchain {

Error&& Error::in(std::string_view image) && {
  if (path.empty()) {
    path = image;
  }
  return std::move(*this);
}

Error&& Error::at(std::uint64_t byte_offset) && {
  offset = byte_offset;
  return std::move(*this);
}

Error&& Error::because(int errno_value) && {
  os_error = errno_value;
  return std::move(*this);
}

Error&& Error::advise(std::string_view text) && {
  advice = text;
  return std::move(*this);
}

namespace {

/// Of a UTF-8 character that begins with this byte, in bytes; 0: none does.
std::size_t announced_length(unsigned char first) {
  if (first < 0x80) {
    return 1;
  }
  if (first < 0xc2 || first > 0xf4) {
    return 0;
  }
  if (first < 0xe0) {
    return 2;
  }
  return first < 0xf0 ? 3 : 4;
}

/// Bytes of the UTF-8 character that `text`, which is not empty, begins with; 0: it begins with none.
std::size_t character_length(std::string_view text) {
  const std::size_t length = announced_length(static_cast<unsigned char>(text.front()));
  const auto is_continuation = [](char c) { return (static_cast<unsigned char>(c) & 0xc0U) == 0x80; };
  const bool is_whole = length > 0 && length <= text.size();
  return is_whole && std::ranges::all_of(text.substr(1, length - 1), is_continuation) ? length : 0;
}

/// Control characters, also those that UTF-8 writes with two bytes and other character sets with one, and what reorders
/// the text around it.
bool drives_a_terminal(std::string_view character) {
  const auto first = static_cast<unsigned char>(character.front());
  if (character.size() == 1) {
    return first < 0x20 || (first >= 0x7f && first < 0xa0);
  }
  const auto last = static_cast<unsigned char>(character.back());
  return (first == 0xc2 && last < 0xa0) || (character.starts_with("\xe2\x80") && last >= 0xaa && last <= 0xae) ||
         (character.starts_with("\xe2\x81") && last >= 0xa6 && last <= 0xa9);
}

}  // namespace

std::string printable(std::string_view text) {
  std::string out;
  while (!text.empty()) {
    const std::string_view character = text.substr(0, std::max<std::size_t>(character_length(text), 1));
    if (!drives_a_terminal(character)) {
      out += character;
    } else {
      for (const char c : character) {
        out += fmt::format("\\x{:02x}", static_cast<unsigned char>(c));
      }
    }
    text.remove_prefix(character.size());
  }
  return out;
}

std::string describe(const Error& error) {
  std::string line;
  if (!error.path.empty()) {
    line += printable(error.path) + ": ";
  }
  line += printable(error.what);
  if (error.offset) {
    line += fmt::format(" (at byte {})", *error.offset);
  }
  if (error.os_error != 0) {
    line += ": " + std::generic_category().message(error.os_error);
  }
  if (!error.advice.empty()) {
    line += "; " + printable(error.advice);
  }
  return line;
}

ErrorKind kind_of_errno(int errno_value) noexcept {
  switch (errno_value) {
    case ENOENT:
    case ENOTDIR:
      return ErrorKind::not_found;
    case EACCES:
    case EPERM:
    case EROFS:
      return ErrorKind::permission;
    case ENOSPC:
    case EDQUOT:
      return ErrorKind::no_space;
    case ELOOP:
      return ErrorKind::loop;
    default:
      return ErrorKind::io;
  }
}

std::unexpected<Error> fail_errno(int errno_value, std::string_view what, std::string_view path) {
  return std::unexpected(make_error(kind_of_errno(errno_value), what).in(path).because(errno_value));
}

}  // namespace qchain
