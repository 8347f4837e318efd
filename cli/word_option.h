#pragma once

#include <algorithm>
#include <cstddef>
#include <functional>
#include <iterator>
#include <string>
#include <utility>
#include <vector>

namespace CLI {
class App;
class Option;
}  // namespace CLI

namespace qchain::cli {

/// The words that an option takes, in the order in which the help lists them, and what each stands for.
template <typename Choice>
using Words = std::vector<std::pair<std::string, Choice>>;

/// Makes `option` refuse what is none of `words`, and say which there are; the help shows them too.
void take_only(CLI::Option& option, const std::vector<std::string>& words);

/// Adds an option whose value is one of `words`; `choose` is told the place of the one that is given.
CLI::Option* add_option_of(CLI::App& app, const std::string& flag, const std::vector<std::string>& words,
                           const std::function<void(std::size_t)>& choose, const std::string& help);

/// Adds an option whose value is one of `words`. `chosen` must outlive the parsing; it keeps its value when the option
/// is not given.
template <typename Choice>
CLI::Option* add_word_option(CLI::App& app, const std::string& flag, Choice& chosen, const Words<Choice>& words,
                             const std::string& help) {
  std::vector<std::string> names;
  std::ranges::transform(words, std::back_inserter(names), &std::pair<std::string, Choice>::first);
  return add_option_of(app, flag, names, [&chosen, words](std::size_t place) { chosen = words[place].second; }, help);
}

}  // namespace qchain::cli
