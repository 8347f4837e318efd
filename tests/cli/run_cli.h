#pragma once

#include <gtest/gtest.h>

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

namespace qchain::test {

/// What one command line did, run in-process.
struct CliResult {
  int status = -1;
  std::string out;
  std::string err;
};

/// `terminal_width` 0: stderr is no terminal.
[[nodiscard]] CliResult run_cli(const std::vector<std::string>& args, std::size_t terminal_width = 0);

/// Runs it, expects exit status 0 and silence on stderr, and gives what it printed.
[[nodiscard]] std::string output_of(const std::vector<std::string>& args);
/// The same, parsed.
[[nodiscard]] nlohmann::json json_of(const std::vector<std::string>& args);

/// The command failed with `status`, said nothing on stdout, and exactly one line on stderr, which holds `words`.
[[nodiscard]] testing::AssertionResult fails_in_one_line(const CliResult& result, std::string_view words,
                                                         int status = 2);

[[nodiscard]] std::vector<std::string> lines_of(const std::string& text);

}  // namespace qchain::test
