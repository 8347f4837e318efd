#include "cli/commit_report.h"

#include <fmt/format.h>

#include <filesystem>
#include <nlohmann/json.hpp>
#include <ostream>

#include "cli/human.h"
#include "cli/json.h"
#include "cli/plan_report.h"

namespace qchain::cli {
namespace {

using Json = nlohmann::ordered_json;

void print_bitmaps(const CommitRecord& record, std::ostream& out) {
  for (const RecordedBitmap& bitmap : record.bitmaps) {
    out << fmt::format("{}: bitmap '{}' {}\n", printable(bitmap.file), printable(bitmap.name), fate_text(bitmap.fate));
  }
}

/// Of a base on a block device it is not: then the user has to be told.
bool is_beside_base(const CommitReport& report) {
  std::error_code error;
  return std::filesystem::equivalent(report.anchor, report.record.base.path, error);
}

std::string finished_text(const CommitRecord& record) {
  const std::string what = record.merged.size() == 1 ? "1 layer" : fmt::format("{} layers", record.merged.size());
  std::string text =
      fmt::format("{}: {} merged, {} copied, {} shared, {} zeroed", printable(record.base.path), what,
                  size_text(record.outcome.copied), size_text(record.outcome.cloned), size_text(record.outcome.zeroed));
  if (record.overlay) {
    text += fmt::format("; {} is backed by '{}' now", printable(record.overlay->path), printable(record.backing_name));
  }
  if (record.kept) {
    text += fmt::format("; as it was, it is kept as {}", printable(record.kept->file.path));
  }
  return text + "\n";
}

}  // namespace

void print_commit(const CommitReport& report, OutputStyle style, std::ostream& out) {
  if (style == OutputStyle::json) {
    print_json(out, Json::parse(to_json(report.record)));
    return;
  }
  out << (report.was_finished ? "was merged already: " : "") << finished_text(report.record);
  if (!is_beside_base(report)) {
    out << fmt::format("record: {}\n", printable(FileRecordStore(report.anchor).path()));
  }
  print_bitmaps(report.record, out);
}

void print_retirement(const Retirement& retirement, OutputStyle style, std::ostream& out) {
  if (style == OutputStyle::json) {
    print_json(out, {{"deleted", retirement.deleted}});
    return;
  }
  if (retirement.deleted.empty()) {
    out << "nothing left to delete\n";
  }
  for (const std::string& file : retirement.deleted) {
    out << fmt::format("deleted {}\n", printable(file));
  }
}

Error cut_off_after_merge(Error error, const std::string& base, std::string_view command) {
  if (error.kind != ErrorKind::interrupted) {
    return error;
  }
  return std::move(error).in(base).advise(
      fmt::format("the layers are merged into it; qchain {} on it goes on", command));
}

}  // namespace qchain::cli
