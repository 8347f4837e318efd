#include "qcow/commit/verify_commit.h"

#include <sys/stat.h>

#include <algorithm>

#include "qcow/commit/content.h"
#include "qcow/commit/unfinished.h"

namespace qchain {

namespace {

constexpr unsigned readers = 8;  ///< past the page cache: for a queue at the disk

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
    record.content = QC_TRY(read_content(above, {.threads = readers, .progress = {}, .stop = options.stop}));
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

Result<CommitCheck> check_by_content(const CommitRecord& record, Gate& gate, const CompareOptions& options) {
  const Chain chain = QC_TRY(Chain::open(record.base.path, gate, {.format = record.base_format}));
  const View base({.chain = chain, .base = 0, .top = chain.depth() - 1}, ViewCaches{});
  CommitCheck check{.by = CheckedBy::digest, .comparison = {}, .whole = {}, .difference = {}};
  check.digest_agrees = QC_TRY(
      still_reads_as(base, *record.content, {.threads = readers, .progress = options.progress, .stop = options.stop}));
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
  return check_by_content(record, gate, options);
}

/// What a check found, into the record. What a check of the whole took back, no other gives again.
Result<void> note(CommitRecord record, RecordStore& records, bool good) {
  const bool found_wanting = record.whole && record.whole->differs;
  if (good && !found_wanting && record.state == CommitState::done) {
    record.state = CommitState::verified;
  } else if (!good && record.state == CommitState::verified) {
    record.state = CommitState::done;
  }
  return records.save(record);
}

/// Where a difference is, if the layers can tell; else there still is one.
void locate(CommitCheck& check, CommitRecord record, Gate& gate, const CompareOptions& options) {
  if (!layers_are_there(record)) {
    return;
  }
  if (const auto located = check_by_layers(record, gate, options)) {
    check.comparison = located->comparison;
  }
}

}  // namespace

Result<CommitCheck> verify_commit(RecordStore& records, Gate& gate, const CompareOptions& options) {
  CommitRecord record = QC_TRY(finished_record(records));
  if (!layers_are_there(record)) {
    return check_by_digest(record, gate, options);
  }
  CommitCheck check = QC_TRY(check_by_layers(record, gate, options));
  if (check.good()) {
    QC_TRY(note(record, records, true));
  }
  return check;
}

Result<CommitCheck> verify_moved(RecordStore& records, Gate& gate, const CompareOptions& options) {
  CommitRecord record = QC_TRY(finished_record(records));
  if (!record.content) {
    return verify_commit(records, gate, options);
  }
  CommitCheck check = QC_TRY(check_by_content(record, gate, options));
  QC_TRY(note(record, records, check.good()));
  if (!check.good()) {
    locate(check, record, gate, options);
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
  record.whole->differs = !check.good();
  QC_TRY(note(record, records, check.good()));
  if (check.difference.in_view) {
    locate(check, record, gate, options);
  }
  return check;
}

}  // namespace qchain
