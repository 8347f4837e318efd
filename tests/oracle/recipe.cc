#include "tests/oracle/recipe.h"

#include <algorithm>
#include <stdexcept>

#include "tests/support/qemu.h"

namespace qchain::test {
namespace {

constexpr int aborted = 128 + 6;  // qemu-io's own "abort" command ends it by SIGABRT

bool may_fail(const std::string& command) {
  return command.starts_with("write -c");
}

std::ptrdiff_t count_failures(const std::string& output) {
  std::ptrdiff_t count = 0;
  for (std::size_t at = output.find(" failed: "); at != std::string::npos; at = output.find(" failed: ", at + 1)) {
    ++count;
  }
  return count;
}

}  // namespace

void Recipe::run(const Arguments& argv) {
  lines_.push_back(shell_line(argv));
  must_run(argv);
}

bool Recipe::attempt(const Arguments& argv) {
  const bool done = test::run(argv).ok();
  lines_.push_back((done ? "" : "# failed: ") + shell_line(argv));
  return done;
}

void Recipe::write(const std::string& path, const std::vector<std::string>& commands) {
  if (commands.empty()) {
    return;
  }
  const Arguments argv = qemu_io_command(path, "qcow2", commands);
  lines_.push_back(shell_line(argv));
  const ProcessResult result = test::run(argv);
  const std::string output = result.out + result.err;
  if (output.find("Marking image as corrupt") != std::string::npos) {
    note("QEMU broke its own image here");  // 7.2 does, on compressed writes to 512-byte clusters among others
    return;
  }
  const bool known_end = result.status == 0 || result.status == 1 || result.status == aborted;
  const bool more_failed = count_failures(output) > std::ranges::count_if(commands, may_fail);
  if (known_end && more_failed && !try_qemu_bytes(path, "qcow2")) {
    note("QEMU can't read this image, or one below it: a write of a part of a cluster would have to");
    return;
  }
  if (!known_end || more_failed) {
    throw std::runtime_error(lines_.back() + "\n  exit status " + std::to_string(result.status) + ": " + output);
  }
}

}  // namespace qchain::test
