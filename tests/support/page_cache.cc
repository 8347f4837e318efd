#include "tests/support/page_cache.h"

#include <fcntl.h>
#include <linux/magic.h>
#include <sys/mman.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <system_error>
#include <vector>

#include "qcow/storage/unique_fd.h"

namespace qchain::test {
namespace {

void expect(bool done, const std::string& path) {
  if (!done) {
    throw std::system_error(errno, std::generic_category(), path);
  }
}

}  // namespace

bool has_a_disk_below(const std::string& folder) {
  struct statfs facts{};
  return ::statfs(folder.c_str(), &facts) == 0 && facts.f_type != TMPFS_MAGIC;
}

bool shows_its_cache(const std::string& folder) {
  struct statfs facts{};
  return ::statfs(folder.c_str(), &facts) == 0 && facts.f_type != TMPFS_MAGIC && facts.f_type != OVERLAYFS_SUPER_MAGIC;
}

void drop_from_cache(const std::string& path) {
  const UniqueFd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  expect(::fsync(file.get()) == 0 && ::posix_fadvise(file.get(), 0, 0, POSIX_FADV_DONTNEED) == 0, path);
}

double cached_share(const std::string& path, std::size_t size) {
  const UniqueFd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  void* const memory = ::mmap(nullptr, size, PROT_READ, MAP_SHARED, file.get(), 0);
  expect(memory != MAP_FAILED, path);
  std::vector<unsigned char> pages(size / 4096);
  const bool told = ::mincore(memory, pages.size() * 4096, pages.data()) == 0;
  ::munmap(memory, size);
  expect(told, path);
  const auto cached = std::ranges::count_if(pages, [](unsigned char page) { return (page & 1) != 0; });
  return static_cast<double>(cached) / static_cast<double>(pages.size());
}

}  // namespace qchain::test
