#include "qcow/commit/plan.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>

#include "qcow/chain/reference.h"
#include "qcow/commit/bitmap_plan.h"
#include "qcow/commit/forecast.h"
#include "qcow/commit/metadata_guard.h"
#include "qcow/commit/relink.h"
#include "qcow/commit/unfinished.h"
#include "qcow/storage/block_device.h"

namespace qchain {

namespace {

void refuse(CommitPlan& plan, const std::string& file, ErrorKind kind, std::string_view what, std::string_view advice) {
  plan.refusals.push_back(make_error(kind, what).in(file).advise(advice));
}

void check_space(CommitPlan& plan) {
  const Layer& base = plan.selection.base_layer();
  if (is_block_device(base.image->storage())) {
    plan.new_bytes = 0;
    if (plan.growth() > 0 && base.image->format() == ImageFormat::raw) {
      refuse(plan, base.file, ErrorKind::no_space,
             fmt::format("block device of {} bytes is too small for a view of {}", plan.base_size, plan.view_size),
             "make it larger first");
    }
    return;
  }
  if (plan.new_bytes > plan.free_bytes) {
    refuse(plan, base.file, ErrorKind::no_space,
           fmt::format("needs up to {} bytes more on its file system, {} are free", plan.new_bytes, plan.free_bytes),
           "make room first; nothing was written");
  }
}

/// What an earlier commit merged into the base and left there.
bool was_merged(const std::string& sibling, const std::optional<CommitRecord>& earlier) {
  std::error_code error;
  return earlier && earlier->state >= CommitState::done &&
         std::ranges::any_of(earlier->merged, [&](const RecordedFile& file) {
           return std::filesystem::equivalent(file.path, sibling, error);
         });
}

void refuse_merged_sibling(CommitPlan& plan, const Sibling& sibling) {
  const std::string& base = plan.selection.base_layer().file;
  const std::string anchor = record_anchor(plan.selection.chain, plan.selection.base);
  refuse(plan, base, ErrorKind::refused,
         fmt::format("'{}' hangs on it, which an earlier commit has merged into it", sibling.file),
         fmt::format("delete what is merged first: qchain retire '{}'",
                     anchor == base ? base : FileRecordStore(anchor).path()));
}

void check_keeping(CommitPlan& plan, const PlanOptions& options, const PlanFacts& facts) {
  if (!options.keep) {
    return;
  }
  auto keep = plan_keeping(*plan.selection.base_layer().image, facts.record, *options.keep, facts.earlier);
  if (keep) {
    plan.keep = *std::move(keep);
  } else {
    plan.refusals.push_back(std::move(keep).error());
  }
}

void check_siblings(CommitPlan& plan, const PlanOptions& options, const std::optional<CommitRecord>& earlier) {
  auto folders = folders_of(plan.selection);
  folders.insert(folders.end(), options.scan.begin(), options.scan.end());
  plan.siblings = find_siblings(plan.selection, folders);
  for (const Sibling& sibling : plan.siblings) {
    // The top's own content reads the same afterwards; what lies below it changes under whoever else uses it.
    if (sibling.hangs_on == plan.selection.base && was_merged(sibling.file, earlier)) {
      refuse_merged_sibling(plan, sibling);
    } else if (sibling.hangs_on != plan.selection.top) {
      refuse(plan, plan.selection.chain.layer(sibling.hangs_on).file, ErrorKind::refused,
             fmt::format("'{}' hangs on it too and would read wrong data afterwards", sibling.file),
             "flatten that image first (qchain copy), or move it out of the way if it is not used any more");
    }
  }
}

/// What a snapshot inside a layer does not hold itself shows what lies below that layer, which changes.
void check_snapshots(CommitPlan& plan) {
  for (std::size_t i = plan.selection.base + 1; i <= plan.selection.top; ++i) {
    const Layer& layer = plan.selection.chain.layer(i);
    const std::uint32_t count = layer.image->header() != nullptr ? layer.image->header()->snapshot_count : 0;
    if (count > 0) {
      refuse(plan, layer.file, ErrorKind::refused,
             fmt::format("holds {} internal snapshot{}, which would read wrong afterwards, and go with it", count,
                         count == 1 ? "" : "s"),
             "copy out what is wanted (qemu-img convert -l NAME), then delete them (qemu-img snapshot -d NAME)");
    }
  }
}

void check_overlay(CommitPlan& plan) {
  const auto overlay = plan.selection.overlay();
  if (!overlay) {
    return;
  }
  const Layer& layer = plan.selection.chain.layer(*overlay);
  const Layer& base = plan.selection.base_layer();
  auto name = reference_to(base.image->storage(), layer.file, style_of(layer.backing_reference.value_or("")));
  if (!name) {
    plan.refusals.push_back(std::move(name).error());
    return;
  }
  plan.backing_name = *std::move(name);
  if (layer.image->header()->has(format::Incompatible::corrupt)) {
    refuse(plan, layer.file, ErrorKind::corrupt, "is marked corrupt and must not be written", "qemu-img check -r all");
  }
  if (auto room =
          check_relink(layer.image->storage(), layer.image->cluster_size(), plan.backing_name, base.image->format());
      !room) {
    plan.refusals.push_back(std::move(room).error());
  }
}

}  // namespace

Result<CommitPlan> plan_commit(const Selection& selection, const PlanOptions& options, const PlanFacts& facts) {
  CommitPlan plan(selection);
  plan.base_size = selection.base_layer().image->size();
  plan.view_size = selection.top_layer().image->size();
  check_overlay(plan);
  check_snapshots(plan);
  check_keeping(plan, options, facts);
  check_siblings(plan, options, facts.last);
  QC_TRY(refuse_overlaps(plan));
  QC_TRY(plan_bitmaps(plan, options.bitmaps, facts.resumed));
  QC_TRY(forecast_moves(plan));
  check_space(plan);
  return plan;
}

}  // namespace qchain
