#include "tests/cli/run_cli.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <sstream>

#include "cli/run.h"

namespace qchain::test {

CliResult run_cli(const std::vector<std::string>& args, std::size_t terminal_width) {
  std::ostringstream out;
  std::ostringstream err;
  cli::Io io{.out = out, .err = err, .terminal = terminal_width != 0, .width = terminal_width};
  const int status = cli::run(args, io);
  return {status, out.str(), err.str()};
}

std::string output_of(const std::vector<std::string>& args) {
  const CliResult result = run_cli(args);
  EXPECT_EQ(result.status, 0) << result.err;
  EXPECT_EQ(result.err, "");
  return result.out;
}

nlohmann::json json_of(const std::vector<std::string>& args) {
  return nlohmann::json::parse(output_of(args));
}

testing::AssertionResult fails_in_one_line(const CliResult& result, std::string_view words, int status) {
  const bool one_line = result.err.ends_with('\n') && std::ranges::count(result.err, '\n') == 1;
  const bool tells = result.err.starts_with("qchain") && result.err.find(words) != std::string::npos;
  if (result.status == status && result.out.empty() && one_line && tells) {
    return testing::AssertionSuccess();
  }
  return testing::AssertionFailure() << "status " << result.status << " instead of " << status
                                     << ", or not one line with '" << words << "'\nstdout: " << result.out
                                     << "\nstderr: " << result.err;
}

std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> lines;
  std::istringstream in(text);
  for (std::string line; std::getline(in, line);) {
    lines.push_back(line);
  }
  return lines;
}

}  // namespace qchain::test
