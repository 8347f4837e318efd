#pragma once

#include <nlohmann/json.hpp>
#include <optional>

#include "qcow/commit/record.h"

// What a commit's record says of a running guest, to and from JSON. Reading throws json::exception where something is
// missing or of another kind: parse_record() makes one error of all.
namespace qchain::record_json {

using nlohmann::json;

[[nodiscard]] json live_to_json(const std::optional<LiveCommit>& live);
/// `value`: null in records of commits without a running guest.
[[nodiscard]] std::optional<LiveCommit> live_from_json(const json& value);

}  // namespace qchain::record_json
