#include "fusefs/errno.h"

namespace qchain::fusefs {

std::errc errno_of(const Error& error) noexcept {
  switch (error.kind) {
    case ErrorKind::not_found:
      return std::errc::no_such_file_or_directory;
    case ErrorKind::permission:
    case ErrorKind::refused:
      return std::errc::permission_denied;
    case ErrorKind::locked:
      return std::errc::device_or_resource_busy;
    case ErrorKind::unsupported:
      return std::errc::not_supported;
    case ErrorKind::invalid_argument:
      return std::errc::invalid_argument;
    case ErrorKind::no_space:
      return std::errc::no_space_on_device;
    case ErrorKind::interrupted:
      return std::errc::interrupted;
    case ErrorKind::io:
    case ErrorKind::corrupt:
    case ErrorKind::limit:
    case ErrorKind::loop:
    case ErrorKind::missing_format:
      return std::errc::io_error;
  }
  return std::errc::io_error;
}

}  // namespace qchain::fusefs
