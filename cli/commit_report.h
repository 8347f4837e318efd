#pragma once

#include <iosfwd>
#include <string>

#include "cli/options.h"
#include "qcow/commit/commit.h"
#include "qcow/commit/retire.h"
#include "qcow/commit/verify_commit.h"

/// What commit, verify and retire say of their results.
namespace qchain::cli {

void print_plan(const CommitPlan& plan, OutputStyle style, std::ostream& out);
void print_commit(const CommitReport& report, OutputStyle style, std::ostream& out);
void print_check(const std::string& base, const CommitCheck& check, OutputStyle style, std::ostream& out);
void print_comparison(const std::string& target, const Comparison& comparison, OutputStyle style, std::ostream& out);
void print_retirement(const Retirement& retirement, OutputStyle style, std::ostream& out);

}  // namespace qchain::cli
