#include "qcow/commit/last_write.h"

#include <sys/stat.h>

#include <algorithm>

#include "qcow/storage/block_device.h"

namespace qchain {

namespace {

std::optional<FileTime> time_of(const Storage& storage) {
  struct stat status{};
  if (storage.descriptor() < 0 || ::fstat(storage.descriptor(), &status) != 0 || !S_ISREG(status.st_mode)) {
    return std::nullopt;
  }
  return FileTime{.seconds = status.st_mtim.tv_sec, .nanoseconds = static_cast<std::uint32_t>(status.st_mtim.tv_nsec)};
}

}  // namespace

std::optional<FileTime> last_write(const Image& image) {
  const auto file = time_of(image.storage());
  const auto data = time_of(image.data_storage());
  return file && data ? std::optional(std::max(*file, *data)) : std::nullopt;
}

namespace {

bool shows_changes(const Image& image) {
  return &image.data_storage() == &image.storage() && !is_block_device(image.storage());
}

}  // namespace

bool would_show_changes(const Slice& layers) {
  for (std::size_t i = layers.base; i <= layers.top; ++i) {
    if (!shows_changes(*layers.chain.layer(i).image)) {
      return false;
    }
  }
  return true;
}

namespace {

/// A commit of all layers into this base is done, and one of these layers was among them: in any other words, the
/// layer would be written over what the base has by now.
bool has_merged_any(const CommitRecord& record, const Selection& selection) {
  const auto identity = [&](std::size_t i) { return selection.chain.layer(i).image->storage().identity(); };
  const auto is_merged = [&](const FileIdentity& file) {
    return std::ranges::any_of(record.merged, [&](const RecordedFile& merged) { return merged.identity == file; });
  };
  bool found = false;
  for (std::size_t i = selection.base + 1; i <= selection.top; ++i) {
    found |= is_merged(identity(i));
  }
  return found && record.base.identity == identity(selection.base);
}

}  // namespace

// Later, and not only another time: a power cut may give back an older one, since fdatasync leaves times out.
bool is_written_since(const CommitRecord& record, const Selection& selection) {
  const bool is_done = record.state == CommitState::done || record.state == CommitState::verified;
  if (!is_done || record.overlay || !has_merged_any(record, selection)) {
    return false;
  }
  if (record.live && record.live->step == LiveStep::pivoted) {
    return true;
  }
  const auto now = last_write(*selection.base_layer().image);
  return record.base_left && now && *now > *record.base_left;
}

}  // namespace qchain
