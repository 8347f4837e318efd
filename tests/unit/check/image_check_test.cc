// What check counts is compared with QEMU in tests/hostile; here: what QEMU does not say, and that memory is bounded.
#include "qcow/check/image_check.h"

#include <gtest/gtest.h>

#include "tests/support/files.h"
#include "tests/support/qcow2_places.h"
#include "tests/support/qemu.h"
#include "tests/support/temp_dir.h"
#include "tests/support/views.h"

namespace qchain::test {
namespace {

constexpr std::uint64_t copied = std::uint64_t{1} << 63;

class ImageCheckTest : public testing::Test {
 protected:
  ImageCheckTest() {
    create_qcow2(image_, {.options = "cluster_size=4k", .backing = {}, .backing_format = {}, .size = 4 << 20});
    qemu_io(image_, {"write -P 1 0 1M", "write -P 2 3M 256k", "write -z 2M 64k"});
  }
  [[nodiscard]] ImageCheck check(std::size_t pages = CheckOptions().counter_pages) const {
    const auto chain = open_chain(image_);
    return check_image(*chain.value().active().image, {.progress = {}, .stop = {}, .counter_pages = pages}).value();
  }

  TempDir folder_;
  std::string image_ = folder_ / "x.qcow2";
};

TEST_F(ImageCheckTest, SoundImage) {
  const ImageCheck found = check();
  EXPECT_FALSE(found.damaged());
  EXPECT_EQ(found.leaks, 0U);
  EXPECT_EQ(found.total_clusters, 1024U);
  EXPECT_EQ(found.allocated_clusters, 256U + 64);
  EXPECT_TRUE(found.findings.list().empty());
}

TEST_F(ImageCheckTest, ManyPassesFindWhatOneDoes) {
  poke_l2_entry(image_, 0, copied | far_away);
  poke_l2_entry(image_, 4096, l2_entry(image_, 8192));
  poke_l2_entry(image_, 3 << 20, l2_entry(image_, 12288) + 512);
  const ImageCheck once = check();
  EXPECT_GT(once.corruptions, 0U);
  EXPECT_GT(once.leaks, 0U);
  for (const std::size_t pages : {2U, 3U, 5U}) {
    const ImageCheck often = check(pages);
    EXPECT_EQ(often.corruptions, once.corruptions) << pages;
    EXPECT_EQ(often.leaks, once.leaks) << pages;
    EXPECT_EQ(often.allocated_clusters, once.allocated_clusters) << pages;
    EXPECT_EQ(often.image_end_offset, once.image_end_offset) << pages;
    EXPECT_EQ(often.overlaps, once.overlaps) << pages;
    EXPECT_EQ(often.unreadable_bytes, once.unreadable_bytes) << pages;
  }
}

TEST_F(ImageCheckTest, GuestClusterThatIsTheHeader) {
  poke_l2_entry(image_, 0, copied | 4096);  // the refcount table
  EXPECT_EQ(check().overlaps, 1U);
}

TEST_F(ImageCheckTest, GuestClusterThatIsAnL2Table) {
  poke_l2_entry(image_, 0, copied | (l2_entry_place(image_, 0) & ~std::uint64_t{4095}));
  EXPECT_EQ(check().overlaps, 1U);
}

TEST_F(ImageCheckTest, UnreadableIsWhatAReaderRefuses) {
  poke_l2_entry(image_, 0, copied | far_away);
  poke_l2_entry(image_, 4096, l2_entry(image_, 4096) + 512);
  EXPECT_EQ(check().unreadable_bytes, 8192U);
  poke_be(image_, l1_entry_place(image_, 3 << 20), copied | far_away);
  EXPECT_EQ(check().unreadable_bytes, 8192U + (2 << 20));
}

TEST_F(ImageCheckTest, FindingsAreBounded) {
  for (std::uint64_t guest = 0; guest < 1 << 20; guest += 4096) {
    poke_l2_entry(image_, guest, copied | far_away);
  }
  const ImageCheck found = check();
  EXPECT_EQ(found.findings.list().size(), Findings::most);
  EXPECT_GT(found.findings.left_out(), 256U);
}

TEST_F(ImageCheckTest, CanBeStopped) {
  const auto chain = open_chain(image_);
  std::stop_source stop;
  stop.request_stop();
  const auto found = check_image(*chain.value().active().image, {.progress = {}, .stop = stop.get_token()});
  ASSERT_FALSE(found);
  EXPECT_EQ(found.error().kind, ErrorKind::interrupted);
}

}  // namespace
}  // namespace qchain::test
