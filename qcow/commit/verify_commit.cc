#include "qcow/commit/verify_commit.h"

#include <sys/stat.h>

#include <algorithm>

#include "qcow/commit/content.h"
#include "qcow/commit/unfinished.h"

namespace qchain {

namespace {

Result<CommitRecord> finished_record(RecordStore& records) {
  auto record = QC_TRY(records.load());
  if (!record) {
    return fail(ErrorKind::refused, "there is no record of a commit beside it");
  }
  if (is_unfinished(*record)) {
    return std::unexpected(make_error(ErrorKind::refused, "the commit into it is not finished")
                               .in(record->base.path)
                               .advise("run the same qchain commit again, it goes on from where it was"));
  }
  if (record->live && record->live->step == LiveStep::pivoted) {
    return std::unexpected(make_error(ErrorKind::refused, "a guest has written to it since the layers were merged")
                               .in(record->base.path)
                               .advise("it was compared with them before; qchain retire deletes them"));
  }
  return *std::move(record);
}

bool layers_are_there(const CommitRecord& record) {
  return record.state != CommitState::retired && std::ranges::all_of(record.merged, [](const RecordedFile& file) {
           struct stat status{};
           return ::stat(file.path.c_str(), &status) == 0;
         });
}

Result<CommitCheck> check_by_layers(CommitRecord& record, Gate& gate, const CompareOptions& options) {
  const RecordedFile& top = record.merged.back();
  const Chain chain = QC_TRY(Chain::open(top.path, gate, {.format = ImageFormat::qcow2}));
  const std::size_t base = chain.depth() - 1 - std::min(record.merged.size(), chain.depth() - 1);
  if (chain.layer(base).image->storage().identity() != record.base.identity) {
    return std::unexpected(
        make_error(ErrorKind::refused, "its chain is not the one that was merged any more").in(top.path));
  }
  const ViewCaches caches;
  const View merged({.chain = chain, .base = 0, .top = chain.depth() - 1}, caches);
  const View kept({.chain = chain, .base = 0, .top = base}, caches);
  CompareOptions whole_view = options;
  whole_view.length = merged.size();  // a base longer than the view keeps its tail
  CommitCheck check{.comparison = QC_TRY(compare(merged, kept, whole_view)), .whole = {}, .difference = {}};
  if (check.good() && !record.content) {
    const View above({.chain = chain, .base = base + 1, .top = chain.depth() - 1}, caches);
    record.content = QC_TRY(read_content(above, options.stop));
  }
  return check;
}

Result<CommitCheck> check_by_whole(const CommitRecord& record, Gate& gate, const CompareOptions& options) {
  const Chain chain = QC_TRY(Chain::open(record.base.path, gate, {.format = record.base_format}));
  const View base({.chain = chain, .base = 0, .top = chain.depth() - 1}, ViewCaches{});
  CommitCheck check{.by = CheckedBy::whole, .comparison = {}, .whole = record.whole, .difference = {}};
  check.difference = QC_TRY(compare_whole(
      base, *record.whole, {.threads = options.threads, .progress = options.progress, .stop = options.stop}));
  check.digest_agrees = check.difference.none();
  return check;
}

Result<CommitCheck> check_by_digest(const CommitRecord& record, Gate& gate, const CompareOptions& options) {
  if (record.whole) {
    return check_by_whole(record, gate, options);
  }
  if (!record.content) {
    return std::unexpected(
        make_error(ErrorKind::refused, "the merged overlays are gone, and no digest was taken of them")
            .in(record.base.path));
  }
  const Chain chain = QC_TRY(Chain::open(record.base.path, gate, {.format = record.base_format}));
  const View base({.chain = chain, .base = 0, .top = chain.depth() - 1}, ViewCaches{});
  CommitCheck check{.by = CheckedBy::digest, .comparison = {}, .whole = {}, .difference = {}};
  check.digest_agrees = QC_TRY(still_reads_as(base, *record.content, options.stop));
  return check;
}

/// What a whole check found, into the record. What it took back, a check by layers does not give again.
Result<void> note_whole(const CommitRecord& record, RecordStore& records, bool good) {
  CommitRecord noted = record;
  noted.whole->differs = !good;
  if (good && record.state == CommitState::done) {
    noted.state = CommitState::verified;
  } else if (!good && record.state == CommitState::verified) {
    noted.state = CommitState::done;
  }
  return noted == record ? Result<void>{} : records.save(noted);
}

}  // namespace

Result<CommitCheck> verify_commit(RecordStore& records, Gate& gate, const CompareOptions& options) {
  CommitRecord record = QC_TRY(finished_record(records));
  if (!layers_are_there(record)) {
    return check_by_digest(record, gate, options);
  }
  CommitCheck check = QC_TRY(check_by_layers(record, gate, options));
  const bool found_wanting = record.whole && record.whole->differs;
  if (check.good() && !found_wanting) {
    record.state = CommitState::verified;
    QC_TRY(records.save(record));
  }
  return check;
}

Result<CommitCheck> verify_whole(RecordStore& records, Gate& gate, const CompareOptions& options) {
  CommitRecord record = QC_TRY(finished_record(records));
  if (!record.whole) {
    return std::unexpected(make_error(ErrorKind::refused, "no digest of the whole view was read before it was merged")
                               .in(record.base.path)
                               .advise("qchain verify compares it with the merged layers"));
  }
  CommitCheck check = QC_TRY(check_by_whole(record, gate, options));
  QC_TRY(note_whole(record, records, check.digest_agrees));
  if (check.difference.in_view && layers_are_there(record)) {
    // Where the layers can't tell, there still is a difference.
    if (const auto located = check_by_layers(record, gate, options)) {
      check.comparison = located->comparison;
    }
  }
  return check;
}

}  // namespace qchain
