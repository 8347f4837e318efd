#include "fusefs/filesystem.h"

namespace qchain::fusefs {
namespace {

bool is_it(const Extent& extent, Seek what) {
  return extent.reads_zero() == (what == Seek::hole);
}

}  // namespace

Reply<std::uint64_t> FileSystem::seek(OpenFile& file, std::uint64_t offset, Seek what) {
  const Range window = file.node.content.window;
  if (offset >= window.length) {
    return refuse(std::errc::no_such_device_or_address);
  }
  const Waiting waiting = crew_.begin_waiting();
  for (std::uint64_t position = window.start + offset; position < window.end();) {
    const Extent extent = file.horizon.extent_at(*file.view, position, window.end());
    if (is_it(extent, what)) {
      return position - window.start;
    }
    position = extent.end();
  }
  if (what == Seek::hole) {
    return window.length;
  }
  return refuse(std::errc::no_such_device_or_address);
}

}  // namespace qchain::fusefs
