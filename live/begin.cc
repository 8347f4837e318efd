#include "live/begin.h"

#include <fmt/format.h>

#include <algorithm>

#include "live/disk_chain.h"
#include "live/engine.h"
#include "live/places.h"
#include "qcow/commit/plan_request.h"
#include "qcow/commit/unfinished.h"

namespace qchain::live {
namespace {

bool same_words(const AskedFor& asked, const LiveRequest& request) {
  return asked.base == request.layers.base && asked.top == request.layers.top &&
         asked.shallow == request.layers.shallow;
}

/// Not merged yet, or an overlay of ours is still on top, or something is to be tidied up.
bool wants_an_end(const CommitRecord& record) {
  return record.live && (is_unfinished(record) || record.live->overlay || !record.live->temporaries.empty());
}

/// All records beside the disk's layers.
Result<std::vector<FoundRecord>> records_beside(const Disk& disk, const LiveSurroundings& around) {
  std::vector<FoundRecord> found;
  for (const DiskLayer& layer : disk.layers) {
    std::string anchor = record_anchor(layer.file, disk.active().file);
    auto record = QC_TRY(around.records(anchor)->load());
    if (record) {
      found.push_back({.anchor = std::move(anchor), .record = *std::move(record)});
    }
  }
  return found;
}

std::unexpected<Error> asked_otherwise(const CommitRecord& record, const LiveRequest& request) {
  const auto option = [](const char* flag, const std::string& value) {
    return value.empty() ? std::string() : fmt::format(" {} '{}'", flag, value);
  };
  return std::unexpected(
      make_error(ErrorKind::refused, "another commit on it was begun and is not finished")
          .in(record.base.path)
          .advise(fmt::format("finish it first, with the options it was begun with: --disk {}{}{}{}{}", request.disk,
                              option("--base", record.asked.base), option("--top", record.asked.top),
                              record.asked.shallow ? " --shallow" : "",
                              record.live->overlay ? " --active --pivot" : "")));
}

/// Begun offline, or live without --pivot: the same layers into the same base may be merged in any way.
bool is_same_merge(const CommitRecord& earlier, const CommitRecord& now) {
  return earlier.base.identity == now.base.identity &&
         std::ranges::equal(earlier.merged, now.merged, {}, &RecordedFile::identity, &RecordedFile::identity);
}

Result<void> refuse_hidden_tail(const Selection& selection) {
  if (selection.hidden_tail().empty()) {
    return {};
  }
  return std::unexpected(make_error(ErrorKind::unsupported, "is shorter than the images below and above it")
                             .in(selection.top_layer().file)
                             .advise("QEMU's commit would bring back what it hides: commit with the guest shut down"));
}

Result<CommitPlan> plan_unrefused(const Context& context, const Disk& disk, const Selection& selection) {
  CommitPlan plan = QC_TRY(plan_on_disk(context.request, disk, selection, context.around));
  if (!plan.refusals.empty()) {
    return std::unexpected(plan.refusals.front());
  }
  return plan;
}

/// What is known of the merge as soon as there is a plan.
void take_plan(CommitRecord& record, const CommitPlan& plan) {
  record.backing_name = plan.backing_name;
  record.base_size_before = plan.base_size;
  record.view_size = plan.view_size;
  record.forecast = plan.totals;
  record.new_bytes_forecast = plan.new_bytes;
}

}  // namespace

CommitRequest as_commit_request(const LiveRequest& request, const Disk& disk) {
  CommitRequest offline;
  offline.image = disk.active().file;
  offline.format = disk.active().format;
  offline.layers = request.layers;
  offline.plan = request.plan;
  return offline;
}

Result<std::optional<FoundRecord>> find_unfinished(const LiveRequest& request, const Disk& disk,
                                                   const LiveSurroundings& around) {
  for (FoundRecord& found : QC_TRY(records_beside(disk, around))) {
    if (!wants_an_end(found.record) || !has_layer(disk, found.record.base.identity)) {
      continue;  // the other one: came here with a copy of the images, and is about those that were copied
    }
    if (!same_words(found.record.asked, request)) {
      return asked_otherwise(found.record, request);
    }
    return std::move(found);
  }
  return std::nullopt;
}

Result<std::optional<FoundRecord>> find_finished(const LiveRequest& request, const Disk& disk,
                                                 const LiveSurroundings& around) {
  for (FoundRecord& found : QC_TRY(records_beside(disk, around))) {
    const CommitRecord& record = found.record;
    const bool is_live = record.live && same_words(record.asked, request) && !wants_an_end(record);
    const auto active = identity_of(disk.active().file);
    const bool is_pivoted = is_live && record.live->step == LiveStep::pivoted && active == record.base.identity;
    const auto places = is_live && record.overlay ? places_of(record, disk) : Result<Places>(Places{});
    const bool is_switched = is_live && record.asked.image == active && places && places->switched;
    if (is_pivoted || is_switched) {
      return std::move(found);
    }
  }
  return std::nullopt;
}

Result<Selection> select_for(const LiveRequest& request, const Disk& disk, const Chain& chain) {
  Selection selection = QC_TRY(select_on_disk(disk, chain, request.layers));
  const bool is_active = !selection.overlay();
  const auto refuse = [&](std::string_view what, std::string_view advice) {
    return std::unexpected(make_error(ErrorKind::invalid_argument, what).in(disk.name).advise(advice));
  };
  if (is_active && request.ending == Ending::below_active) {
    return refuse("the top is the active image, which the guest writes to",
                  "say --active --pivot to go on in the base, --active --keep-overlay to copy only, or choose a --top");
  }
  if (!is_active && request.ending != Ending::below_active) {
    return refuse("the top is not the active image", "--active, --pivot and --keep-overlay take no --top below it");
  }
  QC_TRY(refuse_hidden_tail(selection));
  return selection;
}

Result<CommitPlan> plan_on_disk(const LiveRequest& request, const Disk& disk, const Selection& selection,
                                const LiveSurroundings& around) {
  if (request.plan.bitmaps == BitmapChoice::merge) {
    return std::unexpected(make_error(ErrorKind::unsupported, "bitmaps can't be merged under a running guest")
                               .in(disk.name)
                               .advise("say --bitmaps=drop, or commit with the guest shut down"));
  }
  QC_TRY(check_holders(around.machine, selection.base_layer()));
  QC_TRY(check_other_disks(around.machine, disk, selection));
  QC_TRY(expect_none_unfinished_below(selection, around.records));
  const auto earlier = QC_TRY(around.records(record_anchor(selection.chain, selection.base))->load());
  const CommitRequest offline = as_commit_request(request, disk);
  if (earlier && is_unfinished(*earlier) && !is_same_merge(*earlier, record_about(offline, selection))) {
    return std::unexpected(unfinished_commit(*earlier, selection.base_layer().file));
  }
  return plan_request(selection, offline, earlier);
}

Result<void> begin_record(Context& context, const Disk& disk) {
  const Chain chain = QC_TRY(open_disk_chain(disk));
  const Selection selection = QC_TRY(select_for(context.request, disk, chain));
  const CommitPlan plan = QC_TRY(plan_unrefused(context, disk, selection));
  context.report.engine = QC_TRY(decide_engine(context.request, context.around, disk, selection));
  context.report.anchor = record_anchor(chain, selection.base);
  context.store = context.around.records(context.report.anchor);
  context.earlier = QC_TRY(context.store->load());
  CommitRecord& record = context.record();
  record = record_about(as_commit_request(context.request, disk), selection);
  take_plan(record, plan);
  record.live = LiveCommit{};
  record.live->machine = context.machine().name();
  record.live->disk = disk.name;
  record.live->engine = context.report.engine.engine;
  return context.save();
}

Result<void> record_merge_below(Context& context) {
  const Disk disk = QC_TRY(context.disk());
  const Chain chain = QC_TRY(open_disk_chain(disk));
  CommitRecord& record = context.record();
  std::size_t base = 0;
  while (base + 2 < chain.depth() && chain.layer(base).image->storage().identity() != record.base.identity) {
    ++base;
  }
  const Selection selection{.chain = chain, .base = base, .top = chain.depth() - 2};
  const CommitPlan plan = QC_TRY(plan_unrefused(context, disk, selection));
  CommitRecord now = record_about(as_commit_request(context.request, disk), selection);
  now.asked = record.asked;  // of the image that was active then
  now.live = record.live;
  take_plan(now, plan);
  record = std::move(now);
  return context.save();
}

}  // namespace qchain::live
