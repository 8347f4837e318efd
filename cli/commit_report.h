#pragma once

#include <iosfwd>
#include <optional>
#include <string>
#include <string_view>

#include "cli/options.h"
#include "qcow/commit/commit.h"
#include "qcow/commit/retire.h"
#include "qcow/commit/verify_commit.h"
#include "qcow/verify/disk_digest.h"

/// What commit, verify and retire say of their results.
namespace qchain::cli {

void print_plan(const CommitPlan& plan, OutputStyle style, std::ostream& out);
void print_commit(const CommitReport& report, OutputStyle style, std::ostream& out);
void print_check(const std::string& base, const CommitCheck& check, OutputStyle style, std::ostream& out);
/// `digest`: of the view, where it was asked for.
void print_comparison(const std::string& target, const Comparison& comparison, const std::optional<DiskDigest>& digest,
                      OutputStyle style, std::ostream& out);
void print_digest(const std::string& image, const DiskDigest& digest, OutputStyle style, std::ostream& out);
void print_retirement(const Retirement& retirement, OutputStyle style, std::ostream& out);

/// The error of what follows a merge that is done: an interruption says which command goes on. The same commit might
/// merge again, where the chain does not show that it is done.
[[nodiscard]] Error cut_off_after_merge(Error error, const std::string& base, std::string_view command);

}  // namespace qchain::cli
