#include <gtest/gtest.h>

#include <algorithm>

#include "qcow/storage/unique_fd.h"
#include "tests/support/page_cache.h"
#include "tests/support/process.h"
#include "tests/support/qemu.h"
#include "tests/support/temp_dir.h"

namespace qchain::test {
namespace {

constexpr std::size_t disk_size = std::size_t{32} << 20;

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
