#include "fusefs/options.h"

#include <gtest/gtest.h>

namespace qchain::fusefs {
namespace {

MountSettings defaults() {
  MountSettings settings;
  settings.owner = {1000, 100, 0};
  settings.max_read = 1 << 20;
  settings.source = "/images/top.qcow2";
  return settings;
}

Result<MountSettings> parse(const std::string& list) {
  return parse_options(std::vector{list}, defaults());
}

TEST(MountOptionList, LeavesTheDefaultsWhenEmpty) {
  const auto settings = parse("");
  ASSERT_TRUE(settings);
  EXPECT_EQ(libfuse_options(*settings), "ro,max_read=1048576,fsname=/images/top.qcow2,subtype=qchain");
}

TEST(MountOptionList, SetsTheOwner) {
  const auto settings = parse("uid=5,gid=6,umask=077");
  ASSERT_TRUE(settings);
  EXPECT_EQ(settings->owner.uid, 5U);
  EXPECT_EQ(settings->owner.gid, 6U);
  EXPECT_EQ(settings->owner.umask, 077U);
}

TEST(MountOptionList, HandsOnWhatTheKernelKnows) {
  const auto settings =
      parse_options(std::vector<std::string>{"allow_other,noexec", "default_permissions"}, defaults());
  ASSERT_TRUE(settings);
  EXPECT_EQ(settings->kernel_options, (std::vector<std::string>{"allow_other", "noexec", "default_permissions"}));
}

TEST(MountOptionList, TakesWhatIsAlwaysSo) {
  const auto settings = parse("ro,auto_unmount");
  ASSERT_TRUE(settings);
  EXPECT_TRUE(settings->kernel_options.empty());
}

TEST(MountOptionList, KnowsDirectIo) {
  const auto settings = parse("direct_io");
  ASSERT_TRUE(settings);
  EXPECT_EQ(settings->caching, Caching::direct);
}

TEST(MountOptionList, LimitsTheReadAhead) {
  const auto settings = parse("max_readahead=0");
  ASSERT_TRUE(settings);
  EXPECT_EQ(settings->max_readahead, 0U);
}

TEST(MountOptionList, KeepsEscapedCommasTogether) {
  const auto settings = parse(R"(fsname=a\,b\\c)");
  ASSERT_TRUE(settings);
  EXPECT_EQ(settings->source, R"(a,b\c)");
  EXPECT_TRUE(libfuse_options(*settings).contains(R"(fsname=a\,b\\c,)"));
}

TEST(MountOptionList, SaysWhatIsNoNumberAndWhatIsTooLarge) {
  EXPECT_TRUE(parse("max_readahead=1k").error().what.ends_with("needs a number"));
  EXPECT_TRUE(parse("max_readahead=99999999999999999999").error().what.ends_with("is 4294967295 at the most"));
  EXPECT_TRUE(parse("max_readahead=4294967296").error().what.ends_with("is 4294967295 at the most"));
}

class RefusedOption : public testing::TestWithParam<const char*> {};

TEST_P(RefusedOption, IsAnErrorThatNamesIt) {
  const auto settings = parse(GetParam());
  ASSERT_FALSE(settings);
  EXPECT_EQ(settings.error().kind, ErrorKind::invalid_argument);
  const std::string name = std::string(GetParam()).substr(0, std::string(GetParam()).find('='));
  EXPECT_TRUE(settings.error().what.contains("'" + name + "'") || settings.error().what.contains(name));
}

INSTANTIATE_TEST_SUITE_P(All, RefusedOption,
                         testing::Values("rw", "nonsense", "uid=", "uid=-1", "uid=4294967296", "uid=1x", "gid=a",
                                         "umask=9", "max_read=0", "max_read=5000", "max_read=2097152",
                                         "max_readahead=-1", "max_readahead=4294967296", "nonsense=1", "uid",
                                         "allow_other=1", "fd=3", "rootmode=40000"));

}  // namespace
}  // namespace qchain::fusefs
