#include "qcow/commit/plan.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>

#include "qcow/chain/reference.h"
#include "qcow/commit/below_base.h"
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

/// Guest bytes have their place by the guest's offset: the device has to be as large as the guest's disk.
bool is_device_by_guest_offset(const Image& image) {
  const Storage& data = image.data_storage();
  return is_block_device(data) && (image.format() == ImageFormat::raw || &data != &image.storage());
}

void check_space(CommitPlan& plan) {
  const Layer& base = plan.selection.base_layer();
  const std::uint64_t data_size = base.image->data_storage().size();
  if (plan.growth() > 0 && is_device_by_guest_offset(*base.image) && plan.view_size > data_size) {
    refuse(plan, base.file, ErrorKind::no_space,
           fmt::format("block device of {} bytes is too small for a view of {}", data_size, plan.view_size),
           "make it larger first");
  }
  if (is_block_device(base.image->storage())) {
    plan.new_bytes = 0;
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

/// What can't be deleted is known before it is merged.
void check_deletion(CommitPlan& plan, const PlanOptions& options) {
  for (std::size_t i = plan.selection.base + 1; options.deletes && i <= plan.selection.top; ++i) {
    const Layer& layer = plan.selection.chain.layer(i);
    if (is_block_device(layer.image->storage())) {
      refuse(plan, layer.file, ErrorKind::refused, "is a block device, which can't be deleted like a file",
             "say --verify instead of --delete, and remove it yourself afterwards");
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

Result<CommitPlan> plan_commit(const Selection& selection, const PlanOptions& options, const PlanFacts& facts,
                               const std::stop_token& stop) {
  CommitPlan plan(selection);
  plan.base_size = selection.base_layer().image->size();
  plan.view_size = selection.top_layer().image->size();
  check_overlay(plan);
  refuse_other_below(plan);
  check_snapshots(plan);
  check_deletion(plan, options);
  check_keeping(plan, options, facts);
  check_siblings(plan, options, facts.last);
  QC_TRY(refuse_overlaps(plan, stop));
  QC_TRY(plan_bitmaps(plan, options.bitmaps, facts.resumed));
  QC_TRY(forecast_moves(plan, {.moved_to = facts.moved_to, .stop = stop}));
  check_space(plan);
  return plan;
}

}  // namespace qchain
