#include "fusefs/streams.h"

#include <fcntl.h>
#include <unistd.h>

namespace qchain::fusefs {

void to_dev_null(std::initializer_list<int> streams) noexcept {
  const int null = open("/dev/null", O_RDWR | O_CLOEXEC);
  for (const int stream : streams) {
    if (null >= 0 && null != stream) {
      dup2(null, stream);
    }
  }
  if (null > STDERR_FILENO) {
    close(null);
  }
}

}  // namespace qchain::fusefs
