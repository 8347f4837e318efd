#include "qcow/format/relink.h"

#include <gtest/gtest.h>

#include <filesystem>

#include "qcow/format/header.h"
#include "tests/support/files.h"
#include "tests/support/qemu.h"
#include "tests/support/temp_dir.h"
#include "tests/support/views.h"

namespace qchain::test {
namespace {

ByteVector first_cluster(const std::string& path) {
  const std::uint64_t size = std::uint64_t{1} << peek_be<std::uint32_t>(path, 20);
  ByteVector cluster = read_file(path, 0, size);
  cluster.resize(size);
  return cluster;
}

/// Applies the rewrite in its two steps; after the first one the old header must still hold.
void apply(const std::string& path, std::string_view name, std::string_view format) {
  const auto before = format::parse_header(first_cluster(path));
  ASSERT_TRUE(before);
  const auto rewrite = format::rewrite_backing(first_cluster(path), name, format);
  ASSERT_TRUE(rewrite) << describe(rewrite.error());
  if (!rewrite->name.empty()) {
    ASSERT_GE(rewrite->name_offset, format::sector);
    poke(path, rewrite->name_offset, rewrite->name);
    const auto between = format::parse_header(first_cluster(path));
    ASSERT_TRUE(between);
    EXPECT_EQ(between->backing_file, before->backing_file);
    EXPECT_EQ(between->unknown_extensions.size(), before->unknown_extensions.size());
  }
  poke(path, 0, rewrite->first_sector);
  const auto after = format::parse_header(first_cluster(path));
  ASSERT_TRUE(after) << describe(after.error());
  EXPECT_EQ(after->backing_file, name);
  EXPECT_EQ(after->backing_format, format);
  EXPECT_EQ(after->l1_offset, before->l1_offset);
  EXPECT_EQ(after->incompatible, before->incompatible);
}

class Relink : public testing::TestWithParam<const char*> {
 protected:
  Relink() {
    make_hole_file(dir / "base.raw", 1 << 20);
    create_qcow2(image, {.options = GetParam(), .backing = "base.raw", .backing_format = "raw", .size = {}});
    qemu_io(image, {"write -P 7 0 64k"});
  }
  TempDir dir;
  std::string image = dir / "c.qcow2";
};

TEST_P(Relink, AnyNameOfAnyLengthBackAndForth) {
  for (const std::size_t length : {1U, 8U, 100U, 300U, 5U, 376U, 2U}) {
    std::string name(length, 'n');
    apply(image, name, length % 2 == 0 ? "raw" : "qcow2");
    if (HasFatalFailure()) {
      return;
    }
    const std::string info = qemu_img({"info", "-U", image});
    EXPECT_NE(info.find("backing file: " + name), std::string::npos) << info;
    EXPECT_NE(info.find("compat: "), std::string::npos);
  }
  apply(image, "base.raw", "raw");
  EXPECT_TRUE(run({"qemu-img", "check", "-q", image}).ok());
  EXPECT_EQ(qemu_bytes(image)[0], std::byte{7});
}

INSTANTIATE_TEST_SUITE_P(Headers, Relink,
                         testing::Values("cluster_size=512", "cluster_size=4k", "cluster_size=64k", "cluster_size=2M",
                                         "compat=0.10", "compat=0.10,cluster_size=512", "extended_l2=on",
                                         "compression_type=zstd", "lazy_refcounts=on"));

TEST(RelinkLimits, TheLongestNameFits) {
  TempDir dir;
  make_hole_file(dir / "b", 1 << 20);
  create_overlay(dir / "c.qcow2", "b", "raw");
  apply(dir / "c.qcow2", std::string(1023, 'x'), "raw");
  apply(dir / "c.qcow2", std::string(1023, 'y'), "raw");
  const auto too_long = format::rewrite_backing(first_cluster(dir / "c.qcow2"), std::string(1024, 'z'), "raw");
  ASSERT_FALSE(too_long);
  EXPECT_EQ(too_long.error().kind, ErrorKind::limit);
}

/// A run that was cut off after the switch, and is run again, says the same name once more.
TEST(RelinkLimits, ANameThatIsThereAlreadyNeedsNoOtherPlace) {
  const TempDir dir;
  make_hole_file(dir / "b", 1 << 20);
  for (const char* size : {"cluster_size=512", "cluster_size=1k", "cluster_size=2k", "cluster_size=4k"}) {
    for (const std::size_t length : {1U, 300U, 370U, 450U, 800U, 888U, 1023U}) {
      std::filesystem::remove(dir / "c.qcow2");
      create_overlay(dir / "c.qcow2", "b", "raw", size);
      const std::string name(length, 'x');
      if (format::rewrite_backing(first_cluster(dir / "c.qcow2"), name, "raw")) {
        apply(dir / "c.qcow2", name, "raw");
        apply(dir / "c.qcow2", name, "raw");
        EXPECT_NE(qemu_img({"info", "-U", dir / "c.qcow2"}).find("backing file: " + name), std::string::npos);
      }
    }
  }
}

TEST(RelinkLimits, Clusters512HaveRoomFor376Bytes) {
  TempDir dir;
  make_hole_file(dir / "b", 1 << 20);
  create_overlay(dir / "c.qcow2", "b", "raw", "cluster_size=512");
  EXPECT_TRUE(format::rewrite_backing(first_cluster(dir / "c.qcow2"), std::string(376, 'x'), "raw"));
  EXPECT_FALSE(format::rewrite_backing(first_cluster(dir / "c.qcow2"), std::string(377, 'x'), "raw"));
}

TEST(RelinkExtensions, UnknownOnesStayInTheirOrder) {
  TempDir dir;
  const std::string image = dir / "c.qcow2";
  make_hole_file(dir / "b", 1 << 20);
  create_overlay(image, "b", "raw", "cluster_size=4k");  // no feature names: the format is the only extension
  ByteVector unknown;
  for (const std::uint32_t word :
       {0x11111111U, 4U, 0xaaaaaaaaU, 0U, 0x22222222U, 8U, 0xbbbbbbbbU, 0xccccccccU, 0U, 0U}) {
    const auto bytes = big_endian(word);
    unknown.insert(unknown.end(), bytes.begin(), bytes.end());
  }
  poke(image, 112 + 16, unknown);
  const auto name = std::as_bytes(std::span("b", 1));
  poke(image, 400, name);
  poke_be<std::uint64_t>(image, 8, 400);
  apply(image, std::string(500, 'q'), "qcow2");
  const auto header = format::parse_header(first_cluster(image));
  ASSERT_TRUE(header);
  ASSERT_EQ(header->unknown_extensions.size(), 2U);
  EXPECT_EQ(header->unknown_extensions[0].type, 0x11111111U);
  EXPECT_EQ(header->unknown_extensions[1].type, 0x22222222U);
}

TEST(RelinkExtensions, AMissingFormatIsAdded) {
  TempDir dir;
  const std::string image = dir / "c.qcow2";
  make_hole_file(dir / "b", 1 << 20);
  create_overlay(image, "b", "raw");
  poke_be<std::uint32_t>(image, 112, 0x33333333);  // hides the format extension behind an unknown type
  apply(image, "other", "raw");
}

}  // namespace
}  // namespace qchain::test
