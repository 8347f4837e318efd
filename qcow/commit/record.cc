#include "qcow/commit/record.h"

#include <array>
#include <nlohmann/json.hpp>

#include "qcow/commit/record_json/content.h"
#include "qcow/commit/record_json/files.h"
#include "qcow/commit/record_json/live.h"

namespace qchain {

namespace {

using namespace record_json;

constexpr int record_version = 1;

constexpr std::array<const char*, 5> state_names{"copying", "relinking", "done", "verified", "retired"};

CommitState state_from_json(const json& value) {
  const auto name = value.get<std::string>();
  for (std::size_t i = 0; i < state_names.size(); ++i) {
    if (name == state_names[i]) {
      return static_cast<CommitState>(i);
    }
  }
  throw json::other_error::create(501, "unknown state", nullptr);
}

CommitRecord record_from_json(const json& value) {
  CommitRecord record;
  record.state = state_from_json(value.at("state"));
  record.asked = asked_from_json(value.at("asked"));
  record.base = file_from_json(value.at("base"));
  record.base_format = value.at("base-format") == "qcow2" ? ImageFormat::qcow2 : ImageFormat::raw;
  for (const json& file : value.at("merged")) {
    record.merged.push_back(file_from_json(file));
  }
  if (record.merged.empty()) {
    throw json::other_error::create(501, "no merged layer", nullptr);
  }
  if (const json& overlay = value.at("overlay"); !overlay.is_null()) {
    record.overlay = file_from_json(overlay);
  }
  record.kept = kept_from_json(value.value("kept-base", json()));  // earlier versions know of none
  record.base_left = time_from_json(value.value("base-left", json()));
  record.backing_name = name_from_json(value.at("backing-filename"));
  record.base_size_before = value.at("base-size-before").get<std::uint64_t>();
  record.view_size = value.at("virtual-size").get<std::uint64_t>();
  record.moved_to = value.at("moved-to").get<std::uint64_t>();
  record.forecast = totals_from_json(value.at("forecast"));
  record.outcome = totals_from_json(value.at("outcome"));
  read_new_bytes(value.value("new-bytes", json()), record);
  record.bitmaps = bitmaps_from_json(value.value("bitmaps", json()));
  record.content = content_from_json(value.at("content"));
  record.whole = whole_from_json(value);
  record.retiring = value.value("retiring", false);  // earlier versions don't say
  record.live = live_from_json(value.value("live", json()));
  return record;
}

}  // namespace

const char* name_of(LiveEngine engine) noexcept {
  return engine == LiveEngine::clone ? "clone" : "qemu";
}

const char* name_of(CommitState state) noexcept {
  return state_names[static_cast<std::size_t>(state)];
}

std::string to_json(const CommitRecord& record) {
  json merged = json::array();
  for (const RecordedFile& file : record.merged) {
    merged.push_back(file_to_json(file));
  }
  const json value{{"qchain-commit", record_version},
                   {"state", name_of(record.state)},
                   {"asked", asked_to_json(record.asked)},
                   {"base", file_to_json(record.base)},
                   {"base-format", name_of(record.base_format)},
                   {"merged", std::move(merged)},
                   {"overlay", record.overlay ? file_to_json(*record.overlay) : json()},
                   {"kept-base", kept_to_json(record.kept)},
                   {"base-left", time_to_json(record.base_left)},
                   {"backing-filename", name_to_json(record.backing_name)},
                   {"base-size-before", record.base_size_before},
                   {"virtual-size", record.view_size},
                   {"moved-to", record.moved_to},
                   {"forecast", totals_to_json(record.forecast)},
                   {"outcome", totals_to_json(record.outcome)},
                   {"new-bytes", new_bytes_to_json(record)},
                   {"bitmaps", bitmaps_to_json(record.bitmaps)},
                   {"content", content_to_json(record.content)},
                   {"whole", whole_to_json(record.whole)},
                   {"retiring", record.retiring},
                   {"live", live_to_json(record.live)}};
  return value.dump(2) + "\n";
}

Result<CommitRecord> parse_record(std::string_view text) {
  const json value = json::parse(text, nullptr, /*allow_exceptions=*/false);
  if (!value.is_object() || !value.contains("qchain-commit")) {
    return fail(ErrorKind::corrupt, "is not a commit record");
  }
  if (value["qchain-commit"] != record_version) {
    return fail(ErrorKind::unsupported, "was written by another version of qchain");
  }
  try {
    return record_from_json(value);
  } catch (const json::exception&) {
    return fail(ErrorKind::corrupt, "is not a complete commit record");
  }
}

}  // namespace qchain
