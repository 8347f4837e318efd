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
  CommitCheck check{.comparison = QC_TRY(compare(merged, kept, whole_view))};
  if (check.good() && !record.content) {
    const View above({.chain = chain, .base = base + 1, .top = chain.depth() - 1}, caches);
    record.content = QC_TRY(read_content(above, options.stop));
  }
  return check;
}

Result<CommitCheck> check_by_digest(const CommitRecord& record, Gate& gate, const CompareOptions& options) {
  if (!record.content) {
    return std::unexpected(
        make_error(ErrorKind::refused, "the merged overlays are gone, and no digest was taken of them")
            .in(record.base.path));
  }
  const Chain chain = QC_TRY(Chain::open(record.base.path, gate, {.format = record.base_format}));
  const View base({.chain = chain, .base = 0, .top = chain.depth() - 1}, ViewCaches{});
  return CommitCheck{.by = CheckedBy::digest,
                     .comparison = {},
                     .digest_agrees = QC_TRY(still_reads_as(base, *record.content, options.stop))};
}

}  // namespace

Result<CommitCheck> verify_commit(RecordStore& records, Gate& gate, const CompareOptions& options) {
  CommitRecord record = QC_TRY(finished_record(records));
  if (!layers_are_there(record)) {
    return check_by_digest(record, gate, options);
  }
  const CommitCheck check = QC_TRY(check_by_layers(record, gate, options));
  if (check.good()) {
    record.state = CommitState::verified;
    QC_TRY(records.save(record));
  }
  return check;
}

}  // namespace qchain
