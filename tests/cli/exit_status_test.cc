#include "cli/exit_status.h"

#include <gtest/gtest.h>

namespace qchain::cli {
namespace {

TEST(ExitStatusOf, only_an_interrupt_is_not_a_failure) {
  for (int kind = 0; kind <= static_cast<int>(ErrorKind::interrupted); ++kind) {
    const ExitStatus expected =
        static_cast<ErrorKind>(kind) == ErrorKind::interrupted ? ExitStatus::interrupted : ExitStatus::failed;
    EXPECT_EQ(exit_status_of(static_cast<ErrorKind>(kind)), expected) << kind;
  }
}

TEST(ExitStatusOf, numbers_are_the_contract) {
  EXPECT_EQ(static_cast<int>(ExitStatus::done), 0);
  EXPECT_EQ(static_cast<int>(ExitStatus::negative), 1);
  EXPECT_EQ(static_cast<int>(ExitStatus::failed), 2);
  EXPECT_EQ(static_cast<int>(ExitStatus::interrupted), 130);
}

}  // namespace
}  // namespace qchain::cli
