#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "qcow/storage/writable_file.h"

namespace qchain {

/// What becomes of a file that already has the output's name.
enum class Existing : std::uint8_t {
  refuse,
  replace,  ///< a regular file is replaced in one step at the end; a block device is written in place
};

/// Makes the names in the folder of `path` durable. Errors: io.
[[nodiscard]] Result<void> sync_folder_of(const std::string& path);

/// An output that appears under its name whole, or not at all. Until publish() it has no name (where the file system
/// can) or a temporary one beside the final one; without publish() it is gone with this object, or with the process.
class OutputFile {
 public:
  /// Makes the file, readable and writable by this process. Errors: refused (it exists, it is a special file, its name
  /// is a block device and `existing` is refuse), locked (the file to be replaced is in use), not_found (no such
  /// folder), permission, no_space, io.
  [[nodiscard]] static Result<std::unique_ptr<OutputFile>> create(const std::string& path, Existing existing);

  OutputFile(const OutputFile&) = delete;
  OutputFile& operator=(const OutputFile&) = delete;
  ~OutputFile();

  [[nodiscard]] const WritableFile& file() const noexcept { return file_; }
  /// Descriptor of the folder that publish() makes names in; -1 for a block device. After create() nothing is opened.
  [[nodiscard]] int folder() const noexcept { return folder_.get(); }
  /// Bytes of a block device that is written in place; nothing for a new file.
  [[nodiscard]] std::optional<std::uint64_t> device_size() const noexcept { return device_size_; }

  /// Syncs the file, gives it its name, syncs the folder. Call once. Errors: refused (a file of that name came
  /// meanwhile), io, no_space, permission; the old file is then still there.
  [[nodiscard]] Result<void> publish();

 private:
  OutputFile(WritableFile file, UniqueFd folder, std::string path, Existing existing)
      : file_(std::move(file)), folder_(std::move(folder)), path_(std::move(path)), existing_(existing) {}

  [[nodiscard]] static Result<std::unique_ptr<OutputFile>> create_new(const std::string& path, Existing existing);
  [[nodiscard]] static Result<std::unique_ptr<OutputFile>> open_device(const std::string& path);
  [[nodiscard]] Result<void> link_nameless();
  [[nodiscard]] Result<void> rename_temporary();

  WritableFile file_;
  UniqueFd folder_;
  std::string path_;       ///< final name, for messages; its last part is the name in the folder
  std::string temporary_;  ///< name in the folder to remove at the end; empty: it has none
  Existing existing_;
  std::optional<std::uint64_t> device_size_;
};

}  // namespace qchain
