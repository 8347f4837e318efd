#include <gmock/gmock.h>

#include <regex>

#include "cli/run.h"
#include "tests/cli/run_cli.h"

namespace qchain::test {
namespace {

using testing::HasSubstr;

TEST(Usage, no_command_is_an_error_that_points_to_the_help) {
  EXPECT_TRUE(fails_in_one_line(run_cli({}), "no command given; see qchain --help"));
}

TEST(Usage, unknown_command_is_named) {
  EXPECT_TRUE(fails_in_one_line(run_cli({"frobnicate", "x"}), "no command 'frobnicate'; see qchain --help"));
}

TEST(Usage, unknown_option_is_named_and_not_its_value) {
  EXPECT_TRUE(
      fails_in_one_line(run_cli({"map", "--bottom", "1", "x"}), "unknown option '--bottom'; see qchain map --help"));
  EXPECT_TRUE(fails_in_one_line(run_cli({"--frob"}), "unknown option '--frob'; see qchain --help"));
}

TEST(Usage, missing_and_surplus_arguments) {
  EXPECT_TRUE(fails_in_one_line(run_cli({"map"}), "IMAGE is required"));
  EXPECT_TRUE(fails_in_one_line(run_cli({"copy", "x"}), "OUT is required"));
  EXPECT_TRUE(fails_in_one_line(run_cli({"info", "x", "y"}), "unexpected argument 'y'"));
  EXPECT_TRUE(fails_in_one_line(run_cli({"map", "--base"}), "--base"));
}

TEST(Usage, words_that_are_not_allowed) {
  EXPECT_TRUE(fails_in_one_line(run_cli({"info", "--output=xml", "x"}),
                                "qchain info: --output: 'xml' is not one of human, json; see qchain info --help"));
  EXPECT_TRUE(fails_in_one_line(run_cli({"info", "--format=vmdk", "x"}), "--format: 'vmdk' is not one of raw, qcow2"));
  EXPECT_TRUE(fails_in_one_line(run_cli({"copy", "--progress=xml", "x", "y"}), "--progress: 'xml' is not json"));
  EXPECT_TRUE(fails_in_one_line(run_cli({"commit", "--engine=fast", "x"}), "'fast' is not one of auto, qemu, clone"));
  EXPECT_TRUE(fails_in_one_line(run_cli({"commit", "--bitmaps=keep", "x"}), "'keep' is not one of merge, drop"));
  EXPECT_TRUE(fails_in_one_line(run_cli({"map", "--base", "", "x"}), "--base: must not be empty"));
  EXPECT_TRUE(fails_in_one_line(run_cli({"info", ""}), "IMAGE"));
}

TEST(Usage, a_word_that_is_missing_is_told_too) {
  EXPECT_TRUE(fails_in_one_line(run_cli({"info", "x", "--output"}), "--output: 1 required human|json missing"));
  EXPECT_TRUE(fails_in_one_line(run_cli({"info", "x", "--format"}), "--format: 1 required raw|qcow2 missing"));
}

TEST(Usage, the_number_behind_a_word_is_not_a_word) {
  EXPECT_TRUE(fails_in_one_line(run_cli({"commit", "--bitmaps=\x01", "x"}), "'\\x01' is not one of merge, drop"));
}

TEST(Usage, an_error_stays_one_line_whatever_the_argument_holds) {
  EXPECT_TRUE(fails_in_one_line(run_cli({"no\nsuch"}), "no command"));
  EXPECT_TRUE(fails_in_one_line(run_cli({"info", "x", "two\nlines\x1b[31m"}), "two lines\\x1b[31m"));
  EXPECT_TRUE(fails_in_one_line(run_cli({"info", "/none/two\nlines"}), "/none/two\\x0alines"));
}

TEST(Usage, options_exclude_each_other) {
  EXPECT_TRUE(fails_in_one_line(run_cli({"map", "--svg", "x.svg", "--output=json", "x"}), "excludes"));
  EXPECT_TRUE(fails_in_one_line(run_cli({"copy", "--verbose", "--progress=json", "x", "y"}), "excludes"));
}

TEST(Usage, what_concerns_a_running_guest_wants_one) {
  for (const char* option : {"--disk=vda", "--active", "--pivot", "--keep-overlay", "--timeout=3", "--engine=clone"}) {
    const std::string name = std::string(option).substr(0, std::string(option).find('='));
    EXPECT_TRUE(
        fails_in_one_line(run_cli({"commit", option, "x"}), "x: " + name + " is for a running guest; name it by"));
  }
}

TEST(Usage, what_concerns_an_image_is_not_for_a_running_guest) {
  const auto words = [](const char* command, const char* option) {
    return std::vector<std::string>{command, "--qmp", "/none.sock", "--disk", "vda=x", option};
  };
  for (const char* option : {"--allow=/tmp", "--format=raw"}) {
    EXPECT_TRUE(fails_in_one_line(run_cli(words("commit", option)), "--allow and --format are about an IMAGE"));
  }
  for (const char* option : {"--format=raw", "--size=1G", "--cluster-size=4k", "--force"}) {
    EXPECT_TRUE(fails_in_one_line(run_cli(words("snapshot", option)), "are not for a running guest"));
  }
}

TEST(Usage, a_variable_that_is_not_set_is_no_option_left_out) {
  for (const char* option : {"--base", "--top", "--keep-base", "--disk"}) {
    EXPECT_TRUE(fails_in_one_line(run_cli({"commit", option, "", "x"}), "must not be empty"));
  }
  EXPECT_TRUE(fails_in_one_line(run_cli({"verify", "x", ""}), "must not be empty"));
}

TEST(Usage, no_option_is_passed_over) {
  for (const char* option : {"--base=1", "--top=1", "--no-backing", "--format=raw", "--target-format=raw"}) {
    EXPECT_TRUE(fails_in_one_line(run_cli({"verify", option, "x"}), "is given, and no TARGET"));
  }
  EXPECT_TRUE(fails_in_one_line(run_cli({"verify", "--sha256", "--target-format=raw", "x"}), "and no TARGET"));
  EXPECT_TRUE(fails_in_one_line(run_cli({"snapshot", "--disk=vda=x", "x", "y"}), "--disk is for a running guest"));
  EXPECT_TRUE(fails_in_one_line(run_cli({"commit", "--qmp=/none.sock", "--disk=vda", "--keep-overlay", "--delete"}),
                                "--keep-overlay keeps all layers"));
}

TEST(Usage, copy_has_no_way_around_the_locks) {
  EXPECT_TRUE(fails_in_one_line(run_cli({"copy", "-U", "x", "y"}), "unknown option '-U'"));
}

TEST(Usage, version) {
  EXPECT_EQ(output_of({"--version"}), "qchain " QCHAIN_VERSION "\n");
}

TEST(Usage, help_lists_every_command) {
  const std::string help = output_of({"--help"});
  for (const std::string& command : cli::command_names()) {
    EXPECT_THAT(help, testing::ContainsRegex("\n  " + command + " +[A-Z]"));
  }
}

class HelpOf : public testing::TestWithParam<std::string> {};
INSTANTIATE_TEST_SUITE_P(Command, HelpOf, testing::ValuesIn(cli::command_names()),
                         [](const auto& command) { return command.param; });

TEST_P(HelpOf, has_usage_options_and_an_example) {
  const std::string help = output_of({GetParam(), "--help"});
  EXPECT_THAT(help, testing::ContainsRegex("Usage: qchain " + GetParam() + " \\[OPTIONS\\] \\[?(IMAGE|BASE|DIR)"));
  EXPECT_THAT(help, HasSubstr("--output human|json"));
  EXPECT_THAT(help, testing::ContainsRegex("Example:.*\n  qchain " + GetParam() + " "));
  EXPECT_EQ(help, cli::help_text(GetParam()));
}

TEST_P(HelpOf, fits_a_terminal) {
  for (const std::string& line : lines_of(output_of({GetParam(), "--help"}))) {
    EXPECT_LE(line.size(), 80U) << line;
  }
}

}  // namespace
}  // namespace qchain::test
