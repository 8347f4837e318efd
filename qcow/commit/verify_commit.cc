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

/// The merged layers with all below them, and what belongs to the base.
struct MergedChain {
  Chain chain;
  std::size_t base;  ///< position

  [[nodiscard]] std::size_t top() const noexcept { return chain.depth() - 1; }
  [[nodiscard]] Slice slice(std::size_t from, std::size_t to) const {
    return {.chain = chain, .base = from, .top = to};
  }
};

Result<MergedChain> open_merged(const CommitRecord& record, Gate& gate) {
  const RecordedFile& top = record.merged.back();
  Chain chain = QC_TRY(Chain::open(top.path, gate, {.format = ImageFormat::qcow2}));
  const std::size_t base = chain.depth() - 1 - std::min(record.merged.size(), chain.depth() - 1);
  if (chain.layer(base).image->storage().identity() != record.base.identity) {
    return std::unexpected(make_error(ErrorKind::refused, "its chain is not the one that was merged any more")
                               .in(top.path)
                               .advise("delete nothing; qchain info shows what is below it now"));
  }
  return MergedChain{.chain = std::move(chain), .base = base};
}

Result<Comparison> compare_with_layers(const MergedChain& merged, CompareOptions options) {
  const ViewCaches caches;
  const View all(merged.slice(0, merged.top()), caches);
  const View kept(merged.slice(0, merged.base), caches);
  options.length = all.size();  // a base longer than the view keeps its tail
  return compare(all, kept, options);
}

Result<CommitCheck> check_by_layers(CommitRecord& record, Gate& gate, const CompareOptions& options) {
  const MergedChain merged = QC_TRY(open_merged(record, gate));
  CommitCheck check{.comparison = QC_TRY(compare_with_layers(merged, options)), .whole = {}, .difference = {}};
  if (check.good() && !record.content) {
    const View above(merged.slice(merged.base + 1, merged.top()), ViewCaches{});
    record.content = QC_TRY(read_content(
        above, {.threads = options.threads, .cache = CacheUse::keep, .progress = {}, .stop = options.stop}));
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
  check.comparison.compared = record.content->bytes();
  check.digest_agrees = QC_TRY(still_reads_as(
      base, *record.content,
      {.threads = readers, .cache = CacheUse::from_disk, .progress = options.progress, .stop = options.stop}));
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

/// What a check found, into the record, if that does not say so already. What a check of the whole took back, no other
/// gives again.
Result<void> note(const CommitRecord& loaded, CommitRecord record, RecordStore& records, bool good) {
  const bool found_wanting = record.whole && record.whole->differs;
  if (good && !found_wanting && record.state == CommitState::done) {
    record.state = CommitState::verified;
  } else if (!good && record.state == CommitState::verified) {
    record.state = CommitState::done;
  }
  return record == loaded ? Result<void>{} : records.save(record);
}

/// Where a difference is, if the layers can tell; else there still is one.
void locate(CommitCheck& check, const CommitRecord& record, Gate& gate, CompareOptions options) {
  options.progress = {};  // a difference was found already
  const auto merged = layers_are_there(record) ? open_merged(record, gate) : fail(ErrorKind::not_found, "");
  if (const auto located = merged ? compare_with_layers(*merged, options) : fail(ErrorKind::not_found, "")) {
    check.comparison = *located;
  }
}

}  // namespace

Result<void> expect_in_place(const RecordedFile& base) {
  struct stat status{};
  if (::stat(base.path.c_str(), &status) != 0 ||
      FileIdentity{.device = status.st_dev, .inode = status.st_ino} != base.identity) {
    return std::unexpected(make_error(ErrorKind::refused, "not the file any more that the layers were merged into")
                               .in(base.path)
                               .advise("delete nothing, and put that file back"));
  }
  return {};
}

Result<CommitCheck> verify_commit(RecordStore& records, Gate& gate, const CompareOptions& options) {
  const CommitRecord loaded = QC_TRY(finished_record(records));
  if (!layers_are_there(loaded)) {
    return check_by_digest(loaded, gate, options);
  }
  CommitRecord record = loaded;
  CommitCheck check = QC_TRY(check_by_layers(record, gate, options));
  QC_TRY(note(loaded, std::move(record), records, check.good()));
  return check;
}

Result<CommitCheck> verify_moved(RecordStore& records, Gate& gate, const CompareOptions& options) {
  const CommitRecord record = QC_TRY(finished_record(records));
  if (!record.content) {
    return verify_commit(records, gate, options);
  }
  QC_TRY(expect_in_place(record.base));
  CommitCheck check = QC_TRY(check_by_content(record, gate, options));
  if (!check.good()) {
    locate(check, record, gate, options);
  }
  QC_TRY(note(record, record, records, check.good()));
  return check;
}

Result<CommitCheck> verify_whole(RecordStore& records, Gate& gate, const CompareOptions& options) {
  const CommitRecord loaded = QC_TRY(finished_record(records));
  if (!loaded.whole) {
    return std::unexpected(make_error(ErrorKind::refused, "no digest of the whole view was read before it was merged")
                               .in(loaded.base.path)
                               .advise("qchain verify compares it with the merged layers"));
  }
  CommitCheck check = QC_TRY(check_by_whole(loaded, gate, options));
  if (check.difference.in_view) {
    locate(check, loaded, gate, options);
  }
  CommitRecord record = loaded;
  record.whole->differs = !check.good();
  QC_TRY(note(loaded, std::move(record), records, check.good()));
  return check;
}

}  // namespace qchain
