#include "qcow/verify/shared_blocks.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include "qcow/chain/raw_image.h"
#include "qcow/storage/file_storage.h"
#include "qcow/verify/compare.h"
#include "tests/support/files.h"
#include "tests/support/loop_xfs.h"
#include "tests/support/seed.h"
#include "tests/support/views.h"

namespace qchain::test {
namespace {

constexpr std::size_t size = std::size_t{4} << 20;
constexpr std::size_t block = 4096;

SharedStorage open_file(const std::string& path) {
  return *FileStorage::adopt(UniqueFd(::open(path.c_str(), O_RDONLY | O_CLOEXEC)), path);
}

Comparison compare_files(const std::string& left, const std::string& right) {
  std::vector<std::shared_ptr<View>> views;
  for (const std::string& path : {left, right}) {
    std::vector<Layer> layers;
    layers.push_back({.file = path, .backing_reference = {}, .image = std::make_shared<RawImage>(open_file(path))});
    views.push_back(make_view({.chain = Chain(std::move(layers)), .base = 0, .top = 0}));
  }
  const auto comparison = compare(*views[0], *views[1]);
  EXPECT_TRUE(comparison) << describe(comparison.error());
  return comparison.value_or(Comparison{});
}

/// A file of random bytes, and one that shares all its blocks.
class SharedBlocksTest : public OnXfs {
 protected:
  void SetUp() override {
    OnXfs::SetUp();
    if (IsSkipped() || HasFatalFailure()) {
      return;
    }
    Random random(announced_seed());
    bytes_.resize(size);
    for (std::byte& byte : bytes_) {
      byte = std::byte{static_cast<std::uint8_t>(random.below(256))};
    }
    write_file(left(), bytes_);
    must_run({"cp", "--reflink=always", left(), right()});
    must_run({"sync", "-f", xfs().path()});
  }
  [[nodiscard]] std::string left() const { return xfs() / "left"; }
  [[nodiscard]] std::string right() const { return xfs() / "right"; }
  [[nodiscard]] std::byte other_than(std::size_t offset) const { return bytes_[offset] ^ std::byte{1}; }

  ByteVector bytes_;
};

TEST_F(SharedBlocksTest, need_no_reading) {
  const Comparison comparison = compare_files(left(), right());
  EXPECT_TRUE(comparison.same());
  EXPECT_EQ(comparison.compared, 0);
}

TEST_F(SharedBlocksTest, a_byte_written_since_is_found_before_it_is_on_the_disk) {
  for (const std::string& file : {right(), left()}) {
    const std::size_t offset = file == left() ? size - 1 : size / 2 + 77;
    poke(file, offset, std::array{other_than(offset)});
    const Comparison comparison = compare_files(left(), right());
    EXPECT_EQ(comparison.different, file == left() ? 2 : 1);
    EXPECT_EQ(comparison.first_difference, (Range{size / 2 + 77, 1}));
    EXPECT_LE(comparison.compared, 4 * 65536) << "the rest is shared still";
  }
}

TEST_F(SharedBlocksTest, the_same_bytes_in_other_blocks_are_read) {
  poke(right(), 5 * block, Bytes(bytes_).subspan(5 * block, 3 * block));
  const Comparison comparison = compare_files(left(), right());
  EXPECT_TRUE(comparison.same());
  EXPECT_GE(comparison.compared, 3 * block);
  EXPECT_LT(comparison.compared, size / 4);
}

TEST_F(SharedBlocksTest, blocks_that_a_third_file_has_say_nothing) {
  write_file(xfs() / "third", ByteVector(size, std::byte{3}));
  must_run({"cp", "--reflink=always", xfs() / "third", xfs() / "fourth"});
  const Comparison comparison = compare_files(left(), xfs() / "fourth");
  EXPECT_EQ(comparison.compared, size);
  EXPECT_GT(comparison.different, size / 2);
}

TEST_F(SharedBlocksTest, blocks_at_another_place_of_the_file_say_nothing) {
  must_run({"xfs_io", "-c", "reflink " + left() + " 0 " + std::to_string(size / 2) + " " + std::to_string(size / 2),
            right()});
  const Comparison comparison = compare_files(left(), right());
  EXPECT_EQ(comparison.compared, size / 2);
  EXPECT_EQ(comparison.first_difference->start, size / 2);
}

TEST_F(SharedBlocksTest, walks_files_in_any_order_and_says_the_same) {
  Random random(announced_seed());
  for (int i = 0; i < 40; ++i) {
    const std::size_t offset = random.below(size / block) * block;
    poke(random.below(2) == 0 ? right() : left(), offset, std::array{other_than(offset)});
  }
  const SharedStorage a = open_file(left());
  const SharedStorage b = open_file(right());
  const ByteVector of_a = read_file(left());
  const ByteVector of_b = read_file(right());
  SharedBlocks blocks;
  for (int i = 0; i < 2000; ++i) {
    const std::size_t offset = random.below(size);
    const auto answer = blocks.compare(*a, offset, *b, offset, random.between(1, size - offset));
    ASSERT_GE(answer.length, 1);
    ASSERT_LE(answer.length, size - offset);
    if (answer.same) {
      ASSERT_TRUE(
          std::ranges::equal(Bytes(of_a).subspan(offset, answer.length), Bytes(of_b).subspan(offset, answer.length)))
          << offset << ", " << answer.length;
    }
  }
}

/// Files of two file systems, in one folder; with inode numbers that tell the two apart, on one device.
class Overlay {
 public:
  Overlay(const std::string& first, const std::string& second)
      : mounted_(
            run({"mount", "-t", "overlay", "overlay", "-o", "xino=on,lowerdir=" + first + ":" + second, dir_.path()})) {
  }
  ~Overlay() {
    if (ok()) {
      static_cast<void>(run({"umount", dir_.path()}));
    }
  }
  Overlay(const Overlay&) = delete;
  Overlay& operator=(const Overlay&) = delete;
  [[nodiscard]] bool ok() const { return mounted_.ok(); }
  [[nodiscard]] const std::string& reason() const { return mounted_.err; }
  [[nodiscard]] std::string operator/(const std::string& name) const { return dir_ / name; }

 private:
  TempDir dir_;
  ProcessResult mounted_;
};

TEST_F(SharedBlocksTest, the_same_number_on_two_file_systems_that_show_as_one_says_nothing) {
  const LoopXfs beside;
  ASSERT_TRUE(beside.ok()) << beside.reason();
  write_file(beside / "other", ByteVector(size, std::byte{5}));
  must_run({"cp", "--reflink=always", beside / "other", beside / "copy"});
  must_run({"sync", "-f", beside.path()});
  const Overlay overlay(xfs().path(), beside.path());
  if (!overlay.ok()) {
    GTEST_SKIP() << "no overlayfs here: " << overlay.reason();
  }
  ASSERT_EQ(open_file(overlay / "left")->identity().device, open_file(overlay / "other")->identity().device);
  const Comparison comparison = compare_files(overlay / "left", overlay / "other");
  EXPECT_EQ(comparison.compared, size);
  EXPECT_GT(comparison.different, size / 2);
}

TEST(SharedBlocks, where_no_file_shares_blocks_all_is_read) {
  const TempDir dir;
  write_file(dir / "a", ByteVector(size, std::byte{1}));
  write_file(dir / "b", ByteVector(size, std::byte{1}));
  const Comparison comparison = compare_files(dir / "a", dir / "b");
  EXPECT_TRUE(comparison.same());
  EXPECT_EQ(comparison.compared, size);
}

}  // namespace
}  // namespace qchain::test
