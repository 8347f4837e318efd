#include "qcow/commit/record.h"

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>

#include "qcow/format/limits.h"

namespace qchain {

namespace {

using nlohmann::json;

constexpr int record_version = 1;

constexpr std::array<const char*, 5> state_names{"copying", "relinking", "done", "verified", "retired"};

constexpr std::array<std::string_view, 3> step_names{"merging", "pivoting", "pivoted"};

/// JSON texts are UTF-8, file names are any bytes: those that don't fit are kept as numbers.
json name_to_json(const std::string& name) {
  json text(name);
  try {
    (void)text.dump();
  } catch (const json::type_error&) {
    text = std::vector<std::uint8_t>(name.begin(), name.end());
  }
  return text;
}

std::string name_from_json(const json& value) {
  if (value.is_string()) {
    return value.get<std::string>();
  }
  const auto bytes = value.get<std::vector<std::uint8_t>>();
  return {bytes.begin(), bytes.end()};
}

json file_to_json(const RecordedFile& file) {
  return {{"file", name_to_json(file.path)},
          {"device", file.identity.device},
          {"inode", file.identity.inode},
          {"size", file.size},
          {"modified-seconds", file.modified_seconds},
          {"modified-nanoseconds", file.modified_nanoseconds}};
}

RecordedFile file_from_json(const json& value) {
  return {
      .path = name_from_json(value.at("file")),
      .identity = {.device = value.at("device").get<std::uint64_t>(), .inode = value.at("inode").get<std::uint64_t>()},
      .size = value.at("size").get<std::uint64_t>(),
      .modified_seconds = value.at("modified-seconds").get<std::int64_t>(),
      .modified_nanoseconds = value.at("modified-nanoseconds").get<std::uint32_t>()};
}

json asked_to_json(const AskedFor& asked) {
  return {{"device", asked.image.device},
          {"inode", asked.image.inode},
          {"base", name_to_json(asked.base)},
          {"top", name_to_json(asked.top)},
          {"shallow", asked.shallow}};
}

AskedFor asked_from_json(const json& value) {
  return {.image = {.device = value.at("device").get<std::uint64_t>(), .inode = value.at("inode").get<std::uint64_t>()},
          .base = name_from_json(value.at("base")),
          .top = name_from_json(value.at("top")),
          .shallow = value.at("shallow").get<bool>()};
}

json kept_to_json(const std::optional<KeptBase>& kept) {
  if (!kept) {
    return {};
  }
  json value = file_to_json(kept->file);
  value["by"] = kept->by == KeptBy::copying ? "copying" : "sharing";
  value["complete"] = kept->complete;
  return value;
}

std::optional<KeptBase> kept_from_json(const json& value) {
  if (value.is_null()) {
    return std::nullopt;
  }
  return KeptBase{.file = file_from_json(value),
                  .by = value.at("by") == "copying" ? KeptBy::copying : KeptBy::sharing,
                  .complete = value.at("complete").get<bool>()};
}

json time_to_json(const std::optional<FileTime>& time) {
  return time ? json{{"seconds", time->seconds}, {"nanoseconds", time->nanoseconds}} : json();
}

std::optional<FileTime> time_from_json(const json& value) {
  if (value.is_null()) {
    return std::nullopt;
  }
  return FileTime{.seconds = value.at("seconds").get<std::int64_t>(),
                  .nanoseconds = value.at("nanoseconds").get<std::uint32_t>()};
}

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

BitmapFate fate_from_json(const json& value) {
  for (const BitmapFate fate :
       {BitmapFate::updated, BitmapFate::kept, BitmapFate::inconsistent, BitmapFate::merged, BitmapFate::dropped}) {
    if (value == name_of(fate)) {
      return fate;
    }
  }
  throw json::other_error::create(503, "unknown fate of a bitmap", nullptr);
}

/// `value`: null in records from before bitmaps were recorded.
std::vector<RecordedBitmap> bitmaps_from_json(const json& value) {
  std::vector<RecordedBitmap> bitmaps;
  for (const json& bitmap : value) {
    bitmaps.push_back({.file = name_from_json(bitmap.at("file")),
                       .name = name_from_json(bitmap.at("name")),
                       .fate = fate_from_json(bitmap.at("becomes"))});
  }
  return bitmaps;
}

/// Earlier versions had another digest, as "xxh3-128".
constexpr const char* digest_of_content = "xxh3-128-sum";

/// The runs as numbers: bytes skipped, bytes of the run (negative: zeros), and so on.
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

json whole_to_json(const std::optional<WholeDigest>& whole) {
  if (!whole) {
    return {};
  }
  return {{"view", digest_to_json(whole->view)},
          {"tail", digest_to_json(whole->tail)},
          {"before-first-write", whole->before_first_write},
          {"differs", whole->differs}};
}

/// Records of earlier times have no such member.
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

json optional_file_to_json(const std::optional<RecordedFile>& file) {
  return file ? file_to_json(*file) : json();
}

std::optional<RecordedFile> optional_file_from_json(const json& value) {
  return value.is_null() ? std::nullopt : std::optional(file_from_json(value));
}

json live_to_json(const std::optional<LiveCommit>& live) {
  if (!live) {
    return {};
  }
  json temporaries = json::array();
  for (const RecordedFile& file : live->temporaries) {
    temporaries.push_back(file_to_json(file));
  }
  return {{"machine", name_to_json(live->machine)},
          {"disk", name_to_json(live->disk)},
          {"step", step_names[static_cast<std::size_t>(live->step)]},
          {"engine", name_of(live->engine)},
          {"new-base", optional_file_to_json(live->new_base)},
          {"overlay", optional_file_to_json(live->overlay)},
          {"temporaries", std::move(temporaries)}};
}

LiveStep step_from_json(const json& value) {
  const auto* const found = std::ranges::find(step_names, value.get<std::string>());
  if (found == step_names.end()) {
    throw json::other_error::create(501, "unknown step", nullptr);
  }
  return static_cast<LiveStep>(found - step_names.begin());
}

/// `value`: null in records of commits without a running guest.
std::optional<LiveCommit> live_from_json(const json& value) {
  if (value.is_null()) {
    return std::nullopt;
  }
  LiveCommit live{.machine = name_from_json(value.at("machine")),
                  .disk = name_from_json(value.at("disk")),
                  .step = step_from_json(value.at("step")),
                  .engine = value.value("engine", "qemu") == "clone" ? LiveEngine::clone : LiveEngine::qemu,
                  .new_base = optional_file_from_json(value.value("new-base", json())),
                  .overlay = optional_file_from_json(value.at("overlay")),
                  .temporaries = {}};
  for (const json& file : value.at("temporaries")) {
    live.temporaries.push_back(file_from_json(file));
  }
  return live;
}

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
