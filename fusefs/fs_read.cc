#include "fusefs/filesystem.h"

namespace qchain::fusefs {
namespace {

/// Where in `range` the trouble is: the first extent that is broken by its metadata, else the first that is inflated,
/// else the start.
UnreadablePlace locate(const View& view, Range range) {
  std::optional<Extent> suspect;
  for (std::uint64_t offset = range.start; offset < range.end();) {
    const Extent extent = view.extent_at(offset);
    if (extent.kind == ExtentKind::broken) {
      suspect = extent;
      break;
    }
    if (extent.kind == ExtentKind::compressed && !suspect) {
      suspect = extent;
    }
    offset = extent.end();
  }
  const Extent place = suspect.value_or(view.extent_at(range.start));
  return {view.slice().chain.layer(place.layer).file, place.range()};
}

}  // namespace

// Fetching the pieces together is what makes a fragmented view quick when it is cold; a single piece gains nothing.
void FileSystem::prepare(OpenFile& file, Range in_view, const Extent& first) {
  const auto ahead = file.ahead.next(in_view, file.node.content.window.end());
  if (first.end() < in_view.end()) {
    file.view->will_need(in_view);
  }
  if (ahead) {
    file.view->will_need(*ahead);
  }
}

Reply<Bytes> FileSystem::read(OpenFile& file, Range range, MutableBytes buffer) {
  const Range inside = intersect(range, {0, file.node.content.window.length});
  if (inside.empty()) {
    return Bytes{};
  }
  const Range in_view{file.node.content.window.start + inside.start, inside.length};
  const Extent first = file.view->extent_at(in_view.start);
  prepare(file, in_view, first);
  if (first.reads_zero() && first.end() >= in_view.end() && in_view.length <= zeros_.bytes().size()) {
    return zeros_.bytes().first(in_view.length);
  }
  const MutableBytes into = buffer.first(in_view.length);
  if (const auto done = file.view->read(in_view.start, into); !done) {
    reporter_.unreadable(locate(*file.view, in_view), done.error());
    return refuse(errno_of(done.error()));
  }
  return into;
}

}  // namespace qchain::fusefs
