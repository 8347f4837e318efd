#include "tests/support/temp_dir.h"

#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <system_error>

namespace qchain::test {

TempDir::TempDir() {
  std::string pattern = std::filesystem::canonical(std::filesystem::temp_directory_path()).string() + "/qchain-XXXXXX";
  if (::mkdtemp(pattern.data()) == nullptr) {
    throw std::system_error(errno, std::generic_category(), pattern);
  }
  path_ = pattern;
}

TempDir::~TempDir() {
  std::error_code ignored;  // what can't be deleted is left to the system's own cleaning of /tmp
  if (!kept_) {
    std::filesystem::remove_all(path_, ignored);
  }
}

}  // namespace qchain::test
