#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>

#include "qcow/commit/record.h"
#include "qcow/storage/unique_fd.h"
#include "qcow/storage/writable_file.h"

namespace qchain {

namespace {

constexpr std::uint64_t max_record_bytes = std::uint64_t{64} << 20;  // a chain of thousands of long names

std::string folder_of(const std::string& path) {
  const auto slash = path.rfind('/');
  return slash == std::string::npos ? "." : path.substr(0, slash + 1);
}

Result<std::string> read_all(int fd, const std::string& path) {
  struct stat status{};
  if (::fstat(fd, &status) != 0) {
    return fail_errno(errno, "cannot stat", path);
  }
  if (!S_ISREG(status.st_mode) || static_cast<std::uint64_t>(status.st_size) > max_record_bytes) {
    return std::unexpected(make_error(ErrorKind::corrupt, "is not a commit record").in(path));
  }
  std::string text(static_cast<std::size_t>(status.st_size), '\0');
  const ssize_t count = ::pread(fd, text.data(), text.size(), 0);
  if (count < 0) {
    return fail_errno(errno, "cannot read", path);
  }
  text.resize(static_cast<std::size_t>(count));
  return text;
}

Result<void> sync_folder(const std::string& path) {
  const UniqueFd folder(::open(folder_of(path).c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!folder.valid() || ::fsync(folder.get()) != 0) {
    return fail_errno(errno, "cannot write the folder to stable storage", path);
  }
  return {};
}

}  // namespace

Result<std::optional<CommitRecord>> FileRecordStore::load() const {
  const UniqueFd fd(::open(path_.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (!fd.valid()) {
    if (errno == ENOENT || errno == ENAMETOOLONG) {  // no file can have that name, so none was ever saved
      return std::nullopt;
    }
    return fail_errno(errno, "cannot open", path_);
  }
  const std::string text = QC_TRY(read_all(fd.get(), path_));
  CommitRecord record = QC_TRY_IN(path_, parse_record(text));
  renumber_devices(record);
  QC_TRY(adopt_new_base(record));
  return record;
}

Result<void> FileRecordStore::save(const CommitRecord& record) {
  const std::string temporary = path_ + ".new";
  {
    UniqueFd fd(::open(temporary.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0644));
    if (!fd.valid()) {
      return fail_errno(errno, "cannot write the commit record", temporary);
    }
    const std::string text = to_json(record);
    const WritableFile file(std::move(fd), temporary);
    QC_TRY(file.write(0, std::as_bytes(std::span(text))));
    QC_TRY(file.sync());  // else the rename could become durable before the text: an empty record after a crash
  }
  if (::rename(temporary.c_str(), path_.c_str()) != 0) {
    return fail_errno(errno, "cannot write the commit record", path_);
  }
  return sync_folder(path_);  // the caller's next step relies on the new state being found after a crash
}

Result<void> FileRecordStore::remove() {
  if (::unlink(path_.c_str()) != 0 && errno != ENOENT) {
    return fail_errno(errno, "cannot delete the commit record", path_);
  }
  return sync_folder(path_);
}

}  // namespace qchain
