#pragma once

#include <iosfwd>
#include <optional>
#include <string>

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

}  // namespace qchain::cli
