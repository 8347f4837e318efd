#include "cli/json.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <sstream>

namespace qchain::cli {
namespace {

TEST(JsonString, escapes_what_json_wants_escaped) {
  EXPECT_EQ(json_string("a\"b\\c\nd"), R"("a\"b\\c\nd")");
}

TEST(JsonString, takes_bytes_that_are_no_utf8) {
  const std::string text = json_string(
      "a\xff"
      "b");
  EXPECT_EQ(nlohmann::json::parse(text),
            "a\xef\xbf\xbd"
            "b");
}

TEST(PrintJson, keeps_the_order_and_takes_any_bytes) {
  std::ostringstream out;
  print_json(out, {{"z", 1}, {"a", "\xfe"}});
  EXPECT_EQ(out.str(), "{\n    \"z\": 1,\n    \"a\": \"\xef\xbf\xbd\"\n}\n");
}

}  // namespace
}  // namespace qchain::cli
