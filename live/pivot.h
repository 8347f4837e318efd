#pragma once

#include "live/context.h"

/// Inside of the live room: the end of a commit of the active image.
namespace qchain::live {

/// The guest goes on in a new overlay of ours, so that the image which was active is frozen, and can be merged and
/// proved like any other. The record is about that merge then. Errors: those of OutputFile, Machine, the plan.
[[nodiscard]] Result<void> put_overlay_on_top(Context& context, const Disk& disk);

/// Merges what the guest has written to the overlay since, which is little, and lets it go on in the base; proves that
/// it does, and takes the overlay away. Errors: those of commit_live(); the guest goes on in the overlay then.
[[nodiscard]] Result<void> pivot_to_base(Context& context);

/// Copies all above the base into it as of one moment; the guest goes on as before. The record stays unfinished: the
/// base is changed, and the layers mask it.
[[nodiscard]] Result<void> copy_and_keep(Context& context);

}  // namespace qchain::live
