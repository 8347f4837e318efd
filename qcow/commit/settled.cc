#include "qcow/commit/settled.h"

#include <fmt/format.h>

#include <algorithm>

#include "qcow/commit/find_record.h"
#include "qcow/commit/unfinished.h"

namespace qchain {

namespace {

/// Below a merged top: its base holds now, or is about to, what the layers above it had. The top itself reads as
/// before.
bool is_below_merged_top(const Layer& layer, const CommitRecord& record) {
  const RecordedFile file = recorded(layer);
  return file != record.merged.back() && std::ranges::find(record.merged, file) != record.merged.end();
}

bool is_inside_what_was_merged(const Layer& layer, const CommitRecord& record) {
  const bool layers_are_left = record.state == CommitState::done || record.state == CommitState::verified;
  return layers_are_left && is_below_merged_top(layer, record);
}

/// A mixture while the commit is not finished. One that writes to a new file leaves the base alone.
bool is_half_merged(const Layer& layer, const CommitRecord& record) {
  const bool is_base = layer.image->storage().identity() == record.base.identity;
  const bool is_written = !record.live || record.live->engine != LiveEngine::clone;
  return is_unfinished(record) && is_written && (is_base || is_below_merged_top(layer, record));
}

Error merged_away(const Layer& layer, const CommitRecord& record) {
  return make_error(ErrorKind::refused, fmt::format("reads wrong since a commit merged it into '{}'", record.base.path))
      .in(layer.file)
      .advise(fmt::format("'{}' holds it all now", record.overlay ? record.overlay->path : record.base.path));
}

Result<void> check_record(const std::string& anchor, const Chain& chain, std::size_t position) {
  const auto record = QC_TRY(FileRecordStore(anchor).load());
  if (record && is_unfinished(*record)) {
    return std::unexpected(unfinished_commit(*record, chain.layer(position).file));
  }
  if (record && is_inside_what_was_merged(chain.active(), *record)) {
    return std::unexpected(merged_away(chain.active(), *record));
  }
  return {};
}

}  // namespace

std::optional<CommitRecord> commit_under_top(const Slice& slice) {
  const Layer& top = slice.chain.layer(slice.top);
  for (std::size_t position = slice.base; position <= slice.top; ++position) {
    const auto found = record_of_layer(slice.chain, position);
    if (found && (is_half_merged(top, found->record) || is_inside_what_was_merged(top, found->record))) {
      return found->record;
    }
  }
  return std::nullopt;
}

Result<void> check_settled(const Chain& chain, const std::string& overlay) {
  for (std::size_t position = 0; position < chain.depth(); ++position) {
    const std::string anchor = record_anchor(chain, position);
    const std::string beside_overlay = record_anchor(chain.layer(position).file, overlay);
    QC_TRY(check_record(anchor, chain, position));
    if (beside_overlay != anchor) {
      QC_TRY(check_record(beside_overlay, chain, position));
    }
  }
  return {};
}

}  // namespace qchain
