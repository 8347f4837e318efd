#pragma once

#include <iosfwd>
#include <nlohmann/json_fwd.hpp>

#include "cli/options.h"
#include "qcow/commit/plan.h"

/// What `commit --dry-run` says.
namespace qchain::cli {

[[nodiscard]] nlohmann::ordered_json plan_json(const CommitPlan& plan);
void print_plan(const CommitPlan& plan, OutputStyle style, std::ostream& out);

/// What becomes of a bitmap, as the end of a sentence about it.
[[nodiscard]] const char* fate_text(BitmapFate fate);

}  // namespace qchain::cli
