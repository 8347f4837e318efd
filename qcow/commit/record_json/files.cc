#include "qcow/commit/record_json/files.h"

namespace qchain::record_json {

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

json optional_file_to_json(const std::optional<RecordedFile>& file) {
  return file ? file_to_json(*file) : json();
}

std::optional<RecordedFile> optional_file_from_json(const json& value) {
  return value.is_null() ? std::nullopt : std::optional(file_from_json(value));
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

}  // namespace qchain::record_json
