#include "cli/word_option.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <CLI/CLI.hpp>

namespace qchain::cli {

void take_only(CLI::Option& option, const std::vector<std::string>& words) {
  const std::string all = fmt::format("{}", fmt::join(words, "|"));
  option.option_text(all)->type_name(all);  // the help, and what is said where the word is missing
  // CLI11's own validators for this list the values that the words stand for as well, as raw bytes.
  option.check([words](const std::string& given) {
    return std::ranges::find(words, given) != words.end()
               ? std::string{}
               : fmt::format("'{}' is not {}{}", given, words.size() > 1 ? "one of " : "", fmt::join(words, ", "));
  });
}

CLI::Option* add_option_of(CLI::App& app, const std::string& flag, const std::vector<std::string>& words,
                           const std::function<void(std::size_t)>& choose, const std::string& help) {
  const CLI::callback_t take = [words, choose](const CLI::results_t& given) {
    choose(static_cast<std::size_t>(std::ranges::find(words, given.front()) - words.begin()));
    return true;
  };
  CLI::Option* option = app.add_option(flag, take, help);
  take_only(*option, words);
  return option;
}

}  // namespace qchain::cli
