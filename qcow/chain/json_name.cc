#include "qcow/chain/json_name.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>

namespace qchain {

namespace {

using nlohmann::json;

/// Options that change how QEMU reads, not what it reads.
constexpr std::array<std::string_view, 17> harmless{"read-only",
                                                    "auto-read-only",
                                                    "discard",
                                                    "detect-zeroes",
                                                    "cache",
                                                    "locking",
                                                    "aio",
                                                    "node-name",
                                                    "force-share",
                                                    "lazy-refcounts",
                                                    "overlap-check",
                                                    "cache-size",
                                                    "l2-cache-size",
                                                    "refcount-cache-size",
                                                    "l2-cache-entry-size",
                                                    "cache-clean-interval",
                                                    "x-check-cache-dropped"};

template <std::size_t N>
bool is_one_of(std::string_view key, const std::array<std::string_view, N>& keys) {
  return std::ranges::find(keys, key) != keys.end();
}

/// "file.filename": x becomes "file": {"filename": x}. A name is at most 1023 bytes, so depth is bounded.
void put_nested(json& object, std::string_view key, const json& value) {
  const auto dot = key.find('.');
  if (dot == std::string_view::npos) {
    object[std::string(key)] = value;
    return;
  }
  auto& child = object[std::string(key.substr(0, dot))];
  if (!child.is_object()) {
    child = json::object();
  }
  put_nested(child, key.substr(dot + 1), value);
}

json nested(const json& flat) {
  json object = json::object();
  for (const auto& [key, value] : flat.items()) {
    put_nested(object, key, value.is_object() ? nested(value) : value);
  }
  return object;
}

std::unexpected<Error> refuse(std::string_view key) {
  return fail(ErrorKind::unsupported, fmt::format("option '{}' in its json: backing name is not supported", key));
}

Result<void> check_options(const json& object) {
  constexpr std::array<std::string_view, 4> understood{"driver", "file", "filename", "backing"};
  for (const auto& [key, value] : object.items()) {
    if (!is_one_of(key, understood) && !is_one_of(key, harmless)) {
      return refuse(key);
    }
  }
  return {};
}

Result<std::optional<std::string>> text_of(const json& object, const char* key) {
  const auto found = object.find(key);
  if (found == object.end()) {
    return std::nullopt;
  }
  if (!found->is_string()) {
    return refuse(key);
  }
  return found->get<std::string>();
}

/// The file name at the leaf; every level on the way may only be raw or file.
Result<std::string> leaf_of(const json& object) {
  QC_TRY(check_options(object));
  if (const auto driver = QC_TRY(text_of(object, "driver"));
      driver && QC_TRY(image_format(*driver)) != ImageFormat::raw) {
    return refuse("file.driver");
  }
  if (auto name = QC_TRY(text_of(object, "filename"))) {
    return *std::move(name);
  }
  const auto file = object.find("file");
  if (file == object.end() || !file->is_object()) {
    return fail(ErrorKind::unsupported, "its json: backing name does not lead to a local file");
  }
  return leaf_of(*file);
}

Result<JsonTarget> target_of(const json& object);

Result<void> read_override(const json& backing, JsonTarget& target) {
  target.overrides_next = true;
  if (backing.is_null()) {
    return {};
  }
  if (!backing.is_object()) {
    return refuse("backing");
  }
  auto next = QC_TRY(target_of(backing));
  if (!next.format) {
    return fail(ErrorKind::missing_format, "its json: backing name gives a backing object without driver");
  }
  target.next = std::make_shared<const BackingTarget>(
      BackingTarget{std::move(next.path), *next.format, next.overrides_next, std::move(next.next)});
  return {};
}

Result<JsonTarget> target_of(const json& object) {
  QC_TRY(check_options(object));
  JsonTarget target;
  if (const auto driver = QC_TRY(text_of(object, "driver"))) {
    target.format = QC_TRY(image_format(*driver));
  }
  if (object.contains("filename")) {
    target.path = *QC_TRY(text_of(object, "filename"));
  } else if (const auto file = object.find("file"); file != object.end() && file->is_object()) {
    target.path = QC_TRY(leaf_of(*file));
  } else {
    return fail(ErrorKind::unsupported, "its json: backing name does not lead to a local file");
  }
  if (target.path.find('\0') != std::string::npos) {
    return fail(ErrorKind::unsupported, "a file name in its json: backing name holds a NUL byte");
  }
  if (const auto backing = object.find("backing"); backing != object.end()) {
    QC_TRY(read_override(*backing, target));
  }
  return target;
}

}  // namespace

Result<JsonTarget> parse_json_name(std::string_view object_text) {
  const json parsed = json::parse(object_text, nullptr, /*allow_exceptions=*/false);
  if (!parsed.is_object()) {
    return fail(ErrorKind::corrupt, "its json: backing name is not a JSON object");
  }
  return target_of(nested(parsed));
}

}  // namespace qchain
