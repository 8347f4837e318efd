#pragma once

#include <memory>

#include "qcow/commit/base_writer.h"
#include "qcow/commit/plan.h"
#include "qcow/storage/writing_gate.h"

namespace qchain {

/// The writer of the plan's base, whose files `gate` has opened for writing. Writes nothing yet. Errors: all that
/// speaks against writing to such a base (refused, unsupported, corrupt), io.
[[nodiscard]] Result<std::unique_ptr<BaseWriter>> open_base(const CommitPlan& plan, const WritingGate& gate);

}  // namespace qchain
