#pragma once

#include <nlohmann/json.hpp>
#include <optional>
#include <vector>

#include "qcow/commit/record.h"

// What a commit's record says of bytes, to and from JSON. Reading throws json::exception where something is missing, of
// another kind or out of bounds: parse_record() makes one error of all.
namespace qchain::record_json {

using nlohmann::json;

[[nodiscard]] json totals_to_json(const CommitTotals& totals);
[[nodiscard]] CommitTotals totals_from_json(const json& value);

[[nodiscard]] json new_bytes_to_json(const CommitRecord& record);
void read_new_bytes(const json& value, CommitRecord& record);

[[nodiscard]] json bitmaps_to_json(const std::vector<RecordedBitmap>& bitmaps);
/// `value`: null in records from before bitmaps were recorded.
[[nodiscard]] std::vector<RecordedBitmap> bitmaps_from_json(const json& value);

/// The runs as numbers: bytes skipped, bytes of the run (negative: zeros), and so on.
[[nodiscard]] json content_to_json(const std::optional<MergedContent>& content);
[[nodiscard]] std::optional<MergedContent> content_from_json(const json& value);

[[nodiscard]] json whole_to_json(const std::optional<WholeDigest>& whole);
/// Of the whole record: those of earlier times have no such member.
[[nodiscard]] std::optional<WholeDigest> whole_from_json(const json& record);

}  // namespace qchain::record_json
