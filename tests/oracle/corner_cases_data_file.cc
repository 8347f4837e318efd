// Case 13: external data files.
#include <filesystem>

#include "tests/oracle/corner_case.h"

namespace qchain::test {
namespace {

constexpr std::uint64_t copied_flag = std::uint64_t{1} << 63;

class DataFileCase : public CornerCase {
 protected:
  DataFileCase() { raw("base.raw", MiB); }
  std::string with_data_file(const std::string& more = {}) const {
    return overlay("top.qcow2", "base.raw", "raw", "data_file=" + path("guest.data") + more);
  }
};

TEST_F(DataFileCase, Case13_GuestBytesComeFromTheDataFile) {
  const std::string image = with_data_file();
  qemu_io(image, {"write -P 1 100k 200k", "write -z 200k 64k", "write -P 2 1000k 24k"});
  EXPECT_TRUE(reads_like_qemu(image));
}

TEST_F(DataFileCase, Case13_HostOffsetZeroWithBit63IsAllocated) {
  const std::string image = with_data_file();
  qemu_io(image, {"write -P 1 0 64k"});
  ASSERT_EQ(l2_entry(image, 0), copied_flag);
  EXPECT_TRUE(reads_like_qemu(image));
  EXPECT_EQ(kind_at(image, 0), ExtentKind::data);
}

TEST_F(DataFileCase, Case13_HostOffsetZeroWithoutBit63IsNot) {
  const std::string image = with_data_file();
  qemu_io(image, {"write -P 1 0 64k"});
  poke_l2_entry(image, 0, 0);
  EXPECT_TRUE(reads_like_qemu(image));
  const auto view = open_view(image);
  ASSERT_TRUE(view) << describe(view.error());
  EXPECT_EQ((*view)->extent_at(0).layer, 0U);
}

TEST_F(DataFileCase, Case13_WithSubclusters) {
  const std::string image = with_data_file(",extended_l2=on");
  qemu_io(image, {"write -P 1 0 2k", "write -z 10k 2k", "write -P 3 66k 3k", "write -z 128k 64k"});
  EXPECT_TRUE(reads_like_qemu(image));
}

TEST_F(DataFileCase, Case13_RawDataFile) {
  const std::string image = qcow2("raw.qcow2", MiB, "data_file=" + path("guest.raw") + ",data_file_raw=on");
  qemu_io(image, {"write -P 1 100k 200k", "write -z 200k 64k"});
  EXPECT_TRUE(reads_like_qemu(image));
  EXPECT_TRUE(same_bytes(read_file(path("guest.raw")), read_image(image).value()));
}

TEST_F(DataFileCase, Case13_RawFlagTogetherWithABackingFileReadsAsQemuDoes) {
  // qemu-img does not make such an image; QEMU opens one nevertheless.
  const std::string image = with_data_file();
  qemu_io(image, {"write -P 1 100k 200k"});
  poke_be<std::uint64_t>(image, field::autoclear, 2);
  EXPECT_TRUE(reads_like_qemu(image));
}

TEST_F(DataFileCase, Case13_RawFlagWithoutDataFileIsRefused) {
  const std::string image = qcow2("plain.qcow2", MiB);
  poke_be<std::uint64_t>(image, field::autoclear, 2);
  EXPECT_EQ(try_qemu_bytes(image).has_value(), read_image(image).has_value());
}

TEST_F(DataFileCase, Case13_MissingNameIsRefused) {
  const std::string image = with_data_file();
  // An unknown type in its place: the name is gone, the rest of the header is in order.
  poke_be<std::uint32_t>(image, extension_place(image, data_file_extension).place - 8, 0x12345678);
  EXPECT_FALSE(try_qemu_bytes(image));
  EXPECT_TRUE(is_refused(image, ErrorKind::unsupported, "data file"));
}

TEST_F(DataFileCase, Case13_MissingDataFileIsNamed) {
  const std::string image = with_data_file();
  std::filesystem::remove(path("guest.data"));
  EXPECT_TRUE(is_refused(image, ErrorKind::not_found, "guest.data"));
}

TEST_F(DataFileCase, Case13_RelativeNameIsSeenFromTheOverlaysFolder) {
  // QEMU 7.2 takes it from the folder it was started in; only there both agree, so QEMU runs in that folder here.
  std::filesystem::create_directory(path("sub"));
  must_run({"qemu-img", "create", "-q", "-f", "qcow2", "-o", "data_file=near.data", "top.qcow2", "1M"}, path("sub"));
  must_run({"qemu-io", "-f", "qcow2", "-c", "write -P 5 70k 300k", "top.qcow2"}, path("sub"));
  must_run({"qemu-img", "convert", "-O", "raw", "top.qcow2", "flat.raw"}, path("sub"));
  const Result<ByteVector> got = read_image(path("sub/top.qcow2"));
  ASSERT_TRUE(got) << describe(got.error());
  EXPECT_TRUE(same_bytes(read_file(path("sub/flat.raw")), *got));
}

TEST_F(DataFileCase, Case13_HostOffsetThatIsNotTheGuestOffsetIsAnErrorThereAlone) {
  const std::string image = with_data_file();
  qemu_io(image, {"write -P 1 0 512k"});
  poke_l2_entry(image, 128 * KiB, copied_flag | 192 * KiB);
  EXPECT_TRUE(fails_where_qemu_fails(image, MiB, 64 * KiB));
}

TEST_F(DataFileCase, Case13_CompressedEntryIsAnErrorThereAlone) {
  const std::string image = with_data_file();
  qemu_io(image, {"write -P 1 0 512k"});
  poke_l2_entry(image, 128 * KiB, std::uint64_t{1} << 62 | 64 * KiB);
  EXPECT_TRUE(fails_where_qemu_fails(image, MiB, 64 * KiB));
}

/// QEMU reads zeros past the end of a data file that was cut short, too.
TEST_F(DataFileCase, Case13_ClusterPastTheEndOfTheDataFileIsAnErrorThereAlone) {
  const std::string image = with_data_file();
  qemu_io(image, {"write -P 1 0 512k"});
  resize_file(path("guest.data"), 200 * KiB + 77);
  const ByteVector expected = qemu_bytes(image);
  const auto view = open_view(image);
  ASSERT_TRUE(view);
  ByteVector there(256 * KiB);  // the cluster in which the file ends reads as zeros behind the end
  ASSERT_TRUE((*view)->read(0, there));
  EXPECT_TRUE(same_bytes(Bytes(expected).first(there.size()), there));
  EXPECT_FALSE(can_read(image, {256 * KiB, 64 * KiB}));
  EXPECT_TRUE(can_read(image, {512 * KiB, MiB - 512 * KiB}));
}

}  // namespace
}  // namespace qchain::test
