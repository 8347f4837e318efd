#pragma once

#include <iosfwd>
#include <string>
#include <string_view>

#include "cli/options.h"
#include "qcow/commit/commit.h"
#include "qcow/commit/retire.h"

/// What commit and retire say of their results.
namespace qchain::cli {

void print_commit(const CommitReport& report, OutputStyle style, std::ostream& out);
void print_retirement(const Retirement& retirement, OutputStyle style, std::ostream& out);

/// The error of what follows a merge that is done: an interruption says which command goes on. (The same
/// commit would find that it is done, and not what comes after it.)
[[nodiscard]] Error cut_off_after_merge(Error error, const std::string& base, std::string_view command);

}  // namespace qchain::cli
