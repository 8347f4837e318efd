#include "qcow/commit/commit.h"

#include "qcow/commit/commit_run.h"
#include "qcow/commit/finish_earlier.h"
#include "qcow/commit/open_base.h"
#include "qcow/commit/plan_request.h"
#include "qcow/commit/unfinished.h"

namespace qchain {

namespace {

bool same_layers(const Selection& a, const Selection& b) {
  const auto identity = [](const Selection& s, std::size_t i) { return s.chain.layer(i).image->storage().identity(); };
  if (a.base != b.base || a.top != b.top || a.chain.depth() != b.chain.depth()) {
    return false;
  }
  for (std::size_t i = 0; i < a.chain.depth(); ++i) {
    if (identity(a, i) != identity(b, i)) {
      return false;
    }
  }
  return true;
}

/// Where the record of a finished commit lies: its base is in the chain.
std::string anchor_of(const CommitRecord& record, const Chain& chain) {
  std::size_t base = 0;
  while (base + 1 < chain.depth() && chain.layer(base).image->storage().identity() != record.base.identity) {
    ++base;
  }
  return record_anchor(chain, base);
}

/// Opens the chain twice: once to see which files will be written, and once with the locks for that. A lock on one file
/// can't be changed from reading to writing without letting go of it.
Result<Selection> lock_selection(const CommitRequest& request, const Chain& looked_at, CommitSurroundings& around) {
  const ChainOptions options{.format = request.format};
  const Selection seen = QC_TRY(select_layers(looked_at, request.layers));
  around.working.will_write(seen.base_layer().image->storage().identity());
  around.working.will_write(seen.base_layer().image->data_storage().identity());
  if (const auto overlay = seen.overlay()) {
    around.working.will_write(seen.chain.layer(*overlay).image->storage().identity());
  }
  const auto earlier = QC_TRY(around.records(record_anchor(seen.chain, seen.base))->load());
  if (earlier && is_unfinished(*earlier)) {
    around.working.expect_leftovers();
  }
  const Chain locked = QC_TRY(Chain::open(request.image, around.working, options));
  Selection selection = QC_TRY(select_layers(locked, request.layers));
  if (!same_layers(seen, selection)) {
    return std::unexpected(
        make_error(ErrorKind::locked, "its chain changed just now").in(request.image).advise("run the command again"));
  }
  return selection;
}

}  // namespace

Result<CommitPlan> plan_only(const CommitRequest& request, CommitSurroundings surroundings) {
  const Chain chain = QC_TRY(Chain::open(request.image, surroundings.looking, {.format = request.format}));
  const Selection selection = QC_TRY(lock_selection(request, chain, surroundings));
  const auto store = surroundings.records(record_anchor(selection.chain, selection.base));
  const auto earlier = QC_TRY(store->load());
  QC_TRY(expect_none_unfinished_below(selection, surroundings.records));
  CommitPlan plan = QC_TRY(plan_request(selection, request, earlier, surroundings.stop));
  if (auto base = open_base(plan, surroundings.working); !base) {
    plan.refusals.push_back(std::move(base).error());
  }
  return plan;
}

Result<CommitReport> commit(const CommitRequest& request, CommitSurroundings surroundings) {
  const Chain chain = QC_TRY(Chain::open(request.image, surroundings.looking, {.format = request.format}));
  if (auto finished = QC_TRY(finish_earlier_run(request, chain, surroundings))) {
    QC_TRY(check_kept(request, *finished));
    std::string anchor = anchor_of(*finished, chain);
    return CommitReport{.record = *std::move(finished), .anchor = std::move(anchor), .was_finished = true};
  }
  return CommitRun(request, surroundings, QC_TRY(lock_selection(request, chain, surroundings))).run();
}

}  // namespace qchain
