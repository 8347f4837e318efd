#include "qcow/commit/plan_request.h"

#include <fmt/format.h>

#include "qcow/commit/last_write.h"
#include "qcow/commit/unfinished.h"

namespace qchain {

namespace {

EarlierKeeping earlier_keeping(const std::optional<CommitRecord>& earlier, const Selection& selection,
                               const CommitRecord& now) {
  EarlierKeeping keeping;
  if (!earlier || !is_about(*earlier, selection)) {
    return keeping;
  }
  keeping.begun = is_unfinished(*earlier);
  keeping.base_is_the_same = earlier->base == now.base;
  // Cut off between its last note and its end, a commit of all layers is run once more: the chain does not show that
  // it is done.
  const bool is_done = earlier->state == CommitState::done || earlier->state == CommitState::verified;
  const bool is_repeated =
      is_done && earlier->merged == now.merged && earlier->kept && is_file_as_recorded(earlier->kept->file);
  if (keeping.begun || is_repeated) {
    keeping.kept = earlier->kept;
  }
  return keeping;
}

Error written_since(const Layer& base, const std::string& record) {
  return make_error(ErrorKind::refused, "these layers were merged into it already, and it was written to since")
      .in(base.file)
      .advise(fmt::format("if a guest goes on in it, nothing is left to do; to put the layers over that, delete '{}'",
                          record));
}

KeepRequest as_begun(const KeptBase& kept) {
  return {.file = kept.file.path, .copy = kept.by == KeptBy::copying ? CopyToKeep::allow : CopyToKeep::refuse};
}

}  // namespace

CommitRecord record_about(const CommitRequest& request, const Selection& selection) {
  CommitRecord record;
  record.asked = asked_for(request, selection.chain);
  record.base = recorded(selection.base_layer());
  record.base_format = selection.base_layer().image->format();
  for (std::size_t i = selection.base + 1; i <= selection.top; ++i) {
    record.merged.push_back(recorded(selection.chain.layer(i)));
  }
  if (const auto overlay = selection.overlay()) {
    record.overlay = recorded(selection.chain.layer(*overlay));
  }
  return record;
}

Result<CommitPlan> plan_request(const Selection& selection, const CommitRequest& request,
                                const std::optional<CommitRecord>& earlier, const std::stop_token& stop) {
  const CommitRecord now = record_about(request, selection);
  const bool is_resumed = earlier && is_unfinished(*earlier) && is_about(*earlier, selection);
  const PlanFacts facts{.record = FileRecordStore(record_anchor(selection.chain, selection.base)).path(),
                        .last = earlier,
                        .resumed = is_resumed ? earlier : std::nullopt,
                        .earlier = earlier_keeping(earlier, selection, now),
                        .moved_to = is_resumed && earlier->merged == now.merged ? earlier->moved_to : 0};
  PlanOptions options = request.plan;
  if (!options.keep && facts.earlier.begun && facts.earlier.kept) {
    options.keep = as_begun(*facts.earlier.kept);
  }
  CommitPlan plan = QC_TRY(plan_commit(selection, options, facts, stop));
  if (earlier && is_written_since(*earlier, selection)) {
    plan.refusals.insert(plan.refusals.begin(), written_since(selection.base_layer(), facts.record));
  }
  return plan;
}

Result<void> check_kept(const CommitRequest& request, const CommitRecord& finished) {
  if (!request.plan.keep) {
    return {};
  }
  const std::string file = QC_TRY(kept_name(request.plan.keep->file));
  if (!finished.kept || finished.kept->file.path != file) {
    return std::unexpected(make_error(ErrorKind::refused, "the layers were merged already, and the base not kept so")
                               .in(file)
                               .advise("run the command without --keep-base"));
  }
  return {};
}

}  // namespace qchain
