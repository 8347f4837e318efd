#pragma once

#include <iosfwd>
#include <optional>
#include <string>

#include "cli/options.h"
#include "qcow/commit/verify_commit.h"
#include "qcow/verify/disk_digest.h"

/// What a comparison found, of two images or of a base with what was merged into it.
namespace qchain::cli {

void print_check(const std::string& base, const CommitCheck& check, OutputStyle style, std::ostream& out);
/// `digest`: of the view, where it was asked for.
void print_comparison(const std::string& target, const Comparison& comparison, const std::optional<DiskDigest>& digest,
                      OutputStyle style, std::ostream& out);
void print_digest(const std::string& image, const DiskDigest& digest, OutputStyle style, std::ostream& out);

}  // namespace qchain::cli
