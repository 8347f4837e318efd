#include "fusefs/filesystem.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>

#include "fusefs/thread_buffer.h"
#include "tests/support/bytes_of.h"
#include "tests/unit/chain/fake_image.h"

namespace qchain::test {
namespace {

using namespace fusefs;

constexpr std::uint64_t kib = 1024;

Extent extent(ExtentKind kind, std::uint64_t start, std::uint64_t length) {
  Extent result{.start = start, .length = length, .kind = kind};
  if (kind == ExtentKind::data) {
    result.offset = start;
  }
  return result;
}

/// One layer of 256 KiB: data 0..32 KiB, hole, data 64..96 KiB, broken 96..128 KiB, zero 128..160 KiB, hole; with a
/// partition from 16 KiB to 80 KiB.
class FileSystemTest : public testing::Test {
 protected:
  FileSystemTest()
      : stored_(telling_bytes(256 * kib, 7)),
        views_(
            slice_of({std::make_shared<FakeImage>(
                256 * kib,
                Extents{extent(ExtentKind::data, 0, 32 * kib), extent(ExtentKind::data, 64 * kib, 32 * kib),
                        extent(ExtentKind::broken, 96 * kib, 32 * kib), extent(ExtentKind::zero, 128 * kib, 32 * kib)},
                stored_)}),
            ViewCaches()),
        files_(Tree::folder(views_.slice(), std::vector<Partition>{{1, {16 * kib, 64 * kib}}}), views_,
               Owner{1000, 100, 0}, crew_, reporter_, Zeros::of_size(max_reply).value()) {}

  OpenFile& open(const Inode inode) { return **files_.open(inode, O_RDONLY); }
  OpenFile& disk() { return open(disk_inode); }
  OpenFile& partition() { return open(first_partition_inode + 1); }

  ByteVector stored(std::uint64_t start, std::uint64_t length) const {
    return {stored_.begin() + static_cast<std::ptrdiff_t>(start),
            stored_.begin() + static_cast<std::ptrdiff_t>(start + length)};
  }
  Reply<ByteVector> read(OpenFile& file, Range range) {
    ReplyPipe none;
    const auto content = files_.read(file, range, {thread_buffer(), none});
    if (!content) {
      return std::unexpected(content.error());
    }
    return ByteVector(content->bytes.begin(), content->bytes.end());
  }

  ByteVector stored_;
  std::vector<std::string> lines_;
  Reporter reporter_{[this](const std::string& line) { lines_.push_back(line); }};
  Views views_;
  Crew crew_;
  FileSystem files_;
};

TEST_F(FileSystemTest, LooksUpByName) {
  const auto found = files_.lookup(root_inode, "disk.raw");
  ASSERT_TRUE(found);
  EXPECT_EQ(found->stat.st_ino, disk_inode);
  EXPECT_EQ(files_.lookup(root_inode, "nothing").error(), std::errc::no_such_file_or_directory);
}

TEST_F(FileSystemTest, CountsBlocksOnlyWhenAskedForAll) {
  EXPECT_FALSE(files_.lookup(root_inode, "disk.raw")->complete);
  EXPECT_FALSE(files_.quick_attributes(disk_inode)->complete);
  const auto counted = files_.attributes(disk_inode);
  EXPECT_TRUE(counted->complete);
  EXPECT_EQ(counted->stat.st_blocks, 128);
  EXPECT_TRUE(files_.lookup(root_inode, "disk.raw")->complete);
}

TEST_F(FileSystemTest, CountsAPartitionsOwnBlocks) {
  const auto counted = files_.attributes(first_partition_inode + 1);
  EXPECT_EQ(counted->stat.st_size, 64 * kib);
  EXPECT_EQ(counted->stat.st_blocks, 64);
}

TEST_F(FileSystemTest, TakesTheUmaskOffTheMode) {
  FileSystem files(Tree::folder(views_.slice(), {}), views_, Owner{1, 2, 027}, crew_, reporter_,
                   Zeros::of_size(max_reply).value());
  EXPECT_EQ(files.attributes(disk_inode)->stat.st_mode, S_IFREG | 0440U);
  EXPECT_EQ(files.attributes(root_inode)->stat.st_mode, S_IFDIR | 0550U);
  EXPECT_EQ(files.attributes(root_inode)->stat.st_uid, 1U);
  EXPECT_EQ(files.attributes(root_inode)->stat.st_gid, 2U);
}

TEST_F(FileSystemTest, CountsLinksOfAFolderByItsFolders) {
  EXPECT_EQ(files_.attributes(root_inode)->stat.st_nlink, 4U);
  EXPECT_EQ(files_.attributes(layers_inode)->stat.st_nlink, 2U);
  EXPECT_EQ(files_.attributes(disk_inode)->stat.st_nlink, 1U);
}

TEST_F(FileSystemTest, ListsDotsFirst) {
  const auto entries = files_.list(layers_inode);
  ASSERT_TRUE(entries);
  ASSERT_EQ(entries->size(), 3U);
  EXPECT_EQ((*entries)[0].inode, layers_inode);
  EXPECT_EQ((*entries)[1].name, "..");
  EXPECT_EQ((*entries)[1].inode, root_inode);
  EXPECT_EQ((*entries)[2].name, "1-layer1.raw");
  EXPECT_EQ(files_.list(disk_inode).error(), std::errc::not_a_directory);
}

TEST_F(FileSystemTest, RefusesToOpenForWriting) {
  for (const int flags : {O_WRONLY, O_RDWR, O_RDONLY | O_TRUNC}) {
    EXPECT_EQ(files_.open(disk_inode, flags).error(), std::errc::read_only_file_system);
  }
  EXPECT_EQ(files_.open(layers_inode, O_RDONLY).error(), std::errc::is_a_directory);
  EXPECT_EQ(files_.open(99, O_RDONLY).error(), std::errc::no_such_file_or_directory);
}

TEST_F(FileSystemTest, GrantsReadingAlone) {
  EXPECT_TRUE(files_.access(disk_inode, R_OK));
  EXPECT_EQ(files_.access(disk_inode, W_OK).error(), std::errc::read_only_file_system);
  EXPECT_EQ(files_.access(disk_inode, X_OK).error(), std::errc::permission_denied);
  EXPECT_TRUE(files_.access(layers_inode, R_OK | X_OK));
}

TEST_F(FileSystemTest, ReadsAcrossDataAndHoles) {
  const auto bytes = read(disk(), {31 * kib, 34 * kib});
  ASSERT_TRUE(bytes);
  ByteVector expected = stored(31 * kib, 1 * kib);
  expected.resize(33 * kib);
  const ByteVector tail = stored(64 * kib, 1 * kib);
  expected.insert(expected.end(), tail.begin(), tail.end());
  EXPECT_EQ(*bytes, expected);
}

TEST_F(FileSystemTest, ReadsZerosOfAHole) {
  EXPECT_EQ(read(disk(), {40 * kib, 16 * kib}), ByteVector(16 * kib));
}

TEST_F(FileSystemTest, CutsAReadAtTheEndOfTheFile) {
  EXPECT_EQ(read(disk(), {255 * kib, 8 * kib})->size(), 1 * kib);
  EXPECT_EQ(read(disk(), {256 * kib, 8 * kib})->size(), 0U);
  EXPECT_EQ(read(disk(), {INT64_MAX, max_reply})->size(), 0U);
}

TEST_F(FileSystemTest, ReadsAPartitionFromItsOwnStart) {
  EXPECT_EQ(read(partition(), {0, 4 * kib}), stored(16 * kib, 4 * kib));
}

TEST_F(FileSystemTest, EndsAPartitionBeforeTheBytesBehindIt) {
  EXPECT_EQ(read(partition(), {60 * kib, 64 * kib}), stored(76 * kib, 4 * kib));
}

TEST_F(FileSystemTest, AnswersABrokenRangeWithEioAndSaysSoOnce) {
  OpenFile& file = disk();
  EXPECT_EQ(read(file, {90 * kib, 16 * kib}).error(), std::errc::io_error);
  EXPECT_EQ(read(file, {100 * kib, 4 * kib}).error(), std::errc::io_error);
  ASSERT_EQ(lines_.size(), 1U);
  EXPECT_TRUE(lines_[0].starts_with("guest offset 98304 is unreadable: layer1: ")) << lines_[0];
}

TEST_F(FileSystemTest, ReadsWhatLiesBesideABrokenRange) {
  EXPECT_EQ(read(disk(), {92 * kib, 4 * kib}), stored(92 * kib, 4 * kib));
  EXPECT_EQ(read(disk(), {128 * kib, 4 * kib}), ByteVector(4 * kib));
}

TEST_F(FileSystemTest, SeeksDataAndHoles) {
  OpenFile& file = disk();
  EXPECT_EQ(files_.seek(file, 0, Seek::hole), 32 * kib);
  EXPECT_EQ(files_.seek(file, 33 * kib, Seek::data), 64 * kib);
  EXPECT_EQ(files_.seek(file, 64 * kib, Seek::hole), 128 * kib);  // what is broken counts as data
  EXPECT_EQ(files_.seek(file, 128 * kib, Seek::data).error(), std::errc::no_such_device_or_address);
  EXPECT_EQ(files_.seek(file, 256 * kib, Seek::hole).error(), std::errc::no_such_device_or_address);
}

TEST_F(FileSystemTest, SeeksInsideAPartition) {
  OpenFile& file = partition();
  EXPECT_EQ(files_.seek(file, 0, Seek::hole), 16 * kib);
  EXPECT_EQ(files_.seek(file, 16 * kib, Seek::data), 48 * kib);
  EXPECT_EQ(files_.seek(file, 48 * kib, Seek::hole), 64 * kib);
}

TEST_F(FileSystemTest, KeepsAnOpenFileUntilItIsReleased) {
  OpenFile* file = files_.open(disk_inode, O_RDONLY).value();
  const std::weak_ptr<const View> view = file->view;
  files_.release(file);
  EXPECT_FALSE(view.expired());  // the disk's view stays
}

TEST(LowerViews, LiveAsLongAsTheyAreHeld) {
  Views views(slice_of({std::make_shared<FakeImage>(4096, Extents{}), std::make_shared<FakeImage>(4096, Extents{})}),
              ViewCaches());
  SharedView view = views.up_to(0);
  EXPECT_EQ(views.up_to(0), view);
  const std::weak_ptr<const View> observer = view;
  view.reset();
  EXPECT_TRUE(observer.expired());
  EXPECT_EQ(views.up_to(1)->slice().top, 1U);
}

}  // namespace
}  // namespace qchain::test
