#include "qcow/core/error.h"

#include <fmt/format.h>

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

std::string printable(std::string_view text) {
  std::string out;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte < 0x20 || byte == 0x7f) {
      out += fmt::format("\\x{:02x}", byte);
    } else {
      out += c;
    }
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
