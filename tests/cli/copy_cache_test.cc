#include <fcntl.h>
#include <gtest/gtest.h>
#include <linux/magic.h>
#include <sys/mman.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <algorithm>

#include "qcow/storage/unique_fd.h"
#include "tests/support/process.h"
#include "tests/support/qemu.h"
#include "tests/support/temp_dir.h"

namespace qchain::test {
namespace {

constexpr std::size_t disk_size = std::size_t{32} << 20;

bool has_a_disk_below(const std::string& folder) {
  struct statfs facts{};
  return ::statfs(folder.c_str(), &facts) == 0 && facts.f_type != TMPFS_MAGIC;
}

void drop_from_cache(const std::string& path) {
  const UniqueFd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  ASSERT_EQ(::fsync(file.get()), 0);
  ASSERT_EQ(::posix_fadvise(file.get(), 0, 0, POSIX_FADV_DONTNEED), 0);
}

/// Share of a file's pages that the page cache holds, from 0 to 1.
double cached_share(const std::string& path, std::size_t size) {
  const UniqueFd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  void* const memory = ::mmap(nullptr, size, PROT_READ, MAP_SHARED, file.get(), 0);
  std::vector<unsigned char> pages(size / 4096);
  EXPECT_EQ(::mincore(memory, size, pages.data()), 0);
  ::munmap(memory, size);
  const auto cached = std::ranges::count_if(pages, [](unsigned char page) { return (page & 1) != 0; });
  return static_cast<double>(cached) / static_cast<double>(pages.size());
}

/// In its sandbox, where files can't be opened any more.
TEST(CopyCache, the_real_command_leaves_the_layers_out_of_the_page_cache) {
  const TempDir folder;
  if (!has_a_disk_below(folder.path())) {
    GTEST_SKIP() << folder.path() << " is on a tmpfs, which is nothing but page cache";
  }
  const std::string image = folder / "a.qcow2";
  create_qcow2(image, {.options = {}, .backing = {}, .backing_format = {}, .size = disk_size});
  qemu_io(image, {"write -P 7 0 32M"});
  drop_from_cache(image);
  must_run({QCHAIN_BINARY, "copy", image, folder / "out.raw"});
  EXPECT_LT(cached_share(image, disk_size), 0.25);
  EXPECT_TRUE(run({"qemu-img", "compare", "-q", image, folder / "out.raw"}).ok());
}

}  // namespace
}  // namespace qchain::test
