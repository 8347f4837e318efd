#pragma once

#include "live/live_commit.h"

/// Inside of the live room.
namespace qchain::live {

/// Which engine merges this, by what the user wants and what is there. Errors: those of the first condition of
/// LiveEngine::clone that does not hold, where the user wants that one.
[[nodiscard]] Result<EngineDecision> decide_engine(const LiveRequest& request, const LiveSurroundings& around,
                                                   const Disk& disk, const Selection& selection);

/// The name that the new base has until it takes the base's.
[[nodiscard]] std::string new_base_name(const std::string& base);
/// The name of the empty image that is put over it for the switch.
[[nodiscard]] std::string empty_image_name(const std::string& base);

}  // namespace qchain::live
