#pragma once

#include <string>
#include <vector>

#include "tests/support/process.h"

namespace qchain::test {

/// Runs the commands that make a chain, and remembers them for whoever has to look at a failure.
class Recipe {
 public:
  /// Must succeed; throws std::runtime_error otherwise.
  void run(const Arguments& argv);
  /// True when it succeeded; the recipe tells both apart.
  bool attempt(const Arguments& argv);
  /// Writes into a qcow2 image: compressed writes may fail (QEMU does not overwrite with them), all others must not,
  /// unless QEMU finds that it has broken the image itself: then the rest is not written, and it stays as it is.
  void write(const std::string& path, const std::vector<std::string>& commands);
  void note(const std::string& text) { lines_.push_back("# " + text); }

  [[nodiscard]] const std::vector<std::string>& lines() const noexcept { return lines_; }

 private:
  std::vector<std::string> lines_;
};

}  // namespace qchain::test
