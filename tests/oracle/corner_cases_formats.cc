// Case 20: what a header says of its backing file's format.
#include "tests/oracle/corner_case.h"

namespace qchain::test {
namespace {

/// Takes the recorded backing format out of a header: the extension gets a type that nobody knows.
void forget_format(const std::string& image) {
  poke_be<std::uint32_t>(image, extension_place(image, backing_format_extension).place - 8, 0x12345678);
}

TEST_F(CornerCase, Case20_MissingFormatIsRefusedWithTheCommandThatRecordsIt) {
  raw("base.raw", MiB);
  const std::string image = overlay("top.qcow2", "base.raw", "raw");
  forget_format(image);
  EXPECT_TRUE(is_refused(image, ErrorKind::missing_format, "qemu-img rebase -u"));
  EXPECT_TRUE(is_refused(image, ErrorKind::missing_format, "-F"));
  EXPECT_TRUE(is_refused(image, ErrorKind::missing_format, "base.raw"));
}

TEST_F(CornerCase, Case20_TheCommandOfTheAdviceHelps) {
  raw("base.raw", MiB);
  const std::string image = overlay("top.qcow2", "base.raw", "raw");
  forget_format(image);
  qemu_img({"rebase", "-u", "-b", "base.raw", "-F", "raw", image});
  EXPECT_TRUE(reads_like_qemu(image));
}

TEST_F(CornerCase, Case20_MissingFormatOfAQcow2BackingFileIsRefusedToo) {
  // Probing would find qcow2, but nothing tells it from a raw disk whose guest wrote a qcow2 header.
  qcow2("base.qcow2", MiB);
  const std::string image = overlay("top.qcow2", "base.qcow2", "qcow2");
  forget_format(image);
  EXPECT_TRUE(is_refused(image, ErrorKind::missing_format, "base.qcow2"));
}

class OldFormatName : public CornerCase, public testing::WithParamInterface<const char*> {};

TEST_P(OldFormatName, Case20_OfAProtocolMeansRaw) {
  const ByteVector content = telling_bytes(MiB, 3);
  write_file(path("base.raw"), content);
  const std::string image = unchecked_overlay("top.qcow2", "base.raw", GetParam(), MiB);
  const Result<ByteVector> got = read_image(image);
  ASSERT_TRUE(got) << describe(got.error());
  EXPECT_TRUE(same_bytes(content, *got));
}

INSTANTIATE_TEST_SUITE_P(Names, OldFormatName, testing::Values("file", "host_device", "raw"),
                         [](const auto& instance) { return std::string(instance.param); });

TEST_F(CornerCase, Case20_OtherFormatsAreRefusedByName) {
  raw("base.vmdk", MiB);
  for (const std::string format : {"vmdk", "vpc", "luks"}) {
    EXPECT_TRUE(is_refused(unchecked_overlay("top.qcow2", "base.vmdk", format, MiB), ErrorKind::unsupported, format));
  }
}

TEST_F(CornerCase, Case20_FormatThatDoesNotFitTheFile) {
  raw("base.raw", MiB);
  const std::string image = unchecked_overlay("top.qcow2", "base.raw", "qcow2", MiB);
  EXPECT_FALSE(try_qemu_bytes(image));
  EXPECT_TRUE(is_refused(image, ErrorKind::corrupt, "base.raw"));
}

TEST_F(CornerCase, Case20_FormatNameOf16BytesIsRefused) {
  raw("base.raw", MiB);
  const std::string image = unchecked_overlay("top.qcow2", "base.raw", "raw", MiB);
  const std::uint64_t place = extension_place(image, backing_format_extension).place;
  poke_be<std::uint32_t>(image, place - 4, 16);
  EXPECT_FALSE(try_qemu_bytes(image));
  EXPECT_TRUE(is_refused(image, ErrorKind::limit, "format"));
}

}  // namespace
}  // namespace qchain::test
