#include "fusefs/reporter.h"

#include <gtest/gtest.h>

#include <vector>

namespace qchain::fusefs {
namespace {

class ReporterTest : public testing::Test {
 protected:
  void report(const std::string& file, Range guest) {
    reporter_.unreadable({file, guest}, make_error(ErrorKind::corrupt, "bad entry").in(file));
  }

  std::vector<std::string> lines_;
  Reporter reporter_{[this](const std::string& line) { lines_.push_back(line); }};
};

TEST_F(ReporterTest, NamesFilePlaceAndReason) {
  report("a.qcow2", {65536, 4096});
  EXPECT_EQ(lines_, (std::vector<std::string>{"guest offset 65536 is unreadable: a.qcow2: bad entry"}));
}

TEST_F(ReporterTest, SaysAPlaceOnce) {
  report("a.qcow2", {0, 65536});
  report("a.qcow2", {0, 65536});
  report("a.qcow2", {4096, 61440});
  EXPECT_EQ(lines_.size(), 1U);
}

TEST_F(ReporterTest, SaysTheNextPlaceAndTheSameInAnotherFile) {
  report("a.qcow2", {0, 65536});
  report("a.qcow2", {65536, 65536});
  report("b.qcow2", {0, 65536});
  EXPECT_EQ(lines_.size(), 3U);
}

TEST_F(ReporterTest, StopsAfterManyPlacesAndSaysSo) {
  for (std::uint64_t i = 0; i < 3 * Reporter::max_places; ++i) {
    report("a.qcow2", {i * 512, 512});
  }
  ASSERT_EQ(lines_.size(), Reporter::max_places + 1);
  EXPECT_TRUE(lines_.back().contains("not reported"));
}

}  // namespace
}  // namespace qchain::fusefs
