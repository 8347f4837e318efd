#include "qcow/commit/record_json/content.h"

#include "qcow/commit/record_json/files.h"
#include "qcow/format/limits.h"

namespace qchain::record_json {

namespace {

BitmapFate fate_from_json(const json& value) {
  for (const BitmapFate fate :
       {BitmapFate::updated, BitmapFate::kept, BitmapFate::inconsistent, BitmapFate::merged, BitmapFate::dropped}) {
    if (value == name_of(fate)) {
      return fate;
    }
  }
  throw json::other_error::create(503, "unknown fate of a bitmap", nullptr);
}

/// Earlier versions had another digest, as "xxh3-128".
constexpr const char* digest_of_content = "xxh3-128-sum";

json digest_to_json(const DiskDigest& digest) {
  json value{{"size", digest.size}, {"xxh3-128", digest.xxh3}};
  if (!digest.sha256.empty()) {
    value["sha256"] = digest.sha256;
  }
  return value;
}

DiskDigest digest_from_json(const json& value) {
  return {.size = value.at("size").get<std::uint64_t>(),
          .xxh3 = value.at("xxh3-128").get<std::string>(),
          .sha256 = value.value("sha256", std::string())};
}

}  // namespace

json totals_to_json(const CommitTotals& totals) {
  return {{"copied", totals.copied}, {"cloned", totals.cloned}, {"zeroed", totals.zeroed}};
}

CommitTotals totals_from_json(const json& value) {
  return {.copied = value.at("copied").get<std::uint64_t>(),
          .cloned = value.at("cloned").get<std::uint64_t>(),
          .zeroed = value.at("zeroed").get<std::uint64_t>()};
}

json new_bytes_to_json(const CommitRecord& record) {
  return {{"forecast", record.new_bytes_forecast}, {"outcome", record.new_bytes ? json(*record.new_bytes) : json()}};
}

void read_new_bytes(const json& value, CommitRecord& record) {
  if (value.is_object()) {
    record.new_bytes_forecast = value.at("forecast").get<std::uint64_t>();
    const json& outcome = value.at("outcome");
    record.new_bytes = outcome.is_null() ? std::nullopt : std::optional(outcome.get<std::uint64_t>());
  }
}

json bitmaps_to_json(const std::vector<RecordedBitmap>& bitmaps) {
  json list = json::array();
  for (const RecordedBitmap& bitmap : bitmaps) {
    list.push_back(
        {{"file", name_to_json(bitmap.file)}, {"name", name_to_json(bitmap.name)}, {"becomes", name_of(bitmap.fate)}});
  }
  return list;
}

std::vector<RecordedBitmap> bitmaps_from_json(const json& value) {
  std::vector<RecordedBitmap> bitmaps;
  for (const json& bitmap : value) {
    bitmaps.push_back({.file = name_from_json(bitmap.at("file")),
                       .name = name_from_json(bitmap.at("name")),
                       .fate = fate_from_json(bitmap.at("becomes"))});
  }
  return bitmaps;
}

json content_to_json(const std::optional<MergedContent>& content) {
  if (!content) {
    return {};
  }
  json runs = json::array();
  std::uint64_t position = 0;
  for (const MergedRun& run : content->runs) {
    runs.push_back(run.range.start - position);
    const auto length = static_cast<std::int64_t>(run.range.length);
    runs.push_back(run.zero ? -length : length);
    position = run.range.end();
  }
  return {{digest_of_content, content->digest}, {"runs", std::move(runs)}};
}

std::optional<MergedContent> content_from_json(const json& value) {
  if (value.is_null() || !value.contains(digest_of_content)) {
    return std::nullopt;
  }
  MergedContent content{.runs = {}, .digest = value.at(digest_of_content).get<std::string>()};
  std::uint64_t position = 0;
  const json& runs = value.at("runs");
  for (std::size_t i = 0; i < runs.size(); i += 2) {
    const auto skipped = runs.at(i).get<std::uint64_t>();
    const auto length = runs.at(i + 1).get<std::int64_t>();
    const std::uint64_t bytes =
        length < 0 ? 0 - static_cast<std::uint64_t>(length) : static_cast<std::uint64_t>(length);
    if (skipped > format::max_virtual_size || bytes > format::max_virtual_size ||
        position > format::max_virtual_size - skipped) {
      throw json::other_error::create(502, "run past the longest disk", nullptr);
    }
    content.runs.push_back({.range = {position + skipped, bytes}, .zero = length < 0});
    position += skipped + bytes;
  }
  return content;
}

json whole_to_json(const std::optional<WholeDigest>& whole) {
  if (!whole) {
    return {};
  }
  return {{"view", digest_to_json(whole->view)},
          {"tail", digest_to_json(whole->tail)},
          {"before-first-write", whole->before_first_write},
          {"differs", whole->differs}};
}

std::optional<WholeDigest> whole_from_json(const json& record) {
  const auto found = record.find("whole");
  if (found == record.end() || found->is_null()) {
    return std::nullopt;
  }
  return WholeDigest{.view = digest_from_json(found->at("view")),
                     .tail = digest_from_json(found->at("tail")),
                     .differs = found->at("differs").get<bool>(),
                     .before_first_write = found->at("before-first-write").get<bool>()};
}

}  // namespace qchain::record_json
