#include "cli/fd_output.h"

#include <unistd.h>

#include <cerrno>

namespace qchain::cli {

FdOutput::FdOutput(int fd) : fd_(fd) {
  setp(buffer_.data(), buffer_.data() + buffer_.size());
}

FdOutput::~FdOutput() {
  sync();
}

int FdOutput::sync() {
  for (const char* from = pbase(); failure_ == 0 && from < pptr();) {
    const ssize_t written = ::write(fd_, from, static_cast<std::size_t>(pptr() - from));
    if (written >= 0) {
      from += written;
    } else if (errno != EINTR) {
      failure_ = errno;
    }
  }
  setp(buffer_.data(), buffer_.data() + buffer_.size());
  return failure_ == 0 ? 0 : -1;
}

FdOutput::int_type FdOutput::overflow(int_type byte) {
  if (sync() != 0) {
    return traits_type::eof();
  }
  if (!traits_type::eq_int_type(byte, traits_type::eof())) {
    sputc(traits_type::to_char_type(byte));
  }
  return traits_type::not_eof(byte);
}

}  // namespace qchain::cli
