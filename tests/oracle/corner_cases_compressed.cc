// Cases 9 to 11: compressed clusters.
#include <zstd.h>

#include <algorithm>

#include "tests/oracle/corner_case.h"

namespace qchain::test {
namespace {

constexpr std::uint64_t compressed_flag = std::uint64_t{1} << 62;
constexpr std::uint64_t sector = 512;

/// Compressible, but not alike from cluster to cluster.
ByteVector prose(std::size_t size) {
  ByteVector bytes(size);
  for (std::size_t i = 0; i < size; ++i) {
    bytes[i] = static_cast<std::byte>('a' + (i % 13) * (i / 3000 % 3) + i / 70000);
  }
  return bytes;
}

/// Makes `image` of all compressed clusters, as qemu-img convert -c does.
std::string packed(const std::string& image, const ByteVector& content, const std::string& options) {
  write_file(image + ".source", content);
  qemu_img({"convert", "-c", "-f", "raw", "-O", "qcow2", "-o", options, image + ".source", image});
  return image;
}

Extents compressed_extents(const std::string& image) {
  const auto view = open_view(image);
  if (!view) {
    return {};
  }
  Extents extents = extents_of(**view);
  std::erase_if(extents, [](const Extent& extent) { return extent.kind != ExtentKind::compressed; });
  return extents;
}

/// The entry of a compressed cluster: where the descriptor is split depends on the cluster size.
std::uint64_t compressed_entry(const std::string& image, std::uint64_t offset, std::uint64_t bytes) {
  const unsigned offset_bits = 62 - (peek_be<std::uint32_t>(image, field::cluster_bits) - 8);
  const std::uint64_t sectors = (offset % sector + bytes + sector - 1) / sector;
  return compressed_flag | (sectors - 1) << offset_bits | offset;
}

class ClusterSize : public CornerCase, public testing::WithParamInterface<const char*> {
 protected:
  [[nodiscard]] std::string options(const std::string& more = {}) const {
    return std::string("cluster_size=") + GetParam() + more;
  }
};

TEST_P(ClusterSize, Case09_ZlibClustersPackedWithoutRegardToSectors) {
  const std::string image = packed(path("disk.qcow2"), prose(5 * MiB + 300 * KiB), options());
  EXPECT_TRUE(reads_like_qemu(image));
  EXPECT_FALSE(compressed_extents(image).empty());
}

TEST_P(ClusterSize, Case11_ZstdClusters) {
  const std::string image = packed(path("disk.qcow2"), prose(5 * MiB + 300 * KiB), options(",compression_type=zstd"));
  EXPECT_TRUE(reads_like_qemu(image));
  EXPECT_FALSE(compressed_extents(image).empty());
}

TEST_P(ClusterSize, Case09_UnderAnOverlayThatHidesPieces) {
  packed(path("base.qcow2"), prose(5 * MiB), options());
  const std::string image = overlay("top.qcow2", "base.qcow2", "qcow2", "cluster_size=4k");
  qemu_io(image, {"write -P 9 10k 1k", "write -z 1M 12k", "write -P 8 2000k 100k"});
  EXPECT_TRUE(reads_like_qemu(image));
}

INSTANTIATE_TEST_SUITE_P(Sizes, ClusterSize, testing::Values("512", "4k", "64k", "2M"),
                         [](const auto& instance) { return std::string(instance.param); });

TEST_F(CornerCase, Case09_SeveralClustersShareASectorAndOneSpansHostClusters) {
  const std::string image = packed(path("disk.qcow2"), prose(8 * MiB), "cluster_size=4k");
  const Extents extents = compressed_extents(image);
  const auto shares = [&](const Extent& a, const Extent& b) {
    return b.offset > a.offset && b.offset / sector == a.offset / sector;
  };
  EXPECT_NE(std::ranges::adjacent_find(extents, shares), extents.end());
  const auto spans = [](const Extent& e) { return e.offset / 4096 != (e.offset + e.packed_size - 1) / 4096; };
  EXPECT_TRUE(std::ranges::any_of(extents, spans));
  EXPECT_TRUE(reads_like_qemu(image));
}

TEST_F(CornerCase, Case09_LastClusterMayNameSectorsPastTheEndOfTheFile) {
  const std::string image = packed(path("disk.qcow2"), prose(MiB), "cluster_size=64k");
  const Extents extents = compressed_extents(image);
  const Extent last = *std::ranges::max_element(extents, {}, &Extent::offset);
  const ByteVector file = read_file(image);
  const auto end = std::find_if(file.rbegin(), file.rend(), [](std::byte b) { return b != std::byte{0}; });
  const auto data_end = static_cast<std::uint64_t>(file.rend() - end);
  ASSERT_GT(data_end, last.offset) << "the packed bytes are the last ones of the file";
  ASSERT_LT(data_end, last.offset + last.packed_size);
  resize_file(image, data_end);
  EXPECT_TRUE(reads_like_qemu(image));
}

TEST_F(CornerCase, Case09_BytesThatDoNotInflateAreAnErrorThereAlone) {
  const std::string image = packed(path("disk.qcow2"), prose(MiB), "cluster_size=64k");
  const Extent victim = compressed_extents(image).at(3);
  poke(image, victim.offset, ByteVector(victim.packed_size / 2, std::byte{0xff}));
  EXPECT_TRUE(fails_where_qemu_fails(image, MiB, 64 * KiB));
}

TEST_F(CornerCase, Case09_TwoEntriesForTheSameBytesAreReadEachByItsOwnLength) {
  // One names too few sectors, and fails; that must not fail the other one, whichever is read first.
  const std::string image = qcow2("disk.qcow2", MiB);
  qemu_io(image, {"write -P 1 0 128k"});
  ByteVector source = telling_bytes(64 * KiB, 3);
  for (std::size_t i = 0; i < source.size(); i += 5) {
    source[i] = static_cast<std::byte>(i * i / 7);
  }
  write_file(path("noise"), source);
  qemu_io(image, {"write -c -s " + path("noise") + " 256k 64k"});
  const std::uint64_t whole = l2_entry(image, 256 * KiB);
  ASSERT_NE(whole & compressed_flag, 0U);
  ASSERT_GT((whole & ~(std::uint64_t{3} << 62)) >> 54, 2U);
  poke_l2_entry(image, 0, compressed_entry(image, whole & ((std::uint64_t{1} << 54) - 1), 1));
  poke_l2_entry(image, 64 * KiB, whole);
  EXPECT_TRUE(fails_where_qemu_fails(image, MiB, 64 * KiB));
  const auto view = open_view(image);
  ASSERT_TRUE(view) << describe(view.error());
  ByteVector bytes(64 * KiB);
  EXPECT_FALSE((*view)->read(0, bytes));
  ASSERT_TRUE((*view)->read(64 * KiB, bytes));
  EXPECT_TRUE(same_bytes(source, bytes));
}

TEST_F(CornerCase, Case10_BitmapOfACompressedClusterIsIgnored) {
  const std::string image = packed(path("disk.qcow2"), prose(MiB), "extended_l2=on");
  ASSERT_NE(l2_entry(image, 0) & compressed_flag, 0U);
  EXPECT_TRUE(reads_like_qemu(image));
  poke_subclusters(image, 0, UINT64_MAX);
  poke_subclusters(image, 64 * KiB, 0xffffffff00000000);
  EXPECT_TRUE(reads_like_qemu(image));
}

TEST_F(CornerCase, Case10_SubclusterWritesNextToCompressedClusters) {
  packed(path("base.qcow2"), prose(MiB), "extended_l2=on");
  const std::string image = overlay("top.qcow2", "base.qcow2", "qcow2", "extended_l2=on");
  qemu_io(image, {"write -c -P 7 64k 64k", "write -P 8 130k 2k", "write -z 300k 4k", "write -P 6 100k 1k"});
  EXPECT_TRUE(reads_like_qemu(image));
}

TEST_F(CornerCase, Case11_CompressionTypeAndItsBitMustAgree) {
  const std::string zstd = qcow2("zstd.qcow2", MiB, "compression_type=zstd");
  poke_be<std::uint8_t>(zstd, field::compression, 0);
  EXPECT_FALSE(try_qemu_bytes(zstd));
  EXPECT_TRUE(is_refused(zstd, ErrorKind::corrupt, "compression"));
  const std::string zlib = qcow2("zlib.qcow2", MiB);
  poke_be<std::uint8_t>(zlib, field::compression, 1);
  EXPECT_FALSE(try_qemu_bytes(zlib));
  EXPECT_TRUE(is_refused(zlib, ErrorKind::corrupt, "compression"));
}

TEST_F(CornerCase, Case11_UnknownCompressionTypeIsRefused) {
  const std::string image = qcow2("future.qcow2", MiB, "compression_type=zstd");
  poke_be<std::uint8_t>(image, field::compression, 2);
  EXPECT_FALSE(try_qemu_bytes(image));
  EXPECT_TRUE(is_refused(image, ErrorKind::unsupported, "compression type 2"));
}

ByteVector zstd_frame(Bytes content) {
  ByteVector frame(ZSTD_compressBound(content.size()));
  frame.resize(ZSTD_compress(frame.data(), frame.size(), content.data(), content.size(), 3));
  return frame;
}

TEST_F(CornerCase, Case11_SeveralZstdFramesInOneClusterAndWasteBehindThem) {
  const std::string image = qcow2("frames.qcow2", MiB, "compression_type=zstd");
  qemu_io(image, {"write -P 1 0 64k", "write -P 2 512k 64k"});
  const ByteVector content = prose(64 * KiB);
  ByteVector packed_bytes = zstd_frame(std::span(content).first(20000));
  const ByteVector second = zstd_frame(std::span(content).subspan(20000));
  packed_bytes.insert(packed_bytes.end(), second.begin(), second.end());
  const std::uint64_t host = (l2_entry(image, 512 * KiB) & 0x00fffffffffffe00) + 100;
  poke(image, host, packed_bytes);
  poke_l2_entry(image, 0, compressed_entry(image, host, packed_bytes.size() + 2000));
  EXPECT_TRUE(reads_like_qemu(image));
  EXPECT_TRUE(same_bytes(content, Bytes(read_image(image).value()).first(64 * KiB)));
}

}  // namespace
}  // namespace qchain::test
