#include "qcow/bulk/file_order.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <mutex>

#include "tests/unit/chain/fake_image.h"

namespace qchain::test {
namespace {

constexpr std::uint64_t cluster = 65536;

Extents stored_extents(const View& view) {
  Extents stored;
  ExtentWalk walk(view, {0, view.size()});
  while (const auto extent = walk.next()) {
    if (!extent->reads_zero()) {
      stored.push_back(*extent);
    }
  }
  return stored;
}

std::vector<std::byte> numbered(std::uint64_t size) {
  std::vector<std::byte> bytes(size);
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    bytes[i] = static_cast<std::byte>(i / 512);
  }
  return bytes;
}

enum class Lies : std::uint8_t { on_disk, in_memory };

/// `count` clusters of a file, the last one first in the guest.
View backwards(std::uint64_t count, Lies where = Lies::on_disk) {
  Extents extents;
  for (std::uint64_t i = 0; i < count; ++i) {
    extents.push_back(
        {.start = i * cluster, .length = cluster, .offset = (count - 1 - i) * cluster, .kind = ExtentKind::data});
  }
  const auto image = std::make_shared<FakeImage>(count * cluster, extents, numbered(count * cluster));
  image->pretend_in_memory(where == Lies::in_memory ? UINT64_MAX : 0);
  return View(slice_of({image}), ViewCaches{});
}

TEST(FileOrder, GivesEachStoredByteOnce) {
  std::mt19937_64 random(test_seed());
  for (int round = 0; round < 20; ++round) {
    std::vector<SharedImage> images;
    for (std::uint64_t inode = 1; inode <= 3; ++inode) {
      const auto image = random_image(random, (1 + random() % 64) * 65536, inode);
      image->pretend_in_memory(random() % 3 == 0 ? 0 : UINT64_MAX);
      images.push_back(image);
    }
    const View view(slice_of(images), ViewCaches{});
    std::vector<std::byte> found(view.size());
    std::vector<unsigned char> times(view.size() / 512);
    std::atomic<std::uint64_t> taken = 0;
    std::uint64_t told = 0;
    const FileOrderSink sink{.take = [&](std::span<const GuestPiece> pieces) -> Result<void> {
                               for (const auto& [guest, bytes] : pieces) {
                                 EXPECT_EQ(guest.length, bytes.size());
                                 std::ranges::copy(bytes, found.begin() + static_cast<std::ptrdiff_t>(guest.start));
                                 for (std::uint64_t at = guest.start; at < guest.end(); at += 512) {
                                   ++times[at / 512];
                                 }
                                 taken += guest.length;
                               }
                               return {};
                             },
                             .taken = [&](std::uint64_t bytes) -> Result<void> {
                               told += bytes;
                               return {};
                             }};
    const Extents stored = stored_extents(view);
    const unsigned threads = round % 2 == 0 ? 1 : 4;
    ASSERT_TRUE(read_in_file_order(view, stored, sink, {.threads = threads}));
    EXPECT_EQ(taken, told);
    for (const Extent& extent : stored) {
      std::vector<std::byte> expected(extent.length);
      ASSERT_TRUE(view.read(extent.start, expected));
      ASSERT_TRUE(std::ranges::equal(expected, Bytes(found).subspan(extent.start, extent.length))) << extent.start;
      for (std::uint64_t at = extent.start; at < extent.end(); at += 512) {
        ASSERT_EQ(times[at / 512], 1) << at;
      }
    }
    EXPECT_EQ(static_cast<std::uint64_t>(std::ranges::count(times, 1)) * 512, taken);
  }
}

TEST(FileOrder, ReadsAFileFromItsStartToItsEndInLargePieces) {
  const View view = backwards(64);
  StoredBatches batches(view, stored_extents(view), CacheUse::keep);
  std::uint64_t position = 0;
  while (const auto batch = batches.next()) {
    EXPECT_EQ(batch->stored, (Range{position, StoredBatches::batch_size}));
    EXPECT_EQ(batch->parts.front().start, 64 * cluster - position - cluster);
    position = batch->stored.end();
  }
  EXPECT_EQ(position, 64 * cluster);
}

TEST(FileOrder, CutsALongExtent) {
  const std::uint64_t size = (std::uint64_t{5} << 20) + cluster;
  const View view(slice_of({std::make_shared<FakeImage>(
                      size, Extents{{.start = 0, .length = size, .offset = 512, .kind = ExtentKind::data}})}),
                  ViewCaches{});
  StoredBatches batches(view, stored_extents(view), CacheUse::keep);
  std::vector<Range> cut;
  while (const auto batch = batches.next()) {
    cut.push_back(batch->parts.front().range());
    EXPECT_EQ(batch->stored.start, batch->parts.front().start + 512);
  }
  EXPECT_EQ(cut.size(), 6U);
  EXPECT_EQ(cut.back().end(), size);
}

class FileOrderEnds : public testing::TestWithParam<Lies> {};

TEST_P(FileOrderEnds, AtTheFirstError) {
  const View view = backwards(256, GetParam());
  std::atomic<int> calls = 0;
  const FileOrderSink sink{.take = [&](std::span<const GuestPiece>) -> Result<void> {
                             ++calls;
                             return fail(ErrorKind::no_space, "full");
                           },
                           .taken = {}};
  const auto outcome = read_in_file_order(view, stored_extents(view), sink, {.threads = 4});
  ASSERT_FALSE(outcome);
  EXPECT_EQ(outcome.error().kind, ErrorKind::no_space);
  EXPECT_LE(calls, 4) << "one in each thread's hands";
}

TEST_P(FileOrderEnds, ForACallerWhoCannotGoOn) {
  const View view = backwards(256, GetParam());
  const FileOrderSink sink{.take = [](std::span<const GuestPiece>) -> Result<void> { return {}; },
                           .taken = [](std::uint64_t) -> Result<void> { return fail(ErrorKind::io, "no"); }};
  EXPECT_FALSE(read_in_file_order(view, stored_extents(view), sink, {.threads = 2}));
}

TEST_P(FileOrderEnds, WhenAsked) {
  const View view = backwards(256, GetParam());
  std::stop_source stop;
  std::atomic<int> calls = 0;
  const FileOrderSink sink{.take = [&](std::span<const GuestPiece>) -> Result<void> {
                             ++calls;
                             stop.request_stop();
                             return {};
                           },
                           .taken = {}};
  const auto outcome = read_in_file_order(view, stored_extents(view), sink, {.threads = 2, .stop = stop.get_token()});
  ASSERT_FALSE(outcome);
  EXPECT_EQ(outcome.error().kind, ErrorKind::interrupted);
  EXPECT_LE(calls, 2) << "one in each thread's hands";
}

INSTANTIATE_TEST_SUITE_P(, FileOrderEnds, testing::Values(Lies::on_disk, Lies::in_memory));

}  // namespace
}  // namespace qchain::test
