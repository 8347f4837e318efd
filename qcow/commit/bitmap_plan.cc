#include "qcow/commit/bitmap_plan.h"

#include <fmt/format.h>

#include <algorithm>

#include "qcow/commit/unfinished.h"

namespace qchain {

namespace {

class BitmapPlanner {
 public:
  BitmapPlanner(CommitPlan& plan, BitmapChoice choice, const std::optional<CommitRecord>& earlier)
      : plan_(plan), choice_(choice), earlier_(earlier) {}

  Result<void> run() {
    const Selection& selection = plan_.selection;
    for (std::size_t i = selection.base; i <= selection.top; ++i) {
      const Layer& layer = selection.chain.layer(i);
      const std::string file = recorded(layer).path;
      for (format::Bitmap& bitmap : QC_TRY_IN(layer.file, layer.image->bitmaps())) {
        const auto began = as_it_began(file, bitmap.name);
        i == selection.base ? add_of_base(bitmap, began) : add_of_layer(i, bitmap, began);
      }
    }
    return {};
  }

 private:
  [[nodiscard]] std::optional<BitmapFate> as_it_began(const std::string& file, const std::string& name) const {
    if (!earlier_) {
      return std::nullopt;
    }
    const auto is_it = [&](const RecordedBitmap& bitmap) { return bitmap.file == file && bitmap.name == name; };
    const auto found = std::ranges::find_if(earlier_->bitmaps, is_it);
    return found == earlier_->bitmaps.end() ? std::nullopt : std::optional(found->fate);
  }

  /// Others that no record tells of are the base's own: added since, or there when a commit under a running guest
  /// began, in which QEMU keeps the bitmaps.
  [[nodiscard]] bool was_merged_in(const std::string& name) const {
    return earlier_ && std::ranges::any_of(earlier_->bitmaps, [&](const RecordedBitmap& bitmap) {
             return bitmap.fate == BitmapFate::merged && bitmap.name == name;
           });
  }

  void add_of_base(const format::Bitmap& bitmap, std::optional<BitmapFate> began) {
    if (!began && was_merged_in(bitmap.name)) {
      return;  // by the interrupted run: it is in the list as the merged layer's
    }
    const BitmapFate now = bitmap.enabled ? BitmapFate::updated : BitmapFate::kept;
    const BitmapFate fate = began.value_or(bitmap.inconsistent ? BitmapFate::inconsistent : now);
    plan_.bitmaps.push_back({.layer = plan_.selection.base, .bitmap = bitmap, .fate = fate});
  }

  void add_of_layer(std::size_t layer, const format::Bitmap& bitmap, std::optional<BitmapFate> began) {
    const BitmapFate now = choice_ == BitmapChoice::merge ? BitmapFate::merged : BitmapFate::dropped;
    const BitmapFate fate = began.value_or(now);
    if (!began && choice_ == BitmapChoice::refuse) {
      refuse(layer, bitmap, "would be lost",
             "say --bitmaps=merge to merge it into a qcow2 base, or --bitmaps=drop if it may go");
    }
    if (fate == BitmapFate::merged) {
      check_merge(layer, bitmap);
    }
    plan_.bitmaps.push_back({.layer = layer, .bitmap = bitmap, .fate = fate});
  }

  void check_merge(std::size_t layer, const format::Bitmap& bitmap) {
    if (plan_.selection.base_layer().image->format() == ImageFormat::raw) {
      refuse(layer, bitmap, "cannot be merged into a raw base", "merge into a qcow2 layer, or say --bitmaps=drop");
    } else if (bitmap.inconsistent) {
      refuse(layer, bitmap, "is inconsistent and cannot be merged",
             "remove it with `qemu-img bitmap --remove`, or say --bitmaps=drop");
    }
    const auto is_target = [&](const LayerBitmap& other) {
      return other.layer == plan_.selection.base && other.bitmap.name == bitmap.name && other.fate == BitmapFate::kept;
    };
    if (const auto target = std::ranges::find_if(plan_.bitmaps, is_target); target != plan_.bitmaps.end()) {
      target->fate = BitmapFate::updated;
    }
  }

  void refuse(std::size_t layer, const format::Bitmap& bitmap, std::string_view what, std::string_view advice) {
    plan_.refusals.push_back(make_error(ErrorKind::refused, fmt::format("its bitmap '{}' {}", bitmap.name, what))
                                 .in(plan_.selection.chain.layer(layer).file)
                                 .advise(advice));
  }

  CommitPlan& plan_;
  BitmapChoice choice_;
  const std::optional<CommitRecord>& earlier_;
};

}  // namespace

Result<void> plan_bitmaps(CommitPlan& plan, BitmapChoice choice, const std::optional<CommitRecord>& earlier) {
  return BitmapPlanner(plan, choice, earlier).run();
}

std::vector<RecordedBitmap> recorded_bitmaps(const CommitPlan& plan) {
  std::vector<RecordedBitmap> bitmaps;
  for (const LayerBitmap& bitmap : plan.bitmaps) {
    const Layer& layer = plan.selection.chain.layer(bitmap.layer);
    bitmaps.push_back({.file = recorded(layer).path, .name = bitmap.bitmap.name, .fate = bitmap.fate});
  }
  return bitmaps;
}

std::set<std::string> own_bitmaps(const CommitPlan& plan) {
  std::set<std::string> names;
  for (const LayerBitmap& bitmap : plan.bitmaps) {
    if (bitmap.layer == plan.selection.base && bitmap.fate != BitmapFate::inconsistent) {
      names.insert(bitmap.bitmap.name);
    }
  }
  return names;
}

std::vector<BitmapMerge> bitmap_merges(const CommitPlan& plan) {
  std::vector<BitmapMerge> merges;
  for (const LayerBitmap& bitmap : plan.bitmaps) {
    if (bitmap.fate == BitmapFate::merged) {
      merges.push_back({.bitmap = bitmap.bitmap, .image = plan.selection.chain.layer(bitmap.layer).image});
    }
  }
  return merges;
}

}  // namespace qchain
