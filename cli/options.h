#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "cli/io.h"
#include "qcow/chain/chain.h"
#include "qcow/storage/gate.h"

namespace CLI {
class App;
class Option;
}  // namespace CLI

namespace qchain::cli {

enum class OutputStyle : std::uint8_t { human, json };

/// IMAGE and how it is opened; `base` and `top` as the user wrote them.
struct SourceOptions {
  std::string image;
  std::string format;  ///< "raw", "qcow2" or empty: recognised
  std::string base;
  std::string top;
  bool force_share = false;        ///< read without locks
  bool no_sandbox = false;         ///< keep all rights, for looking for defects
  std::vector<std::string> allow;  ///< folders that image headers may name files in; empty: any
  bool no_backing = false;         ///< IMAGE alone, without its backing file
};

/// For `check`: a script's variable that is not set must not mean that the option is not given.
[[nodiscard]] std::string refuse_empty(const std::string& word);

/// Each adds what its name says to `app`; the strings and flags it is given must outlive the parsing.
CLI::Option* add_image(CLI::App& app, SourceOptions& source);
void add_force_share(CLI::App& app, SourceOptions& source);
void add_allow(CLI::App& app, SourceOptions& source);
void add_no_sandbox(CLI::App& app, SourceOptions& source);
void add_no_backing(CLI::App& app, SourceOptions& source);
/// The next option may be an image: a repeatable option takes one word each time.
CLI::Option* add_folders(CLI::App& app, const char* flag, std::vector<std::string>& into, const char* help);
/// `flag` is `--format`, or another spelling where a command means something else by that.
void add_image_format(CLI::App& app, SourceOptions& source, const char* flag = "--format");
/// All of the above but IMAGE and folders: for a command that only reads, and gives up its rights first.
void add_reading(CLI::App& app, SourceOptions& source);
void add_slice(CLI::App& app, SourceOptions& source);
CLI::Option* add_output(CLI::App& app, OutputStyle& style);

/// The format that the user gave for IMAGE itself, if any.
[[nodiscard]] std::optional<ImageFormat> chosen_format(const SourceOptions& source);
[[nodiscard]] Locking locking_for(const SourceOptions& source);
/// Opens the chain that the options name.
[[nodiscard]] Result<Chain> open_chain(const SourceOptions& source);
/// The same, of a chain that is broken further down what lies above the break.
[[nodiscard]] Result<PartialChain> open_what_can_be(const SourceOptions& source);
/// Opens the chain and picks the slice that the options name. Where a commit has changed what it shows, the user is
/// told.
[[nodiscard]] Result<Slice> open_slice(const SourceOptions& source, Io& io);

}  // namespace qchain::cli
