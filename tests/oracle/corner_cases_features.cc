// Cases 14 to 16 and 24: feature bits, refcount widths, encryption.
#include "tests/oracle/corner_case.h"

namespace qchain::test {
namespace {

class FeatureCase : public CornerCase {
 protected:
  FeatureCase() : image_(qcow2("disk.qcow2", MiB, "lazy_refcounts=on")) {
    qemu_io(image_, {"write -P 7 100k 300k", "write -z 200k 64k"});
  }
  std::string image_;
};

TEST_F(FeatureCase, Case14_UnknownIncompatibleBitIsRefusedByNumber) {
  poke_be<std::uint8_t>(image_, 79, 0x20);
  EXPECT_FALSE(try_qemu_bytes(image_));
  EXPECT_TRUE(is_refused(image_, ErrorKind::unsupported, "incompatible feature bits: 5"));
}

TEST_F(FeatureCase, Case14_UnknownIncompatibleBitIsNamedByTheFeatureTable) {
  const ExtensionPlace table = extension_place(image_, 0x6803f857);
  ByteVector entry = bytes_of({0, 63});
  const ByteVector name = bytes_of("time travel");
  entry.insert(entry.end(), name.begin(), name.end());
  entry.resize(48);
  poke(image_, table.place, entry);
  poke_be<std::uint8_t>(image_, field::incompatible, 0x80);
  EXPECT_TRUE(is_refused(image_, ErrorKind::unsupported, "time travel"));
}

TEST_F(FeatureCase, Case14_UnknownCompatibleAndAutoclearBitsAreIgnoredAndKept) {
  poke_be(image_, field::compatible, std::uint64_t{0x8000000000000041});
  poke_be(image_, field::autoclear, std::uint64_t{0x8000000000000040});
  const ByteVector before = read_file(image_);
  EXPECT_TRUE(reads_like_qemu(image_));
  EXPECT_EQ(read_file(image_), before);
}

TEST_F(FeatureCase, Case15_DirtyImageIsReadAndNotTouched) {
  poke_be<std::uint64_t>(image_, field::incompatible, 1);
  const ByteVector before = read_file(image_);
  EXPECT_TRUE(reads_like_qemu(image_));
  EXPECT_EQ(read_file(image_), before);
}

TEST_F(FeatureCase, Case15_DirtyBitOfAnAbortedWriter) {
  // As a killed QEMU leaves it, with refcounts that do not know the new clusters.
  EXPECT_NE(run(qemu_io_command(image_, "qcow2", {"write -P 9 600k 100k", "flush", "abort"})).status, 0);
  ASSERT_EQ(peek_be<std::uint64_t>(image_, field::incompatible) & 1, 1U);
  EXPECT_TRUE(reads_like_qemu(image_));
}

TEST_F(FeatureCase, Case15_CorruptImageIsReadAndNotTouched) {
  poke_be<std::uint64_t>(image_, field::incompatible, 2);
  const ByteVector before = read_file(image_);
  EXPECT_TRUE(reads_like_qemu(image_));
  EXPECT_EQ(read_file(image_), before);
}

class RefcountWidth : public CornerCase, public testing::WithParamInterface<int> {};

TEST_P(RefcountWidth, Case16_IsNoMatterForReading) {
  const std::string image = qcow2("disk.qcow2", MiB, "refcount_bits=" + std::to_string(GetParam()));
  qemu_io(image, {"write -P 7 100k 300k"});
  EXPECT_TRUE(reads_like_qemu(image));
}

TEST_P(RefcountWidth, Case16_RefcountsAreNotNeededAtAll) {
  const std::string image = qcow2("disk.qcow2", MiB, "refcount_bits=" + std::to_string(GetParam()));
  qemu_io(image, {"write -P 7 100k 300k"});
  poke(image, peek_be<std::uint64_t>(image, field::refcount_offset), ByteVector(64 * KiB, std::byte{0xee}));
  EXPECT_TRUE(reads_like_qemu(image));
}

INSTANTIATE_TEST_SUITE_P(AllWidths, RefcountWidth, testing::Values(1, 2, 4, 8, 16, 32, 64));

/// qemu-img times its key derivation when it makes a LUKS image, and now and then gives up ("Unable to get accurate CPU
/// usage"): so it is asked more than once.
std::string encrypted(const std::string& image, const std::string& options) {
  const Arguments create{"qemu-img",
                         "create",
                         "-q",
                         "-f",
                         "qcow2",
                         "--object",
                         "secret,id=key,data=passphrase",
                         "-o",
                         options + ",encrypt.key-secret=key",
                         image,
                         "1M"};
  for (int attempt = 0; attempt < 20; ++attempt) {
    if (run(create).ok()) {
      return image;
    }
  }
  must_run(create);
  return image;
}

TEST_F(CornerCase, Case24_LuksIsRefusedByName) {
  EXPECT_TRUE(is_refused(encrypted(path("luks.qcow2"), "encrypt.format=luks,encrypt.iter-time=10"),
                         ErrorKind::unsupported, "LUKS"));
}

TEST_F(CornerCase, Case24_AesIsRefusedByName) {
  EXPECT_TRUE(is_refused(encrypted(path("aes.qcow2"), "encrypt.format=aes"), ErrorKind::unsupported, "AES"));
}

TEST_F(CornerCase, Case24_EncryptedLayerUnderAPlainOne) {
  encrypted(path("secret.qcow2"), "encrypt.format=aes");
  unchecked_overlay("plain.qcow2", "secret.qcow2", "qcow2", MiB);
  EXPECT_TRUE(is_refused(path("plain.qcow2"), ErrorKind::unsupported, "secret.qcow2"));
}

TEST_F(FeatureCase, Case24_UnknownEncryptionMethod) {
  poke_be<std::uint32_t>(image_, field::crypt_method, 3);
  EXPECT_FALSE(try_qemu_bytes(image_));
  EXPECT_TRUE(is_refused(image_, ErrorKind::unsupported, "encryption method 3"));
}

}  // namespace
}  // namespace qchain::test
