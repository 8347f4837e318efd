#include "fusefs/launch_status.h"

#include <gtest/gtest.h>

namespace qchain::fusefs {
namespace {

TEST(LaunchStatusTest, TellsReady) {
  auto status = LaunchStatus::make();
  ASSERT_TRUE(status);
  EXPECT_EXIT(exit(status->tell_ready() ? 0 : 1), testing::ExitedWithCode(0), "");  // in a child, as in real life
  EXPECT_TRUE(status->wait());
}

TEST(LaunchStatusTest, IsAnErrorWhenTheOtherSideDies) {
  auto status = LaunchStatus::make();
  ASSERT_TRUE(status);
  const auto result = status->wait();
  ASSERT_FALSE(result);
  EXPECT_TRUE(result.error().what.contains("ended before the mount was usable"));
}

TEST(LaunchStatusTest, CarriesAnErrorAsItWas) {
  const Error error =
      make_error(ErrorKind::permission, "can't mount\nhere").in("/a b").at(77).because(13).advise("ask root");
  const Error copy = decode(encode(error));
  EXPECT_EQ(copy.kind, error.kind);
  EXPECT_EQ(describe(copy), describe(error));
}

TEST(LaunchStatusTest, MakesAnErrorOfGarbage) {
  EXPECT_EQ(decode("garbage").kind, ErrorKind::io);
}

}  // namespace
}  // namespace qchain::fusefs
