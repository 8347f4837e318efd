#include "qcow/storage/writing_gate.h"

#include <gtest/gtest.h>

#include "tests/support/files.h"
#include "tests/support/temp_dir.h"

namespace qchain {
namespace {

OpenRequest by_user(const std::string& path) {
  return {.path = path, .role = OpenRole::named_by_user, .named_by = {}};
}

/// Its lock keeps out everybody else, the same process included: a file in two roles is not written.
TEST(FileWritingGateTest, OpensWhatItWritesOnlyOnceUntilItForgets) {
  const test::TempDir folder;
  const std::string path = folder / "image";
  test::make_hole_file(path, 4096);
  FileWritingGate gate;
  FileGate looking(Locking::none);
  const auto seen = looking.open(by_user(path));
  ASSERT_TRUE(seen.has_value());
  gate.will_write((*seen)->identity());

  auto first = gate.open(by_user(path));
  ASSERT_TRUE(first.has_value()) << describe(first.error());
  EXPECT_EQ(gate.writable((*first)->identity()), *first);
  const auto second = gate.open(by_user(path));
  ASSERT_FALSE(second.has_value());
  EXPECT_EQ(second.error().kind, ErrorKind::locked);

  first->reset();
  gate.forget();
  EXPECT_EQ(gate.writable((*seen)->identity()), nullptr);
  EXPECT_TRUE(gate.open(by_user(path)).has_value());
}

}  // namespace
}  // namespace qchain
