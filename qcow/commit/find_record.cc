#include "qcow/commit/find_record.h"

#include <filesystem>

#include "qcow/commit/unfinished.h"
#include "qcow/storage/block_device.h"

namespace qchain {

namespace {

namespace fs = std::filesystem;

constexpr std::string_view record_suffix = ".qchain.json";

std::string anchor_named(const std::string& named) {
  return named.ends_with(record_suffix) ? named.substr(0, named.size() - record_suffix.size()) : named;
}

std::unexpected<Error> no_record(const std::string& named) {
  Error error = make_error(ErrorKind::refused, "there is no record of a commit beside it").in(named);
  if (is_block_device(named)) {
    error.advice = "that of a block device lies beside the image that was committed: name it instead, DIR/" +
                   fs::path(named).filename().string() + std::string(record_suffix);
  }
  return std::unexpected(std::move(error));
}

/// The folder's real name, and the file's own: it may be gone.
std::string absolute_name(const std::string& path) {
  std::error_code error;
  const fs::path folder = fs::path(path).parent_path();
  const fs::path real = fs::canonical(folder.empty() ? "." : folder, error);
  return error ? path : (real / fs::path(path).filename()).string();
}

/// The commit that these words ask for merged the image itself, so that it may be deleted by now.
bool has_merged_image(const CommitRecord& record, const CommitRequest& request) {
  return !is_unfinished(record) && !record.overlay && record.merged.back().path == absolute_name(request.image) &&
         record.asked.base == request.layers.base && record.asked.top == request.layers.top &&
         record.asked.shallow == request.layers.shallow;
}

std::optional<CommitReport> find_in(const std::string& folder, const CommitRequest& request) {
  std::error_code error;
  for (fs::directory_iterator entry(folder, error), end; !error && entry != end; entry.increment(error)) {
    const std::string path = entry->path().string();
    if (!path.ends_with(record_suffix)) {
      continue;
    }
    const auto record = FileRecordStore(anchor_named(path)).load();
    if (record && *record && has_merged_image(**record, request)) {
      return CommitReport{.record = **record, .anchor = anchor_named(path), .was_finished = true};
    }
  }
  return std::nullopt;
}

}  // namespace

Result<FoundRecord> find_record(const std::string& named) {
  std::string anchor = anchor_named(named);
  auto record = QC_TRY(FileRecordStore(anchor).load());
  if (!record) {
    return no_record(named);
  }
  return FoundRecord{.anchor = std::move(anchor), .record = *std::move(record)};
}

Result<FoundRecord> find_record_in_chain(const std::string& named, Gate& gate) {
  auto found = find_record(named);
  if (found || found.error().kind != ErrorKind::refused) {
    return found;
  }
  const auto chain = Chain::open(named, gate);
  for (std::size_t base = chain ? chain->depth() - 1 : 0; base-- > 0;) {
    if (auto of_layer = record_of_layer(*chain, base)) {
      return *std::move(of_layer);
    }
  }
  return found;
}

std::optional<FoundRecord> record_of_layer(const Chain& chain, std::size_t base) {
  std::string anchor = record_anchor(chain, base);
  auto record = FileRecordStore(anchor).load();
  if (!record || !*record) {
    return std::nullopt;
  }
  // A file of a block device's name, elsewhere, may be about another device that had the name before.
  if (anchor != chain.layer(base).file && (*record)->base.identity != chain.layer(base).image->storage().identity()) {
    return std::nullopt;
  }
  return FoundRecord{.anchor = std::move(anchor), .record = **std::move(record)};
}

std::optional<CommitReport> find_cut_off_deletion(const CommitRequest& request, std::vector<std::string> folders) {
  folders.push_back(fs::path(absolute_name(request.image)).parent_path().string());
  if (!request.layers.base.empty()) {
    folders.push_back(fs::path(absolute_name(request.layers.base)).parent_path().string());
  }
  for (const std::string& folder : folders) {
    if (auto found = find_in(folder, request)) {
      return found;
    }
  }
  return std::nullopt;
}

}  // namespace qchain
