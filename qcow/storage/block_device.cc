#include "qcow/storage/block_device.h"

#include <sys/stat.h>

namespace qchain {

bool is_block_device(const Storage& storage) noexcept {
  struct stat status{};
  return storage.descriptor() >= 0 && ::fstat(storage.descriptor(), &status) == 0 && S_ISBLK(status.st_mode);
}

bool is_block_device(const std::string& path) noexcept {
  struct stat status{};
  return ::stat(path.c_str(), &status) == 0 && S_ISBLK(status.st_mode);
}

}  // namespace qchain
