#include "qcow/catalog/files_in.h"

#include <algorithm>
#include <filesystem>
#include <system_error>

namespace qchain {

namespace {

namespace fs = std::filesystem;

class Walk {
 public:
  /// Adds the files in `folder`, and its folders to those that are still to be read.
  Result<void> read(const std::string& folder) {
    std::error_code error;
    fs::directory_iterator entry(folder, error);
    for (; !error && entry != fs::directory_iterator(); entry.increment(error)) {
      sort_in(*entry);
    }
    return error ? Result<void>(fail_errno(error.value(), "cannot read the folder", folder)) : Result<void>();
  }

  void read_below() {
    while (!pending_.empty()) {
      const std::string folder = std::move(pending_.back());
      pending_.pop_back();
      if (auto done = read(folder); !done) {
        found_.unreadable.push_back(std::move(done).error());
      }
    }
  }

  FilesFound result() && {
    std::ranges::sort(found_.files);
    std::ranges::sort(found_.unreadable, {}, &Error::path);
    return std::move(found_);
  }

 private:
  void sort_in(const fs::directory_entry& entry) {
    std::error_code error;  // what has gone meanwhile is nothing
    if (entry.symlink_status(error).type() == fs::file_type::directory) {
      pending_.push_back(entry.path().string());
    } else if (entry.is_regular_file(error) || entry.is_block_file(error)) {
      found_.files.push_back(entry.path().string());
    }
  }

  FilesFound found_;
  std::vector<std::string> pending_;
};

}  // namespace

Result<FilesFound> files_in(const std::vector<std::string>& folders) {
  Walk walk;
  for (const std::string& folder : folders) {
    QC_TRY(walk.read(folder));
  }
  walk.read_below();
  return std::move(walk).result();
}

}  // namespace qchain
