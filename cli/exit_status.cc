#include "cli/exit_status.h"

namespace qchain::cli {

ExitStatus exit_status_of(ErrorKind kind) noexcept {
  switch (kind) {
    case ErrorKind::interrupted:
      return ExitStatus::interrupted;
    case ErrorKind::io:
    case ErrorKind::not_found:
    case ErrorKind::permission:
    case ErrorKind::locked:
    case ErrorKind::corrupt:
    case ErrorKind::unsupported:
    case ErrorKind::limit:
    case ErrorKind::loop:
    case ErrorKind::missing_format:
    case ErrorKind::refused:
    case ErrorKind::invalid_argument:
    case ErrorKind::no_space:
      return ExitStatus::failed;
  }
  return ExitStatus::failed;
}

}  // namespace qchain::cli
