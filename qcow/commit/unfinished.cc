#include "qcow/commit/unfinished.h"

#include <fmt/format.h>
#include <sys/stat.h>

#include <algorithm>
#include <filesystem>

#include "qcow/storage/block_device.h"

namespace qchain {

namespace {

namespace fs = std::filesystem;

/// Without links; but a device by the name that it was given: what that leads to may have another number after a start.
std::string absolute(const std::string& path) {
  std::error_code error;
  const fs::path canonical =
      is_block_device(path) ? fs::canonical(fs::absolute(path, error).parent_path(), error) / fs::path(path).filename()
                            : fs::canonical(path, error);
  return error ? path : canonical.string();
}

}  // namespace

RecordedFile recorded(const Layer& layer) {
  const Storage& storage = layer.image->storage();
  const StorageFacts facts = storage.facts();
  return {.path = absolute(layer.file),
          .identity = storage.identity(),
          .size = storage.size(),
          .modified_seconds = facts.modified_seconds,
          .modified_nanoseconds = facts.modified_nanoseconds};
}

std::string record_anchor(const Chain& chain, std::size_t base) {
  return record_anchor(chain.layer(base).file, chain.active().file);
}

std::string record_anchor(const std::string& base, const std::string& active) {
  return is_block_device(base) ? fs::path(active).parent_path() / fs::path(base).filename() : fs::path(base);
}

AskedFor asked_for(const CommitRequest& request, const Chain& chain) {
  return {.image = chain.active().image->storage().identity(),
          .base = request.layers.base,
          .top = request.layers.top,
          .shallow = request.layers.shallow};
}

void disown_overlay(CommitRecord& record) {
  if (record.live) {
    record.live->overlay.reset();
  }
}

bool is_unfinished(const CommitRecord& record) noexcept {
  return record.state < CommitState::done;
}

bool is_about(const CommitRecord& record, const Selection& selection) {
  const auto is_layer = [&](const RecordedFile& file, std::size_t position) {
    return file.identity == selection.chain.layer(position).image->storage().identity();
  };
  bool same = is_layer(record.base, selection.base) && record.merged.size() == selection.top - selection.base &&
              record.overlay.has_value() == selection.overlay().has_value();
  for (std::size_t i = 0; same && i < record.merged.size(); ++i) {
    same = is_layer(record.merged[i], selection.base + 1 + i);
  }
  return same && (!record.overlay || is_layer(*record.overlay, *selection.overlay()));
}

namespace {

/// A merged layer that is not there any more, or another file by now.
std::optional<RecordedFile> missing_layer(const CommitRecord& record) {
  const auto gone = std::ranges::find_if_not(record.merged, [](const RecordedFile& file) {
    struct stat status{};
    return ::stat(file.path.c_str(), &status) == 0 &&
           FileIdentity{.device = status.st_dev, .inode = status.st_ino} == file.identity;
  });
  return gone == record.merged.end() ? std::nullopt : std::optional(*gone);
}

/// The record merges a layer of the selection's.
bool takes_part(const CommitRecord& record, const Selection& selection) {
  for (std::size_t i = selection.base; i <= selection.top; ++i) {
    const FileIdentity layer = selection.chain.layer(i).image->storage().identity();
    if (std::ranges::any_of(record.merged, [&](const RecordedFile& file) { return file.identity == layer; })) {
      return true;
    }
  }
  return false;
}

}  // namespace

Error unfinished_commit(const CommitRecord& record, const std::string& base) {
  Error error = make_error(ErrorKind::refused, "a commit into it was begun and is not finished").in(base);
  if (const auto gone = missing_layer(record); gone && record.state == CommitState::copying) {
    return std::move(error).advise(
        fmt::format("nor can it be, '{}' is gone: put that back, or delete the record (….qchain.json) if the base "
                    "reads as it should",
                    gone->path));
  }
  const std::string image = record.overlay ? record.overlay->path : record.merged.back().path;
  return std::move(error).advise(fmt::format("finish it first: qchain commit --base '{}' --top '{}' '{}'",
                                             record.base.path, record.merged.back().path, image));
}

Result<void> expect_none_unfinished_below(const Selection& selection, const RecordsBeside& records) {
  for (std::size_t below = 0; below < selection.base; ++below) {
    const auto record = QC_TRY(records(record_anchor(selection.chain, below))->load());
    if (record && is_unfinished(*record) && !missing_layer(*record) && takes_part(*record, selection)) {
      return std::unexpected(unfinished_commit(*record, selection.chain.layer(below).file));
    }
  }
  return {};
}

}  // namespace qchain
