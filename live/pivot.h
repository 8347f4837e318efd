#pragma once

#include "live/context.h"

/// Inside of the live room: the end of a commit of the active image.
namespace qchain::live {

/// The guest goes on in a new overlay of ours, so that the image which was active is frozen, and can be merged and
/// proved like any other. The record is about that merge then. Errors: those of OutputFile, Machine, the plan.
[[nodiscard]] Result<void> put_overlay_on_top(Context& context, const Disk& disk);

/// The guest may have been started on another image since, or another snapshot lies over the overlay of ours: it must
/// not be taken away then. Errors: refused.
[[nodiscard]] Result<void> expect_overlay_on_top(const CommitRecord& record, const Disk& disk);

/// No guest has written to the overlay that the record names: it may be deleted. Errors: refused.
[[nodiscard]] Result<void> expect_unused_overlay(const CommitRecord& record);

/// Merges what the guest has written to the overlay since, which is little, and lets it go on in the base; proves that
/// it does, and takes the overlay away. Errors: those of commit_live(); the guest goes on in the overlay then.
[[nodiscard]] Result<void> pivot_to_base(Context& context);

/// Copies all above the base into it as of one moment; the guest goes on as before. The record stays unfinished: the
/// base is changed, and the layers mask it.
[[nodiscard]] Result<void> copy_and_keep(Context& context);

}  // namespace qchain::live
