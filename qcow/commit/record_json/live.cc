#include "qcow/commit/record_json/live.h"

#include <algorithm>
#include <array>

#include "qcow/commit/record_json/files.h"

namespace qchain::record_json {

namespace {

constexpr std::array<std::string_view, 3> step_names{"merging", "pivoting", "pivoted"};

LiveStep step_from_json(const json& value) {
  const auto* const found = std::ranges::find(step_names, value.get<std::string>());
  if (found == step_names.end()) {
    throw json::other_error::create(501, "unknown step", nullptr);
  }
  return static_cast<LiveStep>(found - step_names.begin());
}

}  // namespace

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

}  // namespace qchain::record_json
