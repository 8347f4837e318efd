#pragma once

#include "qcow/commit/plan.h"

/// Inside of the commit room.
namespace qchain {

/// Refuses where the chain below the base is not what the base's own header leads to: a json: name further up may say
/// otherwise ("backing"), and is gone once the layers are merged.
void refuse_other_below(CommitPlan& plan);

}  // namespace qchain
