#include "qcow/storage/writing_gate.h"

#include <gtest/gtest.h>

#include "tests/support/files.h"
#include "tests/support/temp_dir.h"

namespace qchain {
namespace {

OpenRequest by_user(const std::string& path) {
  return {.path = path, .role = OpenRole::named_by_user, .named_by = {}};
}

/// Its lock keeps out everybody else, the same process included.
TEST(FileWritingGateTest, OpensWhatItWritesOnlyOnce) {
  const test::TempDir folder;
  const std::string path = folder / "image";
  test::make_hole_file(path, 4096);
  FileWritingGate gate;
  FileGate looking(Locking::none);
  const auto seen = looking.open(by_user(path));
  ASSERT_TRUE(seen.has_value());
  gate.will_write((*seen)->identity());

  const auto first = gate.open(by_user(path));
  ASSERT_TRUE(first.has_value()) << describe(first.error());
  const auto second = gate.open(by_user(path));

  ASSERT_TRUE(second.has_value()) << describe(second.error());
  EXPECT_EQ(*first, *second);
  EXPECT_EQ(gate.writable((*first)->identity()), *first);
}

}  // namespace
}  // namespace qchain
