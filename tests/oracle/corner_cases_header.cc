// Cases 1 to 3: the header's versions and lengths, and the area of its extensions.
#include <algorithm>

#include "tests/oracle/corner_case.h"

namespace qchain::test {
namespace {

class HeaderCase : public CornerCase {
 protected:
  HeaderCase() { raw("base.raw", MiB); }
};

TEST_F(HeaderCase, Case01_Version2ExtensionsStartAtByte72) {
  const std::string image = overlay("v2.qcow2", "base.raw", "raw", "compat=0.10");
  ASSERT_EQ(extension_place(image, backing_format_extension).place, 80U);
  EXPECT_TRUE(reads_like_qemu(image));
}

TEST_F(HeaderCase, Case01_Version2HasNoVersion3Fields) {
  // The extension's type lies where version 3 has its incompatible bits: read as such they would be refused.
  const std::string image = overlay("v2.qcow2", "base.raw", "raw", "compat=0.10");
  const Result<Chain> chain = open_chain(image);
  ASSERT_TRUE(chain) << describe(chain.error());
  const format::Header& header = *chain->active().image->header();
  EXPECT_EQ(header.version, 2U);
  EXPECT_EQ(header.incompatible, 0U);
  EXPECT_EQ(header.refcount_order, 4U);
  EXPECT_EQ(header.backing_format, "raw");
}

TEST_F(HeaderCase, Case02_HeaderOf104BytesHasNoCompressionType) {
  const std::string image = overlay("short.qcow2", "base.raw", "raw");
  change_header_length(image, 104);
  ASSERT_NE(peek_be<std::uint8_t>(image, field::compression), 0);  // the extension's first byte now
  EXPECT_TRUE(reads_like_qemu(image));
}

TEST_F(HeaderCase, Case02_LongerHeaderKeepsItsUnknownTail) {
  const std::string image = overlay("long.qcow2", "base.raw", "raw");
  change_header_length(image, 128, 0xab);
  EXPECT_TRUE(reads_like_qemu(image));
  const Result<Chain> chain = open_chain(image);
  ASSERT_TRUE(chain) << describe(chain.error());
  EXPECT_EQ(chain->active().image->header()->unknown_fields, ByteVector(16, std::byte{0xab}));
}

TEST_F(HeaderCase, Case02_HeaderLongerThanAClusterIsRefused) {
  const std::string image = overlay("long.qcow2", "base.raw", "raw", "cluster_size=512");
  poke_be<std::uint32_t>(image, field::header_length, 520);
  EXPECT_FALSE(try_qemu_bytes(image));
  EXPECT_TRUE(is_refused(image, ErrorKind::corrupt, "header of 520 bytes"));
}

/// A version 2 image of 512-byte clusters whose backing name lies at `offset`.
void move_backing_name(const std::string& image, std::uint64_t offset, std::string_view name) {
  poke(image, offset, bytes_of(name));
  poke_be(image, field::backing_offset, offset);
  poke_be(image, field::backing_size, static_cast<std::uint32_t>(name.size()));
}

TEST_F(HeaderCase, Case03_ExtensionsEndAtTheBackingNameWithoutEndMarker) {
  const std::string image = overlay("tight.qcow2", "base.raw", "raw", "compat=0.10");
  move_backing_name(image, 72 + 8 + 8, "base.raw");
  EXPECT_TRUE(reads_like_qemu(image));
}

TEST_F(HeaderCase, Case03_ExtensionsEndAtTheClusterWithoutEndMarker) {
  const std::string image = qcow2("full.qcow2", MiB, "compat=0.10,cluster_size=512");
  qemu_io(image, {"write -P 7 0 64k"});
  poke_be<std::uint32_t>(image, 72, 0x12345678);
  poke_be<std::uint32_t>(image, 76, 512 - 80);
  EXPECT_TRUE(reads_like_qemu(image));
}

TEST_F(HeaderCase, Case03_PaddingIsNotRead) {
  const std::string image = overlay("padded.qcow2", "base.raw", "raw");
  const ExtensionPlace format = extension_place(image, backing_format_extension);
  ASSERT_EQ(format.length, 3U);
  poke(image, format.place + 3, bytes_of("XXXXX"));
  EXPECT_TRUE(reads_like_qemu(image));
}

TEST_F(HeaderCase, Case03_BackingNameIsNotTerminated) {
  const std::string image = overlay("named.qcow2", "base.raw", "raw");
  const auto end = peek_be<std::uint64_t>(image, field::backing_offset) + std::string_view("base.raw").size();
  poke(image, end, bytes_of("-and-what-follows-it"));
  EXPECT_TRUE(reads_like_qemu(image));
}

TEST_F(HeaderCase, Case03_BackingNameMayEndWithTheCluster) {
  const std::string image = overlay("end.qcow2", "base.raw", "raw", "cluster_size=4k");
  move_backing_name(image, 4 * KiB - 8, "base.raw");
  EXPECT_TRUE(reads_like_qemu(image));
}

TEST_F(HeaderCase, Case03_ExtensionThatRunsIntoTheBackingNameIsRefused) {
  const std::string image = overlay("over.qcow2", "base.raw", "raw");
  poke_be<std::uint32_t>(image, extension_place(image, backing_format_extension).place - 4, 1000);
  EXPECT_FALSE(try_qemu_bytes(image));
  EXPECT_TRUE(is_refused(image, ErrorKind::corrupt, "extension"));
}

TEST_F(HeaderCase, Case03_UnknownExtensionsAreKeptInTheirOrder) {
  const std::string image = qcow2("unknown.qcow2", MiB, "cluster_size=4k");
  ByteVector area = big_endian<std::uint32_t>(0x11111111);
  const auto append = [&](const ByteVector& bytes) { area.insert(area.end(), bytes.begin(), bytes.end()); };
  append(big_endian<std::uint32_t>(5));
  append(bytes_of("first"));
  area.resize(16);  // padding
  append(big_endian<std::uint32_t>(0x22222222));
  append(big_endian<std::uint32_t>(0));
  append(ByteVector(8));  // end marker
  poke(image, 112, area);
  EXPECT_TRUE(reads_like_qemu(image));
  const Result<Chain> chain = open_chain(image);
  ASSERT_TRUE(chain) << describe(chain.error());
  const auto& kept = chain->active().image->header()->unknown_extensions;
  ASSERT_EQ(kept.size(), 2U);
  EXPECT_EQ(kept[0].type, 0x11111111U);
  EXPECT_EQ(kept[0].data, bytes_of("first"));
  EXPECT_EQ(kept[1].type, 0x22222222U);
}

}  // namespace
}  // namespace qchain::test
