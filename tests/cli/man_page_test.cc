#include <gmock/gmock.h>

#include <fstream>
#include <iterator>
#include <regex>
#include <set>

#include "cli/run.h"
#include "tests/cli/run_cli.h"

namespace qchain::test {
namespace {

using Names = std::set<std::string>;

Names found_in(const std::string& text, const std::regex& pattern) {
  Names names;
  for (std::sregex_iterator match(text.begin(), text.end(), pattern), end; match != end; ++match) {
    names.insert((*match)[1]);
  }
  return names;
}

/// "  -U,--force-share   Read…": the words before the description.
Names options_in_help(const std::string& command) {
  Names options;
  const std::regex head("^  (-[^ ]+)");
  for (const std::string& line : lines_of(cli::help_text(command))) {
    std::smatch match;
    if (std::regex_search(line, match, head)) {
      options.merge(found_in(match[1], std::regex("(-[-a-zA-Z0-9]+)")));
    }
  }
  return options;
}

std::string man_page(const std::string& command) {
  const std::string name = command.empty() ? "qchain" : "qchain-" + command;
  std::ifstream file(std::string(QCHAIN_MAN_DIR) + "/" + name + ".1.scd");
  return {std::istreambuf_iterator<char>(file), {}};
}

/// Lines of the section OPTIONS that begin with an option in bold, as "*-U*, *--force-share*".
Names options_in_man(const std::string& page) {
  Names options;
  bool inside = false;
  for (const std::string& line : lines_of(page)) {
    if (line.starts_with("# ")) {
      inside = line == "# OPTIONS";
    } else if (inside && line.starts_with("*-")) {
      options.merge(found_in(line, std::regex("\\*(-[-a-zA-Z0-9]+)\\*")));
    }
  }
  return options;
}

std::vector<std::string> pages() {
  std::vector<std::string> names = cli::command_names();
  names.emplace_back();  // qchain itself
  return names;
}

class ManPage : public testing::TestWithParam<std::string> {};
INSTANTIATE_TEST_SUITE_P(Of, ManPage, testing::ValuesIn(pages()),
                         [](const auto& page) { return page.param.empty() ? "qchain" : page.param; });

TEST_P(ManPage, has_exactly_the_options_of_the_help) {
  const Names in_help = options_in_help(GetParam());
  EXPECT_TRUE(in_help.contains("--help"));
  EXPECT_EQ(options_in_man(man_page(GetParam())), in_help);
}

TEST(ManPages, that_of_qchain_lists_every_command) {
  for (const std::string& command : cli::command_names()) {
    EXPECT_THAT(man_page({}), testing::HasSubstr("*qchain-" + command + "*(1)"));
  }
}

}  // namespace
}  // namespace qchain::test
