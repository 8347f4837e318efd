#include "qcow/commit/commit_run.h"

#include <algorithm>
#include <utility>

#include "qcow/commit/bitmap_plan.h"
#include "qcow/commit/last_write.h"
#include "qcow/commit/new_space.h"
#include "qcow/commit/open_base.h"
#include "qcow/commit/plan_request.h"
#include "qcow/commit/relink.h"
#include "qcow/commit/spot_check.h"
#include "qcow/commit/temporaries.h"
#include "qcow/commit/unfinished.h"
#include "qcow/commit/whole_digest.h"

namespace qchain {

namespace {

/// The base was read back, and was not what it had to be: only another full check takes that back.
bool found_wanting(const CommitRecord& earlier) {
  return earlier.whole && earlier.whole->differs;
}

}  // namespace

Result<CommitReport> CommitRun::run() {
  store_ = around_.records(record_anchor(selection_.chain, selection_.base));
  const auto earlier = QC_TRY(store_->load());
  QC_TRY(expect_none_unfinished_below(selection_, around_.records));
  const CommitPlan plan = QC_TRY(plan_request(selection_, request_, earlier, around_.stop));
  if (!plan.refusals.empty()) {
    return std::unexpected(plan.refusals.front());
  }
  const auto base = QC_TRY(open_base(plan, around_.working));
  QC_TRY(begin(plan, earlier));
  QC_TRY(doubt_what_was_moved(plan));
  QC_TRY(keep(plan));
  if (!moved_) {
    QC_TRY(move(plan, *base));
  }
  QC_TRY(switch_overlay());
  return CommitReport{.record = std::move(record_), .anchor = record_anchor(selection_.chain, selection_.base)};
}

Result<void> CommitRun::begin(const CommitPlan& plan, const std::optional<CommitRecord>& earlier) {
  record_ = new_record(plan);
  if (plan.keep && plan.keep->is_kept) {
    record_.kept = earlier->kept;
  }
  const bool goes_on = earlier && is_about(*earlier, selection_);
  if (earlier && is_unfinished(*earlier) && !goes_on) {
    return std::unexpected(unfinished_commit(*earlier, selection_.base_layer().file));
  }
  if (goes_on) {
    go_on_from(*earlier);
  }
  if (request_.whole_digest) {
    QC_TRY(digest_whole(goes_on && is_unfinished(*earlier)));
  }
  if (plan.keep && !plan.keep->is_kept) {
    return {};  // noted together with the kept base: a record without one means that none was asked for
  }
  // From here on `info` can tell that the base is being changed, and what finishes it.
  return store_->save(record_);
}

void CommitRun::go_on_from(const CommitRecord& earlier) {
  // What was read and moved is still right only if no layer has changed since.
  const bool unchanged = earlier.merged == record_.merged && would_show_changes(selection_.above());
  record_.whole = unchanged || found_wanting(earlier) ? earlier.whole : std::nullopt;
  record_.live = earlier.live;  // begun under a running guest: what it made for itself is to be deleted
  if (record_.live) {
    give_up_new_base(*record_.live);
  }
  if (!is_unfinished(earlier)) {
    return;
  }
  record_.base_size_before = earlier.base_size_before;
  record_.moved_to = unchanged ? earlier.moved_to : 0;
  if (unchanged && earlier.state == CommitState::relinking) {
    record_.outcome = earlier.outcome;
    record_.content = earlier.content;
    moved_ = true;  // that state is only noted when the base is whole and durable
  }
}

Result<void> CommitRun::doubt_what_was_moved(const CommitPlan& plan) {
  const std::uint64_t end = moved_ ? plan.view_size : record_.moved_to;
  if (end > 0 && !QC_TRY(still_holds_moved(selection_, end))) {
    record_.moved_to = 0;
    moved_ = false;
  }
  return {};
}

Result<void> CommitRun::digest_whole(bool writing_has_begun) {
  const bool wants_sha256 = request_.whole_digest == DigestKind::with_sha256;
  if (record_.whole && (!wants_sha256 || !record_.whole->view.sha256.empty())) {
    return {};
  }
  WholeDigest taken = QC_TRY(take_whole_digest(
      selection_, {.kind = *request_.whole_digest, .progress = around_.digest_progress, .stop = around_.stop}));
  if (record_.whole && (taken.view.xxh3 != record_.whole->view.xxh3 || taken.tail != record_.whole->tail)) {
    return std::unexpected(make_error(ErrorKind::corrupt, "its view no longer reads as before the commit was begun")
                               .in(selection_.top_layer().file)
                               .advise("look at the base with qemu-img check; nothing more was written"));
  }
  taken.before_first_write = record_.whole ? record_.whole->before_first_write : !writing_has_begun;
  record_.whole = std::move(taken);
  return {};
}

Result<void> CommitRun::keep(const CommitPlan& plan) {
  if (!plan.keep || (record_.kept && record_.kept->complete)) {
    return {};
  }
  const KeepSteps steps{.announce = [this](const KeptBase& kept) { return note_kept(kept); },
                        .progress = progress_from(0, plan),
                        .stop = around_.stop};
  const Storage& base = selection_.base_layer().image->storage();
  const KeptBase kept = QC_TRY(plan.keep->is_kept ? confirm_kept(*record_.kept) : keep_base(base, *plan.keep, steps));
  return note_kept(kept);
}

Result<void> CommitRun::note_kept(const KeptBase& kept) {
  record_.kept = kept;
  return store_->save(record_);
}

std::function<void(std::uint64_t)> CommitRun::progress_from(std::uint64_t before, const CommitPlan& plan) const {
  if (!around_.progress) {
    return {};
  }
  return [this, before, total = plan.to_keep() + plan.work()](std::uint64_t done) {
    around_.progress(before + done, total);
  };
}

Result<void> CommitRun::move(const CommitPlan& plan, BaseWriter& base) {
  if (plan.view_size > base.size()) {
    QC_TRY(base.grow(plan.view_size));
  }
  const View above(selection_.above(), ViewCaches{});
  const Image& image = *selection_.base_layer().image;
  const auto space_before = space_taken(image);
  const MoveOutcome outcome = QC_TRY(execute_moves(above, base, move_options(plan, base)));
  QC_TRY(base.merge_bitmaps());
  // The overlays mask the base only until the relink: it must be whole on stable storage before that.
  QC_TRY(base.flush());
  record_.moved_to = plan.view_size;
  record_.outcome = outcome.totals;
  record_.content = outcome.content;
  if (const auto space = space_taken(image); space && space_before && outcome.totals.cloned == 0) {
    record_.new_bytes = *space > *space_before ? *space - *space_before : 0;
  }
  return {};
}

MoveOptions CommitRun::move_options(const CommitPlan& plan, BaseWriter& base) {
  MoveOptions options;
  options.threads = request_.threads;
  options.cache = request_.cache;
  options.bandwidth = request_.bandwidth;
  options.checkpoint_interval = request_.checkpoint_interval;
  options.stop = around_.stop;
  options.tail = selection_.hidden_tail();
  options.start = std::min(record_.moved_to, plan.view_size);
  options.progress = progress_from(plan.to_keep(), plan);
  options.checkpoint = [this, &base](std::uint64_t position) -> Result<void> {
    QC_TRY(base.flush());  // the record must not promise what a power cut could still take back
    record_.moved_to = position;
    return store_->save(record_);
  };
  return options;
}

Result<void> CommitRun::switch_overlay() {
  if (const auto position = selection_.overlay()) {
    record_.state = CommitState::relinking;
    QC_TRY(store_->save(record_));
    const Image& overlay = *selection_.chain.layer(*position).image;
    const SharedWritable storage = around_.working.writable(overlay.storage().identity());
    QC_TRY(relink(*storage, overlay.cluster_size(), record_.backing_name, record_.base_format));
  }
  disown_overlay(record_);
  record_.base_left = last_write(*selection_.base_layer().image);
  record_.state = CommitState::done;
  QC_TRY(store_->save(record_));
  return remove_temporaries(record_, *store_);
}

CommitRecord CommitRun::new_record(const CommitPlan& plan) const {
  CommitRecord record = record_about(request_, selection_);
  record.backing_name = plan.backing_name;
  record.base_size_before = plan.base_size;
  record.view_size = plan.view_size;
  record.forecast = plan.totals;
  record.new_bytes_forecast = plan.new_bytes;
  record.bitmaps = recorded_bitmaps(plan);
  return record;
}

}  // namespace qchain
