#include "qcow/chain/reference.h"

#include <gtest/gtest.h>

#include <filesystem>

#include "qcow/storage/gate.h"
#include "tests/support/files.h"
#include "tests/support/temp_dir.h"

namespace qchain::test {
namespace {

namespace fs = std::filesystem;

/// Runs in a folder of its own: base.raw, sub/, and link -> elsewhere/deep/.
class Reference : public testing::Test {
 protected:
  Reference() {
    fs::current_path(dir_.path());
    make_hole_file("base.raw", 512);
    fs::create_directories("sub");
    fs::create_directories("elsewhere/deep");
    fs::create_directory_symlink("elsewhere/deep", "link");
  }
  ~Reference() override { fs::current_path(before_); }

  static std::string reference(const std::string& image, const std::string& overlay,
                               ReferenceStyle style = ReferenceStyle::relative) {
    const auto storage = FileGate(Locking::none).open({.path = image, .role = {}, .named_by = {}});
    EXPECT_TRUE(storage) << image;
    const auto name = reference_to(**storage, overlay, style);
    return name ? *name : describe(name.error());
  }

  std::string before_ = fs::current_path();
  TempDir dir_;
};

TEST_F(Reference, InTheSameFolderIsTheNameAlone) {
  EXPECT_EQ(reference("base.raw", "o"), "base.raw");
  EXPECT_EQ(reference("./base.raw", dir_ / "o"), "base.raw");
  EXPECT_EQ(reference(dir_ / "base.raw", "o"), "base.raw");
}

TEST_F(Reference, IsRelativeToTheFolderOfTheOverlay) {
  EXPECT_EQ(reference("base.raw", "sub/o"), "../base.raw");
  EXPECT_EQ(reference("base.raw", "elsewhere/deep/o"), "../../base.raw");
  make_hole_file("sub/a", 512);
  EXPECT_EQ(reference("sub/a", "o"), "sub/a");
  EXPECT_EQ(reference("sub/a", "sub/o"), "a");
}

TEST_F(Reference, LeavesTheFolderOfTheProcess) {
  fs::current_path(dir_ / "sub");
  EXPECT_EQ(reference("../base.raw", "../o"), "base.raw");
  EXPECT_EQ(reference("../base.raw", "o"), "../base.raw");
  make_hole_file("a", 512);
  EXPECT_EQ(reference("a", "../o"), "sub/a");
}

TEST_F(Reference, OfAFolderBehindALinkGoesTheRealWay) {
  EXPECT_EQ(reference("base.raw", "link/o"), "../../base.raw");
}

TEST_F(Reference, KeepsALinkThatLeadsToTheImage) {
  fs::create_symlink("base.raw", "current");
  EXPECT_EQ(reference("current", "o"), "current");
}

TEST_F(Reference, GuardsAColonThatWouldMakeAProtocol) {
  make_hole_file("nbd:image", 512);
  make_hole_file("sub/a:b", 512);
  EXPECT_EQ(reference("nbd:image", "o"), "./nbd:image");
  EXPECT_EQ(reference("sub/a:b", "o"), "sub/a:b");
  EXPECT_EQ(reference("sub/a:b", "sub/o"), "./a:b");
}

TEST_F(Reference, MayHoldAnyBytes) {
  const std::string name = "a \n\"'\\\xff\xc3{}$";
  make_hole_file(name, 512);
  EXPECT_EQ(reference(name, "sub/o"), "../" + name);
}

TEST_F(Reference, AbsoluteKeepsALastLinkAndNoneOnTheWay) {
  fs::create_symlink("base.raw", "current");
  fs::create_symlink(".", "here");
  EXPECT_EQ(reference("here/current", "o", ReferenceStyle::absolute), dir_ / "current");
}

TEST_F(Reference, OfALinkBesideNothingOfTheOverlaysIsTheLink) {
  fs::create_symlink(dir_ / "base.raw", "current");  // as /dev/vg/lv is
  EXPECT_EQ(reference(dir_ / "current", "sub/o"), "../current");
}

TEST_F(Reference, OfAnImageThatIsGoneIsAnError) {
  const auto storage = FileGate(Locking::none).open({.path = "base.raw", .role = {}, .named_by = {}});
  ASSERT_TRUE(storage);
  fs::remove("base.raw");
  make_hole_file("base.raw", 512);
  const auto name = reference_to(**storage, "o", ReferenceStyle::relative);
  ASSERT_FALSE(name);
  EXPECT_EQ(name.error().kind, ErrorKind::io);
}

TEST(ReferenceStyleOf, IsThatOfTheName) {
  EXPECT_EQ(style_of("base.raw"), ReferenceStyle::relative);
  EXPECT_EQ(style_of("./nbd:image"), ReferenceStyle::relative);
  EXPECT_EQ(style_of("/images/base.raw"), ReferenceStyle::absolute);
  EXPECT_EQ(style_of("file:base.raw"), ReferenceStyle::absolute);
  EXPECT_EQ(style_of("json:{}"), ReferenceStyle::absolute);
}

}  // namespace
}  // namespace qchain::test
