#include <fcntl.h>
#include <gtest/gtest.h>

#include "qcow/storage/direct_storage.h"
#include "qcow/storage/file_storage.h"
#include "tests/support/aligned_memory.h"
#include "tests/support/files.h"
#include "tests/support/seed.h"
#include "tests/support/temp_dir.h"

namespace qchain::test {
namespace {

ByteVector random_bytes(Random& random, std::size_t size) {
  ByteVector bytes(size);
  for (std::byte& byte : bytes) {
    byte = std::byte{static_cast<std::uint8_t>(random.below(256))};
  }
  return bytes;
}

TEST(PastCacheTest, reads_the_same_bytes_in_whole_blocks_and_in_odd_pieces) {
  Random random(announced_seed());
  const TempDir dir;
  const ByteVector bytes = random_bytes(random, 300'003);
  write_file(dir / "file", bytes);
  const auto file = FileStorage::adopt(UniqueFd(::open((dir / "file").c_str(), O_RDONLY | O_CLOEXEC)), dir / "file");
  ASSERT_TRUE(file);
  const SharedStorage past = (*file)->past_cache();
  if (past == nullptr) {
    GTEST_SKIP() << "this file system knows no O_DIRECT";
  }
  const AlignedMemory blocks(20 * direct_block);
  for (int i = 0; i < 200; ++i) {
    const bool whole = i % 2 == 0;
    const std::uint64_t offset = whole ? random.below(75) * direct_block : random.below(bytes.size() + 9000);
    const MutableBytes into =
        blocks.bytes().first(whole ? random.between(1, 20) * direct_block : random.between(1, blocks.bytes().size()));
    const auto count = past->read(offset, into);
    ASSERT_TRUE(count) << describe(count.error());
    const std::size_t there = offset < bytes.size() ? std::min(into.size(), bytes.size() - offset) : 0;
    ASSERT_EQ(*count, there);
    ASSERT_TRUE(std::ranges::equal(into.first(there), Bytes(bytes).subspan(std::min(offset, bytes.size()), there)))
        << offset << ", " << into.size();
  }
}

}  // namespace
}  // namespace qchain::test
