#pragma once

#include <optional>

#include "qcow/commit/plan.h"
#include "qcow/commit/qcow2/qcow2_base_writer.h"

/// Inside of the commit room: what becomes of the layers' persistent bitmaps.
namespace qchain {

/// Lists the bitmaps of all layers that take part, and refuses where one would be lost, or can't be merged. `earlier`:
/// the record of this very commit, begun and not finished: it goes on as it began, whatever `choice` says now.
/// Errors: io, corrupt, limit, unsupported (a layer's bitmaps can't be listed).
[[nodiscard]] Result<void> plan_bitmaps(CommitPlan& plan, BitmapChoice choice,
                                        const std::optional<CommitRecord>& earlier);

/// The plan, as the record tells it and as the base's writer wants it.
[[nodiscard]] std::vector<RecordedBitmap> recorded_bitmaps(const CommitPlan& plan);
[[nodiscard]] std::set<std::string> own_bitmaps(const CommitPlan& plan);
[[nodiscard]] std::vector<BitmapMerge> bitmap_merges(const CommitPlan& plan);

}  // namespace qchain
