#include "qcow/copy/copy_to_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>

#include "tests/support/files.h"
#include "tests/support/qemu.h"
#include "tests/support/seed.h"
#include "tests/support/temp_dir.h"
#include "tests/support/views.h"
#include "tests/unit/storage/loop_device.h"
#include "tests/unit/storage/qemu_io_session.h"

namespace qchain {
namespace {

using test::create_overlay;
using test::create_qcow2;
using test::qemu_bytes;
using test::qemu_io;
using test::same_bytes;
using ::testing::HasSubstr;

/// Where qemu-img puts the L1 table of an image with 64 KiB clusters.
constexpr std::uint64_t l1_offset = std::uint64_t{3} * 65536;

std::uint64_t disk_bytes(const std::string& path) {
  struct stat status{};
  return ::stat(path.c_str(), &status) == 0 ? static_cast<std::uint64_t>(status.st_blocks) * 512 : UINT64_MAX;
}

class CopyToFileTest : public ::testing::Test {
 protected:
  static void create(const std::string& path, std::uint64_t size, const std::string& options = {}) {
    create_qcow2(path, {.options = options, .backing = {}, .backing_format = {}, .size = size});
  }

  /// base.raw <- a.qcow2 <- b.qcow2, with data, zeros and holes in each.
  std::string three_layers() {
    test::make_hole_file(folder_ / "base.raw", 8 << 20);
    qemu_io(folder_ / "base.raw", {"write -P 1 0 3M", "write -P 2 5M 100k"}, "raw");
    create_overlay(folder_ / "a.qcow2", folder_ / "base.raw", "raw", "cluster_size=4k");
    qemu_io(folder_ / "a.qcow2", {"write -P 3 1M 12k", "write -z 2M 256k", "write -P 4 6M 4k"});
    create_overlay(folder_ / "b.qcow2", folder_ / "a.qcow2", "qcow2");
    qemu_io(folder_ / "b.qcow2", {"write -P 5 1028k 64k", "write -c -P 6 4M 64k", "write -P 0 7M 512k"});
    return folder_ / "b.qcow2";
  }

  Result<CopyTotals> copy(const std::string& image, ImageFormat format, Existing existing = Existing::refuse,
                          const CopyOptions& options = {}) {
    const auto view = QC_TRY(test::open_view(image));
    return copy_to_file(*view, {.path = out_, .format = format, .existing = existing}, options);
  }

  /// The output is an image that qemu-img finds no fault with, and reads as `image` does.
  void expect_good_qcow2(const std::string& image) {
    const auto check = test::run({"qemu-img", "check", "-f", "qcow2", out_});
    EXPECT_EQ(check.status, 0) << check.out << check.err;
    EXPECT_THAT(check.out, HasSubstr("No errors were found"));
    EXPECT_TRUE(same_bytes(qemu_bytes(image), qemu_bytes(out_, "qcow2")));
  }

  /// Names of all that is in the folder.
  std::vector<std::string> listing() {
    std::vector<std::string> names;
    for (const auto& entry : std::filesystem::directory_iterator(folder_.path())) {
      names.push_back(entry.path().filename());
    }
    return names;
  }

  test::TempDir folder_;
  std::string out_ = folder_ / "out";
};

TEST_F(CopyToFileTest, RawIsWhatQemuReads) {
  const std::string image = three_layers();
  const auto totals = copy(image, ImageFormat::raw);
  ASSERT_TRUE(totals) << describe(totals.error());
  EXPECT_TRUE(same_bytes(qemu_bytes(image), test::read_file(out_)));
  EXPECT_EQ(totals->copied + totals->cloned + totals->zero, 8U << 20);
}

TEST_F(CopyToFileTest, Qcow2IsCleanAndWhatQemuReads) {
  const std::string image = three_layers();
  const auto totals = copy(image, ImageFormat::qcow2);
  ASSERT_TRUE(totals) << describe(totals.error());
  expect_good_qcow2(image);
}

TEST_F(CopyToFileTest, Qcow2HasNoBackingFileAndTheUsualProperties) {
  ASSERT_TRUE(copy(three_layers(), ImageFormat::qcow2));
  const std::string info = test::qemu_img({"info", "--output=json", out_});
  EXPECT_THAT(info, HasSubstr("\"cluster-size\": 65536"));
  EXPECT_THAT(info, HasSubstr("\"compat\": \"1.1\""));
  EXPECT_THAT(info, HasSubstr("\"refcount-bits\": 16"));
  EXPECT_THAT(info, Not(HasSubstr("backing")));
}

TEST_F(CopyToFileTest, Qcow2CanBeWrittenOnByQemu) {
  ASSERT_TRUE(copy(three_layers(), ImageFormat::qcow2));
  qemu_io(out_, {"write -P 9 3M 2M", "write -P 8 0 512"});
  EXPECT_EQ(test::run({"qemu-img", "check", out_}).status, 0);
}

TEST_F(CopyToFileTest, HolesStayHoles) {
  create(folder_ / "sparse.qcow2", std::uint64_t{64} << 30);
  qemu_io(folder_ / "sparse.qcow2", {"write -P 1 0 64k", "write -P 2 40G 64k"});
  const auto totals = copy(folder_ / "sparse.qcow2", ImageFormat::raw);
  ASSERT_TRUE(totals) << describe(totals.error());
  EXPECT_EQ(test::file_size(out_), std::uint64_t{64} << 30);
  EXPECT_LE(disk_bytes(out_), 256U << 10);
  EXPECT_EQ(totals->zero, (std::uint64_t{64} << 30) - (128U << 10));
}

TEST_F(CopyToFileTest, StoredZerosTakeNoSpaceInEitherFormat) {
  create(folder_ / "zeros.qcow2", 4 << 20);
  qemu_io(folder_ / "zeros.qcow2", {"write -P 0 0 4M", "write -P 7 1M 64k"});
  ASSERT_TRUE(copy(folder_ / "zeros.qcow2", ImageFormat::qcow2));
  expect_good_qcow2(folder_ / "zeros.qcow2");
  EXPECT_LE(test::file_size(out_), std::uint64_t{6} * 65536)
      << "header, L1, L2, one data cluster, refcount block and table";
  std::filesystem::remove(out_);
  const auto totals = copy(folder_ / "zeros.qcow2", ImageFormat::raw);
  ASSERT_TRUE(totals);
  EXPECT_EQ(totals->copied + totals->cloned, 65536U);
}

TEST_F(CopyToFileTest, EmptyDisk) {
  create(folder_ / "empty.qcow2", 0);
  ASSERT_TRUE(copy(folder_ / "empty.qcow2", ImageFormat::qcow2));
  expect_good_qcow2(folder_ / "empty.qcow2");
  ASSERT_TRUE(copy(folder_ / "empty.qcow2", ImageFormat::raw, Existing::replace));
  EXPECT_EQ(test::file_size(out_), 0U);
}

TEST_F(CopyToFileTest, SizeThatIsNoMultipleOfACluster) {
  const std::uint64_t size = (std::uint64_t{3} << 20) + 512 * 3;
  create(folder_ / "odd.qcow2", size);
  qemu_io(folder_ / "odd.qcow2", {"write -P 5 " + std::to_string(size - 1024) + " 1024"});
  ASSERT_TRUE(copy(folder_ / "odd.qcow2", ImageFormat::qcow2));
  expect_good_qcow2(folder_ / "odd.qcow2");
  ASSERT_TRUE(copy(folder_ / "odd.qcow2", ImageFormat::raw, Existing::replace));
  EXPECT_TRUE(same_bytes(qemu_bytes(folder_ / "odd.qcow2"), test::read_file(out_)));
}

TEST_F(CopyToFileTest, DataUnderSeveralL2Tables) {
  const std::string image = folder_ / "wide.qcow2";
  create(image, std::uint64_t{3} << 30);  // an L2 table maps 512 MiB
  qemu_io(image, {"write -P 1 64k 64k", "write -P 2 1G 64k", "write -P 3 2560M 128k"});
  ASSERT_TRUE(copy(image, ImageFormat::qcow2));
  EXPECT_EQ(test::run({"qemu-img", "check", out_}).status, 0);
  const auto compare = test::run({"qemu-img", "compare", "-f", "qcow2", "-F", "qcow2", image, out_});
  EXPECT_EQ(compare.status, 0) << compare.out;
}

TEST_F(CopyToFileTest, DataAtTheEndOfAHugeDisk) {
  const std::uint64_t size = std::uint64_t{4} << 50;  // needs clusters of 128 KiB
  create(folder_ / "huge.qcow2", size, "cluster_size=2M");
  qemu_io(folder_ / "huge.qcow2", {"write -P 5 " + std::to_string(size - 65536) + " 64k"});
  const auto totals = copy(folder_ / "huge.qcow2", ImageFormat::qcow2);
  ASSERT_TRUE(totals) << describe(totals.error());
  EXPECT_EQ(test::run({"qemu-img", "check", out_}).status, 0);
  qemu_io(out_, {"read -P 5 " + std::to_string(size - 65536) + " 64k", "read -P 0 0 64k"});
}

TEST_F(CopyToFileTest, RandomChains) {
  test::Random random(test::announced_seed());
  for (int round = 0; round < 4; ++round) {
    std::string below = folder_ / "0.qcow2";
    create(below, 4 << 20);
    for (int layer = 1; layer < 5; ++layer) {
      std::vector<std::string> writes;
      for (int i = 0; i < 12; ++i) {
        const std::uint64_t start = random.below(3 << 20) / 512 * 512;
        const std::uint64_t length = random.between(1, 1000) * 512;
        const std::string how = random.chance(25) ? "-z" : "-P " + std::to_string(random.below(4));
        writes.push_back("write " + how + " " + std::to_string(start) + " " + std::to_string(length));
      }
      qemu_io(below, writes);
      const std::string next = folder_ / (std::to_string(layer) + ".qcow2");
      std::filesystem::remove(next);
      create_overlay(next, below, "qcow2", random.chance(50) ? "cluster_size=4k" : "extended_l2=on");
      below = next;
    }
    ASSERT_TRUE(copy(below, ImageFormat::qcow2, Existing::replace));
    expect_good_qcow2(below);
    ASSERT_TRUE(copy(below, ImageFormat::raw, Existing::replace));
    ASSERT_TRUE(same_bytes(qemu_bytes(below), test::read_file(out_)));
  }
}

TEST_F(CopyToFileTest, SameViewGivesTheSameBytes) {
  const std::string image = three_layers();
  ASSERT_TRUE(copy(image, ImageFormat::qcow2));
  const auto first = test::read_file(out_);
  ASSERT_TRUE(copy(image, ImageFormat::qcow2, Existing::replace, {.threads = 1, .progress = {}, .stop = {}}));
  EXPECT_TRUE(same_bytes(first, test::read_file(out_)));
}

TEST_F(CopyToFileTest, RefusesAnExistingFile) {
  test::write_file(out_, test::bytes_of("precious"));
  const auto totals = copy(three_layers(), ImageFormat::raw);
  ASSERT_FALSE(totals);
  EXPECT_EQ(totals.error().kind, ErrorKind::refused);
  EXPECT_EQ(describe(totals.error()), out_ + ": file exists; choose another name, or replace it with --force");
  EXPECT_EQ(test::read_file(out_), test::bytes_of("precious"));
}

TEST_F(CopyToFileTest, RefusesALayerOfTheChainEvenToBeReplaced) {
  const std::string image = three_layers();
  std::filesystem::create_hard_link(folder_ / "base.raw", out_);
  const auto totals = copy(image, ImageFormat::raw, Existing::replace);
  ASSERT_FALSE(totals);
  EXPECT_EQ(totals.error().kind, ErrorKind::refused);
  EXPECT_THAT(describe(totals.error()), HasSubstr("belongs to the chain"));
}

TEST_F(CopyToFileTest, RefusesAnImageAndItsDataFileToBeReplaced) {
  const std::string image = folder_ / "image.qcow2";
  create(image, 1 << 20, "data_file=" + folder_ / "data");
  for (const std::string& layer : {image, folder_ / "data"}) {
    std::filesystem::remove(out_);
    std::filesystem::create_hard_link(layer, out_);
    const auto totals = copy(image, ImageFormat::raw, Existing::replace);
    ASSERT_FALSE(totals);
    EXPECT_THAT(describe(totals.error()), HasSubstr("belongs to the chain"));
  }
}

TEST_F(CopyToFileTest, RefusesToReplaceAFileInUse) {
  const std::string image = three_layers();
  create(out_, 1 << 20);
  const test::QemuIoSession reader({"-r", "-f", "qcow2", out_});
  const auto totals = copy(image, ImageFormat::raw, Existing::replace);
  ASSERT_FALSE(totals);
  EXPECT_EQ(totals.error().kind, ErrorKind::locked);
}

TEST_F(CopyToFileTest, FailedReplacementKeepsTheOldFile) {
  const std::string image = three_layers();
  test::write_file(out_, test::bytes_of("precious"));
  test::poke_be(folder_ / "b.qcow2", l1_offset, std::uint64_t{0x12345});  // an L2 table off the clusters' borders
  const auto totals = copy(image, ImageFormat::raw, Existing::replace);
  ASSERT_FALSE(totals);
  EXPECT_EQ(totals.error().kind, ErrorKind::corrupt) << describe(totals.error());
  EXPECT_EQ(totals.error().path, folder_ / "b.qcow2");
  EXPECT_EQ(test::read_file(out_), test::bytes_of("precious"));
  EXPECT_EQ(listing().size(), 4U);
}

TEST_F(CopyToFileTest, FailureWhileMovingIsReportedAndLeavesNothing) {
  create(folder_ / "packed.qcow2", 8 << 20);
  qemu_io(folder_ / "packed.qcow2", {"write -c -P 6 0 64k"});
  const auto l2 = test::peek_be<std::uint64_t>(folder_ / "packed.qcow2", l1_offset) & 0x00fffffffffffe00;
  const auto packed = test::peek_be<std::uint64_t>(folder_ / "packed.qcow2", l2) & 0x3fffffffffffff;
  test::poke(folder_ / "packed.qcow2", packed, test::ByteVector(64, std::byte{0xff}));
  const auto totals = copy(folder_ / "packed.qcow2", ImageFormat::raw);
  ASSERT_FALSE(totals);
  EXPECT_EQ(totals.error().kind, ErrorKind::corrupt) << describe(totals.error());
  EXPECT_EQ(listing(), std::vector<std::string>{"packed.qcow2"});
}

TEST_F(CopyToFileTest, StopLeavesNothing) {
  const std::string image = three_layers();
  std::stop_source stop;
  const CopyOptions options{
      .threads = 2, .progress = [&](std::uint64_t, std::uint64_t) { stop.request_stop(); }, .stop = stop.get_token()};
  const auto totals = copy(image, ImageFormat::raw, Existing::refuse, options);
  ASSERT_FALSE(totals);
  EXPECT_EQ(totals.error().kind, ErrorKind::interrupted);
  EXPECT_FALSE(std::filesystem::exists(out_));
  EXPECT_EQ(listing().size(), 3U);
}

TEST_F(CopyToFileTest, ProgressRisesToTheStoredBytes) {
  std::vector<std::uint64_t> seen;
  std::uint64_t total = 0;
  const CopyOptions options{.threads = 2,
                            .progress =
                                [&](std::uint64_t done, std::uint64_t all) {
                                  seen.push_back(done);
                                  total = all;
                                },
                            .stop = {}};
  const auto totals = copy(three_layers(), ImageFormat::raw, Existing::refuse, options);
  ASSERT_TRUE(totals);
  EXPECT_TRUE(std::ranges::is_sorted(seen));
  EXPECT_EQ(seen.back(), total);
  EXPECT_GE(total, totals->copied + totals->cloned);
  EXPECT_LT(total, 8U << 20);
}

TEST_F(CopyToFileTest, FullFileSystemIsSaidAndLeavesNothing) {
  const std::string image = three_layers();
  const auto view = test::open_view(image).value();
  const std::string mount = folder_ / "small";
  std::filesystem::create_directory(mount);
  if (!test::run({"mount", "-t", "tmpfs", "-o", "size=1M", "tmpfs", mount}).ok()) {
    GTEST_SKIP() << "no tmpfs can be mounted here";
  }
  const auto totals = copy_to_file(*view, {.path = mount + "/out", .format = ImageFormat::raw, .existing = {}}, {});
  const bool empty = std::filesystem::is_empty(mount);
  test::must_run({"umount", mount});
  ASSERT_FALSE(totals);
  EXPECT_EQ(totals.error().kind, ErrorKind::no_space) << describe(totals.error());
  EXPECT_TRUE(empty);
}

class CopyToDeviceTest : public CopyToFileTest {
 protected:
  test::LoopDevice device(std::uint64_t size) {
    test::write_file(folder_ / "device", test::telling_bytes(size, 7));
    return {folder_ / "device", test::LoopDevice::Mode::writable};
  }
};

TEST_F(CopyToDeviceTest, OldContentIsGone) {
  const std::string image = three_layers();
  const auto target = device((8 << 20) + 65536);
  if (!target.ok()) {
    GTEST_SKIP() << target.reason();
  }
  out_ = target.path();
  const auto totals = copy(image, ImageFormat::raw, Existing::replace);
  ASSERT_TRUE(totals) << describe(totals.error());
  EXPECT_TRUE(same_bytes(qemu_bytes(image), test::read_file(out_, 0, 8 << 20)));
}

TEST_F(CopyToDeviceTest, RefusedWithoutForceOrAsQcow2OrTooSmall) {
  const std::string image = three_layers();
  const auto target = device(4 << 20);
  if (!target.ok()) {
    GTEST_SKIP() << target.reason();
  }
  out_ = target.path();
  EXPECT_EQ(copy(image, ImageFormat::raw).error().kind, ErrorKind::refused);
  EXPECT_EQ(copy(image, ImageFormat::qcow2, Existing::replace).error().kind, ErrorKind::refused);
  const auto small = copy(image, ImageFormat::raw, Existing::replace);
  EXPECT_EQ(small.error().kind, ErrorKind::refused);
  EXPECT_THAT(describe(small.error()), HasSubstr("4194304 bytes"));
  EXPECT_EQ(test::read_file(folder_ / "device"), test::telling_bytes(4 << 20, 7));
}

}  // namespace
}  // namespace qchain
