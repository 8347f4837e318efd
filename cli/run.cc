#include "cli/run.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <array>
#include <memory>
#include <ostream>

#include "cli/command.h"

namespace qchain::cli {
namespace {

constexpr std::array commands = {
    Command{"info", "Show the images of a chain and what they hold", declare_info},
    Command{"list", "Show which images hang on which, in folders or under a guest", declare_list},
    Command{"map", "Show which layer gives which bytes", declare_map},
    Command{"mount", "Show the view and every layer's point in time as files", declare_mount},
    Command{"copy", "Write the merged view to a new image", declare_copy},
    Command{"commit", "Merge layers into the one below them", declare_commit},
    Command{"check", "Look for damage in a chain's metadata", declare_check},
    Command{"verify", "Compare the view with an image, or a base with what was merged", declare_verify},
    Command{"retire", "Delete the layers that a finished commit merged", declare_retire},
    Command{"snapshot", "Make a new overlay on top of a chain", declare_snapshot},
};

/// The parser of a whole command line, with the action of each command.
struct Parser {
  CLI::App app{"Look into chains of qcow2 and raw images: base.raw <- a.qcow2 <- b.qcow2.", "qchain"};
  std::vector<Action> actions;

  Parser() {
    app.get_formatter()->column_width(26);
    app.get_formatter()->label("SUBCOMMAND", "COMMAND");
    app.get_formatter()->label("Subcommands", "Commands");
    app.get_formatter()->label("Positionals", "Arguments");
    app.set_help_flag("-h,--help", "Print this help and exit");
    app.set_version_flag("--version", "qchain " QCHAIN_VERSION, "Print the version and exit");
    app.require_subcommand(1);
    app.footer("Each command has its own help with an example: qchain map --help");
    for (const Command& command : commands) {
      actions.push_back(command.declare(*app.add_subcommand(command.name, command.summary)));
    }
  }

  [[nodiscard]] const Action& chosen() const {
    for (std::size_t i = 0; i < commands.size(); ++i) {
      if (app.got_subcommand(commands[i].name)) {
        return actions[i];
      }
    }
    throw CLI::RequiredError("a command");
  }
};

bool is_command(const std::string& word) {
  return std::ranges::any_of(commands, [&](const Command& command) { return word == command.name; });
}

int as_int(ExitStatus status) {
  return static_cast<int>(status);
}

int say_usage_error(const std::vector<std::string>& args, std::string_view what, Io& io) {
  const std::string program = !args.empty() && is_command(args[0]) ? "qchain " + args[0] : "qchain";
  std::string text = printable(what);
  for (std::size_t at; (at = text.find("\\x0a")) != std::string::npos;) {
    text.replace(at, 4, " ");
  }
  io.err << program << ": " << text << "; see " << program << " --help\n";
  return as_int(ExitStatus::failed);
}

/// What CLI11 would say only as "1 subcommand required" or as "arguments were not expected".
std::string wrong_first_word(const std::vector<std::string>& args) {
  if (args.empty()) {
    return "no command given";
  }
  constexpr std::array own_options = {"-h", "--help", "--version"};
  if (is_command(args[0]) || std::ranges::find(own_options, args[0]) != own_options.end()) {
    return {};
  }
  return (args[0].starts_with('-') ? "unknown option '" : "no command '") + args[0] + "'";
}

/// CLI11 lists all words that it could not place, values of unknown options too; the first one explains most.
std::string unexpected_word(const std::vector<std::string>& words) {
  const auto option = std::ranges::find_if(words, [](const std::string& word) { return word.starts_with('-'); });
  if (option != words.end()) {
    return "unknown option '" + *option + "'";
  }
  return words.empty() ? "unexpected argument" : "unexpected argument '" + words.front() + "'";
}

int say_error(const Error& error, Io& io) {
  io.err << "qchain: " << describe(error) << '\n';
  return as_int(exit_status_of(error.kind));
}

int parse_and_act(const std::vector<std::string>& args, Io& io) {
  Parser parser;
  try {
    parser.app.parse(std::vector<std::string>(args.rbegin(), args.rend()));
    const Result<ExitStatus> status = parser.chosen()(io);
    return status ? as_int(*status) : say_error(status.error(), io);
  } catch (const CLI::CallForHelp&) {
    io.out << parser.app.help();
  } catch (const CLI::CallForVersion& version) {
    io.out << version.what() << '\n';
  } catch (const CLI::ExtrasError&) {
    return say_usage_error(args, unexpected_word(parser.app.remaining(true)), io);
  } catch (const CLI::ParseError& error) {
    return say_usage_error(args, error.what(), io);
  }
  return as_int(ExitStatus::done);
}

}  // namespace

int run(const std::vector<std::string>& args, Io& io) {
  if (const std::string wrong = wrong_first_word(args); !wrong.empty()) {
    return say_usage_error(args, wrong, io);
  }
  try {
    return parse_and_act(args, io);
  } catch (const std::exception& exception) {  // out of memory, or a defect of ours
    return say_error(make_error(ErrorKind::io, std::string("internal error: ") + exception.what()), io);
  }
}

std::string help_text(const std::string& command) {
  const Parser parser;
  return command.empty() ? parser.app.help() : parser.app.get_subcommand(command)->help("qchain");
}

std::vector<std::string> command_names() {
  std::vector<std::string> names;
  std::ranges::transform(commands, std::back_inserter(names), [](const Command& command) { return command.name; });
  return names;
}

}  // namespace qchain::cli
