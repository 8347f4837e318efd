#pragma once

#include <nlohmann/json.hpp>
#include <optional>
#include <string>

#include "qcow/commit/record.h"

// What a commit's record says of files, to and from JSON. Reading throws json::exception where something is missing or
// of another kind: parse_record() makes one error of all.
namespace qchain::record_json {

using nlohmann::json;

/// JSON texts are UTF-8, file names are any bytes: those that don't fit are kept as numbers.
[[nodiscard]] json name_to_json(const std::string& name);
[[nodiscard]] std::string name_from_json(const json& value);

[[nodiscard]] json file_to_json(const RecordedFile& file);
[[nodiscard]] RecordedFile file_from_json(const json& value);

/// null: none.
[[nodiscard]] json optional_file_to_json(const std::optional<RecordedFile>& file);
[[nodiscard]] std::optional<RecordedFile> optional_file_from_json(const json& value);

[[nodiscard]] json asked_to_json(const AskedFor& asked);
[[nodiscard]] AskedFor asked_from_json(const json& value);

/// null: none is kept.
[[nodiscard]] json kept_to_json(const std::optional<KeptBase>& kept);
[[nodiscard]] std::optional<KeptBase> kept_from_json(const json& value);

/// null: not known.
[[nodiscard]] json time_to_json(const std::optional<FileTime>& time);
[[nodiscard]] std::optional<FileTime> time_from_json(const json& value);

}  // namespace qchain::record_json
