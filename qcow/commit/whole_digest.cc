#include "qcow/commit/whole_digest.h"

#include <algorithm>

namespace qchain {

namespace {

/// The tail takes part in the inside digest only: SHA-256 is over what a flat copy of the view holds.
DigestOptions for_tail(DigestOptions options, std::uint64_t view_size) {
  options.kind = DigestKind::quick;
  if (options.progress) {
    options.progress = [report = options.progress, view_size](std::uint64_t done, std::uint64_t total) {
      report(view_size + done, view_size + total);
    };
  }
  return options;
}

}  // namespace

Result<WholeDigest> take_whole_digest(const Selection& selection, const DigestOptions& options) {
  const ViewCaches caches;
  const View top({.chain = selection.chain, .base = 0, .top = selection.top}, caches);
  const View base({.chain = selection.chain, .base = 0, .top = selection.base}, caches);
  const Range behind = range_between(top.size(), base.size());
  // What is hidden becomes zeros, which count as nothing.
  const Range kept = range_between(std::max(behind.start, selection.hidden_tail().end()), behind.end());
  WholeDigest whole{.view = QC_TRY(digest_of(top, {0, top.size()}, options)),
                    .tail = QC_TRY(digest_of(base, kept, for_tail(options, top.size())))};
  whole.tail.size = behind.length;
  return whole;
}

Result<WholeDifference> compare_whole(const View& base, const WholeDigest& expected, const DigestOptions& options) {
  if (expected.view.size > base.size() || expected.tail.size != base.size() - expected.view.size) {
    return WholeDifference{.in_tail = true};
  }
  const Range view{0, expected.view.size};
  const Range tail = range_between(view.end(), base.size());
  DigestOptions how = options;
  how.kind = expected.view.sha256.empty() ? DigestKind::quick : DigestKind::with_sha256;
  return WholeDifference{.in_view = QC_TRY(digest_of(base, view, how)) != expected.view,
                         .in_tail = QC_TRY(digest_of(base, tail, for_tail(how, view.length))) != expected.tail};
}

}  // namespace qchain
